import { NAME_BYTES } from '../linux/sockaddr.js';
import type { Peer } from './peer.js';

export const NAME_WORDS = NAME_BYTES / 4;

function hash(words: Uint32Array, at: number): number {
  let sum = 0;
  for (let i = 0; i < NAME_WORDS; i++) sum = Math.imul(sum ^ (words[at + i] as number), 0x9e3779b1);
  return (sum ^ (sum >>> 16)) & 0x3fffffff;
}

/** Whether two sockaddrs are the same. @param at where the other one is in `words` */
export function sameName(one: Uint32Array, words: Uint32Array, at: number): boolean {
  return sameWords(one, words, at, NAME_WORDS);
}

/** Whether the first `count` words are the same. @param at where the others are in `words` */
export function sameWords(one: Uint32Array, words: Uint32Array, at: number, count: number): boolean {
  for (let i = 0; i < count; i++) if (one[i] !== words[at + i]) return false;
  return true;
}

/** Peers by their sockaddr. Looking one up makes no garbage, of which a flood would make much. */
export class PeerTable {
  readonly #byHash = new Map<number, Peer[]>();
  #last: Peer | undefined;
  /** How many there are. */
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** @param peer that has a name */
  add(peer: Peer): void {
    const { words } = peer.name as NonNullable<Peer['name']>;
    const key = hash(words, 0);
    const others = (this.#byHash.get(key) ?? []).filter(
      ({ name }) => !name || !sameName(name.words, words, 0),
    );
    this.#count += 1 - ((this.#byHash.get(key)?.length ?? 0) - others.length);
    this.#byHash.set(key, [...others, peer]);
    this.#last = undefined;
  }

  remove(peer: Peer): void {
    this.#last = undefined;
    if (peer.name === undefined) return;
    const key = hash(peer.name.words, 0);
    const others = (this.#byHash.get(key) ?? []).filter((other) => other !== peer);
    this.#count -= (this.#byHash.get(key)?.length ?? 0) - others.length;
    if (others.length === 0) this.#byHash.delete(key);
    else this.#byHash.set(key, others);
  }

  /** @param at where the sockaddr is in `words` */
  find(words: Uint32Array, at: number): Peer | undefined {
    const last = this.#last?.name;
    if (last !== undefined && sameName(last.words, words, at)) return this.#last;
    for (const peer of this.#byHash.get(hash(words, at)) ?? NONE) {
      if (peer.name !== undefined && sameName(peer.name.words, words, at)) {
        this.#last = peer;
        return peer;
      }
    }
    return undefined;
  }
}

const NONE: readonly Peer[] = [];
