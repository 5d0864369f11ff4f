// A C server of either generation as classic.md §2, §3 and §7 describe it, in a simulated network: no such binary of the
// ChaCha generation is in a distribution.
import type { Keying } from '../../../src/core/terms.js';
import { TYPE } from '../../../src/protocol/classic/constants.js';
import { authOk, challenge, classify, deny, loginId } from '../../../src/protocol/classic/messages.js';
import { type Remote, remoteKey } from '../../../src/protocol/remote.js';
import { type Network, type Node, serverCore } from './simulated.js';

/** What it was built as, and how it was started. */
export type Build = 'blowfish' | 'chacha20 12' | 'chacha20 0' | 'plain';

interface Peer {
  readonly key: Uint8Array;
  readonly challenge: Uint8Array;
  expires: number;
}

export class OriginalServer implements Node {
  readonly remote: Remote = { address: '198.51.100.1', port: 7667 };
  readonly deadline = Infinity;
  readonly keyFiles = new Map<string, Uint8Array>();
  readonly sessions = new Map<string, Keying>();
  readonly #network: Network;
  readonly #build: Build;
  readonly #preshared: Uint8Array | undefined;
  readonly #peers = new Map<string, Peer>();
  /** Whether a LOGIN before the RESPONSE is denied; it draws another CHALLENGE otherwise. */
  deniesRepeated = true;

  /** @param preshared its key file; keys are sent to it when undefined */
  constructor(network: Network, build: Build, preshared: Uint8Array | undefined) {
    this.#network = network;
    this.#build = build;
    this.#preshared = preshared;
    network.attach(this);
  }

  restart(): void {
    this.#peers.clear();
    this.sessions.clear();
  }

  timer(): void {}

  receive(datagram: Uint8Array, from: Remote): void {
    const name = remoteKey(from);
    const peer = this.#peers.get(name);
    if (peer !== undefined && this.#network.now >= peer.expires) {
      this.#forget(name);
      this.receive(datagram, from);
      return;
    }
    const up = this.sessions.has(name);
    const message = classify(datagram);
    if (message === 'login') this.#logIn(loginId(datagram) as string, from, peer !== undefined && !up);
    else if (message === 'response' && peer !== undefined && !up) this.#prove(datagram, from, peer);
    else if (up && message === 'keepalive') this.#hear(name);
    else if (up && datagram[0] === TYPE.DATA) {
      // The ChaCha generation does not count it.
      if (!this.#build.startsWith('chacha20')) this.#hear(name);
    } else this.#send(up ? authOk() : deny(16), from);
  }

  #logIn(id: string, from: Remote, repeated: boolean): void {
    const key = this.#preshared ?? this.keyFiles.get(id);
    if (key === undefined || (repeated && this.deniesRepeated)) {
      this.#forget(remoteKey(from));
      this.#send(deny(16), from);
      return;
    }
    this.#forget(remoteKey(from));
    const bytes = this.#network.random.bytes(128);
    this.#peers.set(remoteKey(from), { key, challenge: bytes, expires: this.#network.now + 20_000 });
    this.#send(challenge(bytes), from);
  }

  #prove(datagram: Uint8Array, from: Remote, peer: Peer): void {
    const keying = this.#keying(peer.key);
    if (!serverCore.verifyResponse(keying, datagram, peer.challenge)) {
      this.#forget(remoteKey(from));
      this.#send(deny(16), from);
      return;
    }
    this.sessions.set(remoteKey(from), keying);
    this.#hear(remoteKey(from));
    this.#send(authOk(), from);
  }

  #keying(key: Uint8Array): Keying {
    if (this.#build === 'plain') return { suite: 'plain' };
    if (this.#build === 'blowfish') return { suite: 'blowfish', key };
    return { suite: 'chacha20', key, block: this.#build === 'chacha20 12' ? 12 : 0 };
  }

  #hear(name: string): void {
    const peer = this.#peers.get(name);
    if (peer !== undefined) peer.expires = this.#network.now + 120_000;
  }

  #forget(name: string): void {
    this.#peers.delete(name);
    this.sessions.delete(name);
  }

  #send(datagram: Uint8Array, to: Remote): void {
    this.#network.send(datagram, this.remote, to);
  }
}
