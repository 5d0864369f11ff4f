// Who may connect, as etcd says: a key for each peer, whose value is its line. All is read once, and watched from that revision on.
// Servers tell each other there whom they have met last, and by which timestamp (secure.md §4.4).
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { messageOf } from '../../error.js';
import { keyText } from '../../keys/key-text.js';
import { parsePeers } from '../../keys/peers-file.js';
import { textKey } from '../../keys/read-key.js';
import type { Log } from '../../log.js';
import { optionName } from '../../options/name.js';
import { Etcd, readAccess } from './etcd.js';
import type { EtcdPlace } from './peers-option.js';
import type { KnownPeer } from './peers-watch.js';

/** Between two attempts, ms: the first, and at most. */
const PAUSE = { first: 250, most: 5_000 } as const;
/** How often it is asked whether it is there, while it says nothing. */
const BEAT_MS = 3_000;
/** Puts of one transaction; etcd takes 128. */
const TOGETHER = 100;
const TIMESTAMP_BYTES = 12;
/** Stands for the public key of a line that cannot be read. */
const UNREADABLE = 'unreadable';

/** What the owner of the peers does. */
export interface EtcdHost {
  /** These are all, by public key. */
  all(peers: ReadonlyMap<string, KnownPeer>): void;
  /** One is new, or another than before; undefined: it may not connect any more. */
  one(publicKey: string, known: KnownPeer | undefined): void;
  /** A server has met a peer. @param timestamp of its initiation, 12 bytes */
  seen(publicKey: string, timestamp: Uint8Array, server: number): void;
}

interface Pair {
  readonly key: string;
  readonly value?: string;
  readonly mod_revision?: string;
}

const encode = (text: string) => Buffer.from(text).toString('base64');
const decode = (text = '') => Buffer.from(text, 'base64').toString();

export class EtcdPeers {
  readonly #place: EtcdPlace;
  readonly #host: EtcdHost;
  readonly #log: Log;
  readonly #closed = new AbortController();
  #etcd: Etcd;
  /** Ends what is under way, to start again. */
  #round = new AbortController();
  /** The public keys of the keys that have a peer. */
  readonly #keys = new Map<string, string>();
  /** The public key that each line names, whether or not this server can use it. */
  readonly #named = new Map<string, string>();
  /** How many lines name each public key: whom servers meet changes far more often than lines do. */
  readonly #lines = new Map<string, number>();
  /** What other servers have to know, by public key. */
  readonly #untold = new Map<string, string>();
  /** Our number, and by which timestamp we have met whom last, by public key. */
  #number: number | undefined;
  readonly #met = new Map<string, string>();
  /** Public keys that may not connect any more, and are to be forgotten there; with the revision up to which what was said of them is old. */
  readonly #stale = new Map<string, string>();
  #telling = false;
  #there = false;
  #told = false;
  /** Whether it was said that nothing can be written. */
  #mute = false;
  /** Whether it was said that another server has our number. */
  #saidTwin = false;

  /** @throws CryptcabError when its options cannot be read */
  constructor(place: EtcdPlace, host: EtcdHost, log: Log) {
    this.#place = place;
    this.#host = host;
    this.#log = log;
    this.#etcd = this.#open();
    this.#run();
  }

  #open(): Etcd {
    const access = readAccess(this.#place.options, this.#log);
    if (
      access.tls === undefined &&
      this.#place.hosts.some(({ host }) => !/^(127\.|::1$|localhost$)/.test(host))
    )
      this.#log.warn(
        {},
        'etcd is asked without encryption, and who is on the way can let anybody in: name ETCDCTL_CACERT in the file of ?options=FILE',
      );
    return new Etcd(this.#place, access);
  }

  /** Reads the options, and all peers, again. */
  reload(): void {
    try {
      this.#etcd = this.#open();
    } catch (error) {
      this.#log.warn({}, messageOf(error));
      return;
    }
    this.#round.abort();
  }

  close(): void {
    this.#closed.abort();
    this.#round.abort();
  }

  /** Tells other servers whom this one has met. */
  tell(publicKey: string, timestamp: Uint8Array, server: number): void {
    const hex = bytesToHex(timestamp);
    this.#number = server;
    this.#met.set(publicKey, hex);
    this.#untold.set(publicKey, `${hex} ${server}`);
    this.#tellAll();
  }

  async #run(): Promise<void> {
    let pause: number = PAUSE.first;
    while (!this.#closed.signal.aborted) {
      const round = new AbortController();
      this.#round = round;
      try {
        const revision = await this.#readAll(round.signal);
        this.#said(true);
        pause = PAUSE.first;
        this.#tellAll();
        await Promise.race([this.#watch(revision + 1n, round.signal), this.#beat(round.signal)]);
      } catch (error) {
        if (!this.#closed.signal.aborted && !this.#round.signal.aborted) this.#said(false, messageOf(error));
      }
      this.#there = false;
      const again = round.signal.aborted;
      round.abort();
      if (again) continue; // it was asked to start again
      this.#etcd.next();
      await sleep(pause, undefined, { signal: this.#closed.signal }).catch(() => {});
      pause = Math.min(2 * pause, PAUSE.most);
    }
  }

  /** Says once that etcd is away, and once that it is back. */
  #said(there: boolean, why = ''): void {
    this.#there = there;
    if (there && this.#told) this.#log.warn({ etcd: this.#etcd.called }, 'etcd is there again');
    if (!there && !this.#told)
      this.#log.warn(
        { etcd: this.#etcd.called },
        `etcd does not answer: ${why}; those who may connect stay as they are; still trying`,
      );
    this.#told = !there;
  }

  /** Both kinds of keys are next to each other: `.` comes before `/`, and `/` before `0`. */
  get #range(): { readonly key: string; readonly range_end: string } {
    const { prefix } = this.#place;
    return { key: encode(`${prefix}.`), range_end: encode(`${prefix}0`) };
  }

  /** @returns the revision that was read */
  async #readAll(signal: AbortSignal): Promise<bigint> {
    const answer = await this.#etcd.call('/v3/kv/range', this.#range, signal);
    const { header, kvs = [] } = answer as { header: { revision: string }; kvs?: readonly Pair[] };
    const peers = new Map<string, KnownPeer>();
    for (const key of [...this.#named.keys()]) this.#forget(key);
    for (const pair of kvs) {
      const known = this.#read(pair);
      if (known !== undefined) peers.set(keyText(known.publicKey), known);
    }
    this.#log.info({ etcd: this.#etcd.called, peers: peers.size }, 'read the peers in etcd');
    this.#host.all(peers);
    for (const pair of kvs) this.#readSeen(pair);
    return BigInt(header.revision);
  }

  async #watch(revision: bigint, signal: AbortSignal): Promise<void> {
    const create_request = { ...this.#range, start_revision: String(revision) };
    await this.#etcd.stream('/v3/watch', { create_request }, signal, ({ result, error }) => {
      const { events = [], canceled = false } = (result ?? {}) as {
        events?: readonly { readonly type?: string; readonly kv: Pair }[];
        canceled?: boolean;
      };
      for (const { type, kv } of events) this.#changed(kv, type === 'DELETE');
      if (this.#stale.size > 0) this.#tellAll(); // a later event may have named a peer again
      if (canceled || error !== undefined) throw new Error('it has ended the watch');
    });
    throw new Error('it has ended the watch');
  }

  /** A connection may be dead without anybody saying so. */
  async #beat(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(BEAT_MS, undefined, { signal });
      const { key } = this.#range;
      await this.#etcd.call('/v3/kv/range', { key, count_only: true }, signal);
    }
  }

  #changed(pair: Pair, gone: boolean): void {
    const key = decode(pair.key);
    const before = this.#keys.get(key);
    const named = this.#named.get(key);
    if (gone) this.#forget(key);
    const known = gone ? undefined : this.#read(pair);
    const now = known && keyText(known.publicKey);
    if (before !== undefined && before !== now && ![...this.#keys.values()].includes(before)) {
      this.#host.one(before, undefined);
    }
    if (typeof named === 'string' && !this.#isNamed(named)) this.#strikeOut(named, pair);
    const renamed = this.#named.get(key);
    if (typeof renamed === 'string') this.#stale.delete(renamed);
    if (now !== undefined) this.#host.one(now, known);
    if (gone) return;
    const met = this.#readSeen(pair);
    if (met !== undefined) this.#lookForTwin(met, pair);
  }

  /** Whether a line names a peer, also one that this server cannot use: others may. A line that it cannot read may name any. */
  #isNamed(publicKey: string): boolean {
    return this.#lines.has(publicKey) || this.#lines.has(UNREADABLE);
  }

  /** No line names it any more. @param pair up to whose revision what was said of it is old */
  #strikeOut(publicKey: string, pair: Pair): void {
    this.#untold.delete(publicKey);
    this.#met.delete(publicKey);
    this.#stale.set(publicKey, pair.mod_revision ?? '0');
  }

  #forget(key: string): void {
    const named = this.#named.get(key);
    this.#keys.delete(key);
    this.#named.delete(key);
    if (named === undefined) return;
    const left = (this.#lines.get(named) as number) - 1;
    if (left > 0) this.#lines.set(named, left);
    else this.#lines.delete(named);
  }

  /** The peer of a key; undefined for one that is none, which is said. */
  #read({ key: encoded, value }: Pair): KnownPeer | undefined {
    const key = decode(encoded);
    if (!key.startsWith(`${this.#place.prefix}/`)) return undefined;
    const { peers, wrong } = parsePeers(decode(value).split('\n', 1)[0] as string);
    const [peer] = peers;
    let why = wrong[0]?.why ?? 'it has no line of a peer';
    this.#forget(key);
    const named = peer === undefined ? UNREADABLE : keyText(peer.publicKey);
    this.#named.set(key, named);
    this.#lines.set(named, (this.#lines.get(named) ?? 0) + 1);
    if (peer !== undefined) {
      try {
        const { publicKey, name, presharedKeyFile, endpoint, policy, host } = peer;
        const presharedKey = presharedKeyFile && textKey(resolve('/', presharedKeyFile), 'genpsk', this.#log);
        this.#keys.set(key, named);
        return {
          where: `the key ${key} of etcd`,
          publicKey,
          ...(name !== undefined && { name }),
          ...(presharedKey && { presharedKey }),
          ...(endpoint !== undefined && { endpoint }),
          ...(policy !== undefined && { policy }),
          ...(host !== undefined && { host }),
        };
      } catch (error) {
        why = messageOf(error);
      }
    }
    this.#log.warn({ key }, `skipped a peer in etcd: ${why}`);
    return undefined;
  }

  #seenKey(publicKey: string): string {
    return encode(`${this.#place.prefix}.seen/${publicKey}`);
  }

  /**
   * Reads whom a server has met. Of a peer that no line names it goes: it was there before this server started, or on its way to etcd when
   * the peer was struck out.
   * @returns the public key of a peer that it is about; undefined where it is about none
   */
  #readSeen(pair: Pair): string | undefined {
    const key = decode(pair.key);
    const within = `${this.#place.prefix}.seen/`;
    if (!key.startsWith(within)) return undefined;
    const publicKey = key.slice(within.length);
    const [, hex = '', server] = /^([0-9a-f]{24}) (\d{1,3})$/.exec(decode(pair.value)) ?? [];
    const timestamp = hexToBytes(hex);
    if (timestamp.length === TIMESTAMP_BYTES) this.#host.seen(publicKey, timestamp, Number(server));
    if (this.#isNamed(publicKey)) return publicKey;
    this.#strikeOut(publicKey, pair);
    return undefined;
  }

  /** Who was met later than here, by a server of our number? A balancer sends what is for both to one of them. */
  #lookForTwin(publicKey: string, { value }: Pair): void {
    const [hex = '', server] = decode(value).split(' ');
    const met = this.#met.get(publicKey);
    if (this.#saidTwin || Number(server) !== this.#number || met === undefined || hex <= met) return;
    this.#saidTwin = true;
    this.#log.warn(
      {},
      `another server has the number ${server} as well, and clients of one of them get no answers: give each its own ${optionName('secure.serverId')}`,
    );
  }

  async #tellAll(): Promise<void> {
    if (this.#telling || !this.#there) return;
    this.#telling = true;
    const { signal } = this.#round;
    try {
      while (this.#untold.size > 0) {
        const some = [...this.#untold].slice(0, TOGETHER);
        const success = some.map(([publicKey, value]) => ({
          request_put: { key: this.#seenKey(publicKey), value: encode(value) },
        }));
        await this.#etcd.call('/v3/kv/txn', { success }, signal);
        this.#mute = false;
        for (const [publicKey, value] of some)
          if (this.#untold.get(publicKey) === value) this.#untold.delete(publicKey);
      }
      await this.#forgetStale(signal);
    } catch (error) {
      if (!signal.aborted && !this.#mute)
        this.#log.warn(
          {},
          `cannot tell the other servers by etcd whom this one has met: ${messageOf(error)}; a captured call may be answered once by each of them`,
        );
      this.#mute = true;
    } finally {
      this.#telling = false;
    }
  }

  /** Takes away what servers have said of peers that are none any more; not what one has said since. */
  async #forgetStale(signal: AbortSignal): Promise<void> {
    while (this.#stale.size > 0) {
      const some = [...this.#stale].slice(0, TOGETHER);
      const success = some.map(([publicKey, mod_revision]) => {
        const key = this.#seenKey(publicKey);
        const since = String(BigInt(mod_revision) + 1n);
        const compare = [{ key, target: 'MOD', result: 'LESS', mod_revision: since }];
        return { request_txn: { compare, success: [{ request_delete_range: { key } }] } };
      });
      await this.#etcd.call('/v3/kv/txn', { success }, signal);
      for (const [publicKey, mod_revision] of some)
        if (this.#stale.get(publicKey) === mod_revision) this.#stale.delete(publicKey);
    }
  }
}
