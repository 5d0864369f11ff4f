// Those who come to a server by an invite (secure.md §8): keeps its invites, and lets in whom they are good for.
import { CryptcabError, messageOf } from '../../error.js';
import type { InviteRequest } from '../../keys/enrolment.js';
import { keyText } from '../../keys/key-text.js';
import type { Log, SeldomLog } from '../../log.js';
import { optionName } from '../../options/name.js';
import { type Remote, remoteText } from '../../protocol/remote.js';
import type { Introduction } from '../../protocol/secure/control.js';
import { type Invite, Invites, type Verdict } from '../../protocol/secure/invites.js';
import type { Peer } from '../../protocol/secure/peer.js';
import type { SecureSide } from '../secure-side.js';
import { timeText } from '../time-text.js';
import { peerText } from './peer-text.js';
import type { Roster } from './roster.js';
import type { KeptInvite, RememberedInvite } from './server-state.js';

/** Of a name of 64 characters so many are the invite's and the machine's; the rest distinguishes those of one name. */
const NAME_ROOM = 59;

/** How an invite came to be of no use, and what the operator may do about who came with it. */
function ended(result: 'used' | 'over', { used, cancelled }: Invite, since: number): string {
  const at = timeText(since);
  const last = used.at(-1);
  if (result === 'used' && last !== undefined)
    return `used at ${at} from ${last.from}: two have had the line; if the first was not whom it was for, remove that peer, ${keyText(last.publicKey)}`;
  return cancelled ? `cancelled at ${at}` : `over at ${at}: make another one for them`;
}

export class Guests {
  readonly #side: SecureSide;
  readonly #roster: Roster;
  readonly #log: Log;
  readonly #seldom: SeldomLog;
  readonly #invites = new Invites();
  /** The guests' preshared keys, by their public keys, as they are kept. */
  readonly #sealed = new Map<string, string>();

  constructor(side: SecureSide, roster: Roster, log: Log, seldom: SeldomLog) {
    this.#side = side;
    this.#roster = roster;
    this.#log = log;
    this.#seldom = seldom;
  }

  /** What is kept over a restart. */
  get kept(): KeptInvite[] {
    return this.#invites.all.flatMap((invite) => {
      const sealed = this.#sealed.get(keyText(invite.publicKey));
      return sealed === undefined ? [] : [{ invite, sealed }];
    });
  }

  /** Takes back what was kept. */
  restore(remembered: readonly RememberedInvite[]): void {
    for (const { invite, sealed, presharedKey } of remembered) {
      try {
        this.#admit(invite, presharedKey, sealed);
      } catch {
        // A key that is none, or one too many: who comes with that line is a stranger.
      } finally {
        presharedKey.fill(0);
      }
    }
    this.#expire();
  }

  /**
   * Makes an invite.
   * @returns when it is over, ms since 1970
   * @throws CryptcabError where a peer has that name, where there are too many, and where it cannot be kept
   */
  invite({ publicKey, presharedKey, name, seconds, uses }: InviteRequest): number {
    if (uses === 1 && this.#has(name))
      throw new CryptcabError(`there is a peer ${name} already: give who joins another name`);
    this.#expire();
    const until = 1_000 * Math.round(Date.now() / 1_000 + seconds);
    try {
      const sealed = this.#roster.sealForGuest(publicKey, presharedKey);
      this.#admit({ publicKey, name, until, uses, used: [] }, presharedKey, sealed);
    } catch (error) {
      throw new CryptcabError(`cannot make an invite: ${messageOf(error)}`);
    }
    if (!this.#roster.write()) {
      this.#drop(publicKey);
      throw new CryptcabError(
        `cannot make an invite, as this server cannot write its state, and whoever joined would be forgotten: see its log, and ${optionName('secure.state')}`,
      );
    }
    const many = uses === 1 ? 'one can' : `${uses} can`;
    this.#log.info(
      { invite: name, uses },
      `made an invite: ${many} join as ${name} until ${timeText(until)}`,
    );
    return until;
  }

  /** Takes back the open invites of a name, or the one with a public key. @returns how many they were */
  cancel(name: string, publicKey?: Uint8Array): number {
    const taken = this.#invites.cancel(Date.now(), name, publicKey);
    if (taken > 0) {
      this.#roster.write();
      this.#log.info({ invite: name, taken }, `revoked the invite ${name}`);
    }
    return taken;
  }

  /** A guest asks to be let in. */
  asked(guest: Peer, { publicKey, presharedKey, name }: Introduction): void {
    try {
      const known = this.#side.find(keyText(publicKey)) !== undefined;
      const verdict = this.#invites.judge(Date.now(), guest.publicKey, publicKey, known);
      if (verdict?.result === 'open') this.#letIn(guest, verdict.invite, publicKey, presharedKey, name);
      else if (verdict?.result === 'again') this.#side.answer(guest, 'enrolled');
      else if (verdict !== undefined && 'since' in verdict) this.#refuse(guest, verdict);
    } finally {
      presharedKey.fill(0);
    }
  }

  #letIn(guest: Peer, invite: Invite, publicKey: Uint8Array, presharedKey: Uint8Array, said: string): void {
    const from = remoteText(guest.endpoint as Remote);
    let peer: Peer;
    try {
      peer = this.#side.add({ publicKey, presharedKey, name: this.#nameOf(invite, said) });
    } catch (error) {
      const text = `refused who came with the invite ${invite.name}: ${messageOf(error)}`;
      this.#note(invite, 'no key', () => this.#log.warn({ address: from }, text));
      this.#side.answer(guest, 'no key');
      return;
    }
    this.#invites.use(guest.publicKey, { publicKey, at: Date.now(), from });
    const origin = { how: 'invite', user: null, address: guest.endpoint?.address ?? null } as const;
    if (!this.#roster.joined(peer, presharedKey, { ...origin, at: new Date().toISOString() })) {
      this.#side.remove(peer);
      this.#invites.put(invite);
      const text = `refused who came with the invite ${invite.name}, as the new peer cannot be kept: see that this server can write its state (${optionName('secure.state')})`;
      this.#note(invite, 'not kept', () => this.#log.warn({ address: from }, text));
      this.#side.answer(guest, 'not kept');
      return;
    }
    const calls = said === '' ? '' : `, and calls itself ${said}`;
    this.#log.info(
      { peer: peerText(peer), publicKey: keyText(publicKey), address: from },
      `a peer has joined by the invite ${invite.name}${calls}`,
    );
    this.#side.answer(guest, 'enrolled');
  }

  #refuse(guest: Peer, { result, invite, since }: Extract<Verdict, { since: number }>): void {
    const from = remoteText(guest.endpoint as Remote);
    const text = `somebody at ${from} came with the invite ${invite.name}, which was ${ended(result, invite, since)}`;
    this.#note(invite, `${result} ${from}`, () => this.#log.warn({ address: from }, text));
    this.#side.answer(guest, result, Math.floor(since / 1_000));
  }

  #note(invite: Invite, what: string, say: () => void): void {
    this.#seldom.note(performance.now(), `invite ${keyText(invite.publicKey)} ${what}`, say);
  }

  /** What who joins is called: of several each has a name of its own. */
  #nameOf({ name, uses }: Invite, said: string): string {
    if (uses === 1) return name;
    const wish = (said === '' ? name : `${name}-${said}`).slice(0, NAME_ROOM);
    for (let number = 1; ; number++) {
      const one = number === 1 ? wish : `${wish}-${number}`;
      if (!this.#has(one)) return one;
    }
  }

  #has(name: string): boolean {
    for (const { peer } of this.#side.peers()) if (peer.name === name) return true;
    return false;
  }

  /** @throws RangeError for what is no key, or there already, and when there are too many */
  #admit(invite: Invite, presharedKey: Uint8Array, sealed: string): void {
    const { publicKey, name } = invite;
    const guest = this.#side.add({ publicKey, presharedKey, name: `invite ${name}`, guest: true });
    try {
      const gone = this.#invites.add(Date.now(), invite);
      if (gone !== undefined) this.#forget(gone.publicKey);
    } catch (error) {
      this.#side.remove(guest);
      throw error;
    }
    this.#sealed.set(keyText(publicKey), sealed);
  }

  #expire(): void {
    for (const { publicKey } of this.#invites.expire(Date.now())) this.#forget(publicKey);
  }

  /** Takes an invite back that nobody has seen. */
  #drop(publicKey: Uint8Array): void {
    this.#invites.remove(publicKey);
    this.#forget(publicKey);
  }

  #forget(publicKey: Uint8Array): void {
    this.#sealed.delete(keyText(publicKey));
    const guest = this.#side.find(keyText(publicKey));
    if (guest?.guest) this.#side.remove(guest);
  }
}
