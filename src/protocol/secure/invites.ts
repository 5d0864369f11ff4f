// The invites of a server: which guests there are, and what becomes of those who come as one (secure.md §8).
import { bytesToHex } from '@noble/hashes/utils.js';
import { INVITE_KEPT, INVITES_MAX } from './constants.js';

/** That somebody has joined. */
export interface Use {
  /** Of the peer that came of it, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** ms since 1970. */
  readonly at: number;
  /** Address and port. */
  readonly from: string;
}

export interface Invite {
  /** The guest's, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** What who joins is called. */
  readonly name: string;
  /** When its time is over, ms since 1970. */
  readonly until: number;
  /** How often it may be used. */
  readonly uses: number;
  /** The first one first. */
  readonly used: readonly Use[];
  /** Whether its time is over because it was taken back. */
  readonly cancelled?: boolean;
}

/** What an invite is good for: `open` is good, `used` and `over` are not any more. */
export type InviteState = 'open' | 'used' | 'over';

/** What a guest is answered. `again`: it is enrolled already, and may not have heard. */
export type Verdict =
  | { readonly result: 'open' | 'again'; readonly invite: Invite }
  | { readonly result: 'used' | 'over'; readonly invite: Invite; readonly since: number };

const same = (one: Uint8Array, other: Uint8Array) => bytesToHex(one) === bytesToHex(other);

/** Since when an invite is of no use, ms since 1970; when it will be, where it is open. */
function uselessSince({ until, uses, used }: Invite): number {
  return used.length < uses ? until : (used.at(-1)?.at ?? until);
}

/** Times are ms since 1970. */
export class Invites {
  readonly #all = new Map<string, Invite>();

  /** The oldest first. */
  get all(): Invite[] {
    return [...this.#all.values()];
  }

  find(guest: Uint8Array): Invite | undefined {
    return this.#all.get(bytesToHex(guest));
  }

  stateOf(now: number, { until, uses, used }: Invite): InviteState {
    if (used.length >= uses) return 'used';
    return now < until ? 'open' : 'over';
  }

  /**
   * One more.
   * @returns the one that has to go for it
   * @throws RangeError when as many are open as there can be
   */
  add(now: number, invite: Invite): Invite | undefined {
    let gone: Invite | undefined;
    if (this.#all.size >= INVITES_MAX) {
      const useless = this.all.filter((one) => this.stateOf(now, one) !== 'open');
      gone = useless.sort((a, b) => uselessSince(a) - uselessSince(b))[0];
      if (gone === undefined)
        throw new RangeError(`${INVITES_MAX} invites are open already: wait until one is used, or over`);
      this.#all.delete(bytesToHex(gone.publicKey));
    }
    this.#all.set(bytesToHex(invite.publicKey), invite);
    return gone;
  }

  /**
   * Somebody asks to be let in.
   * @param known whether the public key is a peer's now
   * @returns undefined for who is no guest
   */
  judge(now: number, guest: Uint8Array, publicKey: Uint8Array, known: boolean): Verdict | undefined {
    const invite = this.find(guest);
    if (invite === undefined) return undefined;
    if (known && invite.used.some((use) => same(use.publicKey, publicKey)))
      return { result: 'again', invite };
    const result = this.stateOf(now, invite);
    return result === 'open' ? { result, invite } : { result, invite, since: uselessSince(invite) };
  }

  /** Puts one there as it is. */
  put(invite: Invite): void {
    this.#all.set(bytesToHex(invite.publicKey), invite);
  }

  remove(guest: Uint8Array): void {
    this.#all.delete(bytesToHex(guest));
  }

  /** Somebody was let in. */
  use(guest: Uint8Array, use: Use): void {
    const invite = this.find(guest);
    if (invite !== undefined) this.#all.set(bytesToHex(guest), { ...invite, used: [...invite.used, use] });
  }

  /** Takes back those of a name that are open, or the one with a public key. @returns how many they were */
  cancel(now: number, name: string, publicKey?: Uint8Array): number {
    const id = publicKey && bytesToHex(publicKey);
    const open = this.all.filter(
      (one) =>
        one.name === name &&
        this.stateOf(now, one) === 'open' &&
        (id === undefined || bytesToHex(one.publicKey) === id),
    );
    for (const one of open) this.#all.set(bytesToHex(one.publicKey), { ...one, until: now, cancelled: true });
    return open.length;
  }

  /** Forgets those that have been over for long. @returns them */
  expire(now: number): Invite[] {
    const gone = this.all.filter(({ until }) => now >= until + INVITE_KEPT);
    for (const one of gone) this.#all.delete(bytesToHex(one.publicKey));
    return gone;
  }
}
