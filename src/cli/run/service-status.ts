// How a cable does, in one line: systemctl status shows it.
import type { PeerIdentity } from '../../cable/plug/plug.js';
import type { PeerDown, PeerUp, Watcher } from '../../ends/running.js';

const DOWN: Readonly<Record<PeerDown, string>> = {
  unknown: 'the server has forgotten it',
  silent: 'nothing comes from the server',
  expired: 'nothing comes from the server',
  goodbye: 'the server has ended',
  moved: 'it has moved',
  removed: 'it was removed',
  disconnected: 'it was cut off',
};

const keyOf = ({ peer, publicKey = peer }: PeerIdentity) => publicKey;

/** Told what becomes of a cable; says it in one line. */
export class ServiceStatus implements Watcher {
  readonly #client: boolean;
  readonly #begin: string;
  readonly #tell: (line: string) => void;
  readonly #up = new Map<string, PeerUp>();
  readonly #unplugged = new Map<string, string>();
  #why = '';

  /**
   * @param server whom a client calls; undefined of a server
   * @param tell told each line
   */
  constructor(server: string | undefined, tell: (line: string) => void) {
    this.#client = server !== undefined;
    this.#begin = server === undefined ? 'serving' : `calling ${server}`;
    this.#tell = tell;
  }

  /** What is waited for, or undefined for nothing. */
  waits(why: string | undefined): void {
    this.#why = why ?? '';
    this.#say();
  }

  up(peer: PeerUp): void {
    this.#up.set(keyOf(peer), peer);
    if (this.#client) this.#why = '';
    this.#say();
  }

  down(peer: PeerIdentity, why: PeerDown): void {
    this.#up.delete(keyOf(peer));
    this.#unplugged.delete(keyOf(peer));
    if (this.#client) this.#why = DOWN[why];
    this.#say();
  }

  unplugged(peer: PeerIdentity, why: string): void {
    this.#unplugged.set(keyOf(peer), why);
    this.#say();
  }

  plugged(peer: PeerIdentity): void {
    this.#unplugged.delete(keyOf(peer));
    this.#say();
  }

  /** The line. */
  get line(): string {
    const [first] = this.#up.values();
    const parts = [this.#client && first ? this.#upWith(first) : this.#begin];
    if (!this.#client) parts.push(`${this.#up.size} ${this.#up.size === 1 ? 'peer' : 'peers'} up`);
    const [port = this.#why] = this.#unplugged.values();
    if (port !== '') parts.push(port);
    return parts.join('; ');
  }

  #upWith({ peer, address, cipher }: PeerUp): string {
    return `up with ${peer === address ? peer : `${peer} at ${address}`}, ${cipher}`;
  }

  #say(): void {
    this.#tell(this.line);
  }
}
