import { randomBytes } from 'node:crypto';
import type { Cable } from '../cable/cable.js';
import { type ClassicLink, deviceOf, type Link } from '../cable/link.js';
import { forPeer, governed, type OpenPlug } from '../cable/plug/plug.js';
import { type Keying, keyingText } from '../core/terms.js';
import { SessionKeys } from '../keys/session-keys.js';
import { type PolicyFields, policyOf } from '../network/policy.js';
import { optionName } from '../options/name.js';
import { ORIGINAL_DATAGRAM_MAX, PEERS_MAX } from '../protocol/classic/constants.js';
import { ClassicServer, type ServerEffect, type ServerRefusal } from '../protocol/classic/server.js';
import { isOriginalId, type Secret } from '../protocol/classic/session-key.js';
import { type Remote, remoteKey, remoteText } from '../protocol/remote.js';
import { copyKey } from '../protocol/secret.js';
import { longestFrame } from '../protocol/sizes.js';
import type { End } from './end.js';
import { keptBy } from './policy-kept.js';
import type { PeerFacts } from './report/report.js';
import type { PeerDown, PeerStatistics } from './running.js';
import { warnOfWeakness } from './warnings.js';

/** How a server knows its clients' keys: from a file that both ends have, by scp (into /tmp, or another directory), or not at all. */
export type ServerKeys =
  | { readonly kind: 'preshared'; readonly key: Uint8Array }
  | { readonly kind: 'scp'; readonly directory?: string | undefined }
  | { readonly kind: 'plain' };

const TICK_MS = 1_000;

const REFUSALS: Readonly<Record<ServerRefusal, string>> = {
  'no key': `refused a client that has no key here: let it send one by scp, or start both ends with the same ${optionName('key')} file`,
  'wrong key': `refused a client with another key: start both ends with ${optionName('key')} and the same key file, or both without ${optionName('key')}`,
  'not encrypted': `refused a client that does not encrypt: start both ends with ${optionName('plain')}, or neither (a C program from 2.3.3 on cannot do without)`,
  encrypted: `refused a client that encrypts, and this server does not: start both ends with ${optionName('plain')}, or neither (a C program from 2.3.3 on always encrypts)`,
  'no cipher':
    'refused a client that answered with an empty datagram: a C program whose OpenSSL has no Blowfish; have OPENSSL_CONF there name a file that turns the legacy provider on (see docs/classic-cable.md)',
  'not logged in': 'told a client that is not known (any more) to log in',
  'short key':
    'refused a client of the ChaCha generation: its key file has 44 bytes, and the one here has fewer',
  'table full': 'refused a client: there are as many as there can be',
  'too many logins': 'passed over logins that came too fast',
};

/** Where a link is made: the cable, or the thread of it that a datagram came to. */
type At = Pick<Cable, 'plugIn'>;

export interface ClassicSideOptions {
  readonly end: End;
  readonly keys: ServerKeys;
  /** Makes a switch port for each client. */
  readonly plug: OpenPlug;
  /** What each may do on the network: they have no lines. */
  readonly peerDefaults: PolicyFields;
  /** Whether somebody else has a port of the switch. */
  othersPlugged(): boolean;
}

/** A server's clients of the classic protocol: carries out what the machine says (classic.md). */
export class ClassicSide {
  readonly #end: End;
  readonly #keys: ServerKeys;
  readonly #sent: SessionKeys | undefined;
  readonly #plug: OpenPlug;
  readonly #policy: ReturnType<typeof policyOf>;
  readonly #machine: ClassicServer;
  readonly #links = new Map<string, ClassicLink>();
  readonly #closing = new Set<Promise<void>>();
  /** When something authentic came of each last. */
  readonly #heardAt = new WeakMap<Link, number>();
  readonly #timer: NodeJS.Timeout;

  constructor({ end, keys, plug, peerDefaults, othersPlugged }: ClassicSideOptions) {
    this.#end = end;
    this.#keys = keys;
    this.#sent = keys.kind === 'scp' ? new SessionKeys(keys.directory) : undefined;
    const policy = policyOf({}, peerDefaults);
    this.#policy = policy;
    this.#plug = governed(plug, () => policy);
    this.#machine = new ClassicServer({
      random: randomBytes,
      keyFor: (id) => this.#keyFor(id),
      get peersMax() {
        return plug.alone === undefined ? PEERS_MAX : othersPlugged() ? 0 : 1;
      },
      verifyResponse: (keying, response, challenge) => end.core.verifyResponse(keying, response, challenge),
    });
    this.#timer = setInterval(() => {
      this.#machine.tick(performance.now());
      this.#act();
    }, TICK_MS);
  }

  /** A datagram came that is of no link. */
  receive(datagram: Uint8Array, from: Remote, at: At): void {
    this.#machine.receive(performance.now(), from, datagram);
    this.#act(at);
  }

  /** Authentic DATA came. */
  heard(link: Link): void {
    const now = performance.now();
    this.#heardAt.set(link, now);
    this.#machine.heard(now, link.remote);
  }

  /** The links that there are. */
  links(): ClassicLink[] {
    return [...this.#links.values()];
  }

  /** The link of the client with this address, as text. */
  find(address: string): ClassicLink | undefined {
    return this.links().find(({ remote }) => remoteText(remote) === address);
  }

  /** Ends a client's session; it may log in again. @returns whether it was there */
  disconnect(address: string): boolean {
    const link = this.find(address);
    if (link === undefined) return false;
    this.#machine.disconnect(link.remote);
    this.#act();
    return true;
  }

  /** What each client has carried. */
  statistics(): PeerStatistics[] {
    return this.links().map((link) => ({
      peer: remoteText(link.remote),
      port: link.port,
      ...this.#kept(link),
      ...link.counts(),
    }));
  }

  /** What is known of each. */
  facts(): PeerFacts[] {
    return this.links().map((link) => {
      const heard = this.#heardAt.get(link);
      return {
        identity: { peer: remoteText(link.remote) },
        cable: 'classic',
        address: link.remote,
        quiet: heard && performance.now() - heard,
        link,
        counts: link.counts(),
        ...this.#kept(link),
      };
    });
  }

  #kept({ port }: Link) {
    return keptBy(this.#plug.network, port, this.#policy);
  }

  /** Cuts all off and wipes all keys. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const { remote } of this.links()) this.#unplug(remote, 'the server ends');
    await Promise.allSettled(this.#closing);
    this.#machine.end();
    if (this.#keys.kind === 'preshared') this.#keys.key.fill(0);
  }

  #keyFor(id: string): Secret | undefined {
    if (this.#keys.kind === 'preshared') return copyKey(this.#keys.key);
    if (this.#sent === undefined) return 'none';
    const key = this.#sent.read(id);
    if (key instanceof Uint8Array) return key;
    const { why, found } = key;
    const { log, seldom } = this.#end;
    seldom.note(performance.now(), `key ${why.replace(id, '')}`, (times) =>
      log[found ? 'warn' : 'debug']({ id, times }, `no session key: ${why}`),
    );
    return undefined;
  }

  /** Its file has done what it was for. */
  #removeKey(id: string, keying: Keying): void {
    if (this.#sent === undefined || keying.suite === 'plain') return;
    const why = this.#sent.remove(id, keying.key);
    if (why !== undefined) this.#end.log.warn({ id }, `cannot remove the key that a client has sent: ${why}`);
  }

  #act(at: At = this.#end.cable): void {
    for (const effect of this.#machine.take()) this.#do(effect, at);
  }

  #do(effect: ServerEffect, at: At): void {
    const { cable, log } = this.#end;
    switch (effect.do) {
      case 'send':
        cable.send(effect.datagram, effect.to);
        break;
      case 'plug':
        this.#plugIn(at, effect.peer, effect.id, effect.keying);
        break;
      case 'rekey': {
        const link = this.#links.get(remoteKey(effect.peer));
        if (link === undefined) return;
        link.move(effect.peer); // it may ask another of our addresses
        this.#raise(link, effect.id, effect.keying);
        log.info({ peer: remoteText(link.remote), id: effect.id }, 'client logged in again');
        break;
      }
      case 'unplug':
        this.#unplug(effect.peer, effect.why);
        break;
      case 'refused':
        this.#refused(effect.peer, effect.why);
        break;
    }
  }

  #refused(from: Remote, why: ServerRefusal): void {
    const { attendance, log, seldom } = this.#end;
    attendance.refuse(why);
    const level = why === 'not logged in' || why === 'too many logins' ? 'info' : 'warn';
    const { alone } = this.#plug;
    const text = why === 'table full' && alone !== undefined ? `refused a client: ${alone}` : REFUSALS[why];
    // By reason alone: an attacker who can forge one source address can forge many.
    seldom.note(performance.now(), why, (times) => log[level]({ peer: remoteText(from), times }, text));
  }

  #plugIn(at: At, from: Remote, id: string, keying: Keying): void {
    const { attendance, log, passages } = this.#end;
    const peer = remoteText(from);
    const link = at.plugIn(from, forPeer(this.#plug, { peer }));
    if (link === undefined) {
      log.warn({ peer }, 'refused a client: no memory for one more session');
      return;
    }
    this.#links.set(remoteKey(from), link);
    this.#raise(link, id, keying);
    warnOfWeakness(log, peer, keying.suite);
    passages.agreed(link, () => {
      log.info({ peer, id, cipher: keyingText(keying), port: link.port }, 'client is up');
      const up = { peer, address: peer, cipher: keying.suite, ...deviceOf(link) };
      attendance.up(up, () => link.counts());
    });
  }

  #raise(link: ClassicLink, id: string, keying: Keying): void {
    this.#end.attendance.handshakes++;
    this.#removeKey(id, keying);
    link.raise(keying);
    if (isOriginalId(id)) link.limit(longestFrame(keying.suite, ORIGINAL_DATAGRAM_MAX));
  }

  #unplug(from: Remote, why: PeerDown | 'the server ends'): void {
    const link = this.#links.get(remoteKey(from));
    if (link === undefined) return;
    const { attendance, log, passages } = this.#end;
    const identity = { peer: remoteText(from) };
    this.#links.delete(remoteKey(from));
    log.info(identity, `client is gone: ${why}`);
    if (passages.over(link) && why !== 'the server ends') attendance.down(identity, why);
    passages.pulled(link);
    attendance.gone(identity, link.counts());
    const done = link.close().finally(() => this.#closing.delete(done));
    this.#closing.add(done);
  }
}
