import type { PeerIdentity } from '../cable/plug/plug.js';
import type { Log } from '../log.js';
import { optionName } from '../options/name.js';
import type { PeerUp, Watcher } from './running.js';
import { runShell } from './shell.js';

/** Commands that run at a time: many clients may come up at once. */
const TOGETHER = 16;

/** Commands to be run when a peer has come up or gone. */
export interface HookCommands {
  readonly up?: string | undefined;
  readonly down?: string | undefined;
}

interface Peer {
  /** Its environment, as it was when it came up. */
  up: PeerUp;
  /** Whether it is up, and why not. */
  isUp: boolean;
  reason: string;
  /** Whether the last command that was begun was for its coming. */
  told: boolean;
  running: boolean;
}

/**
 * Runs commands when peers come up and go: of one peer one after the other, and in no one's way. Who has gone, or come back, before a
 * command's turn comes is as if that had not been.
 */
export class Hooks implements Watcher {
  readonly #commands: HookCommands;
  readonly #switch: string;
  readonly #log: Log;
  readonly #peers = new Map<string, Peer>();
  /** Whose turn has not come yet. */
  readonly #waiting: (() => void)[] = [];
  readonly #tasks = new Set<Promise<void>>();

  /** @param place what the peers are plugged into */
  constructor(commands: HookCommands, place: string, log: Log) {
    this.#commands = commands;
    this.#switch = place;
    this.#log = log;
  }

  up(up: PeerUp): void {
    const id = idOf(up);
    const peer = this.#peers.get(id) ?? { up, isUp: true, reason: '', told: false, running: false };
    Object.assign(peer, { up, isUp: true });
    this.#peers.set(id, peer);
    this.#goOn(id, peer);
  }

  down(identity: PeerIdentity, why: string): void {
    const id = idOf(identity);
    const peer = this.#peers.get(id);
    if (peer === undefined) return; // it was never up
    Object.assign(peer, { isUp: false, reason: why });
    this.#goOn(id, peer);
  }

  unplugged(): void {}

  plugged(): void {}

  /** Runs what should be run for a peer, unless something still does. */
  #goOn(id: string, peer: Peer): void {
    if (peer.running) return;
    if (peer.told === peer.isUp) {
      if (!peer.isUp) this.#peers.delete(id);
      return;
    }
    peer.running = true;
    const start = () => {
      const { isUp, up, reason } = peer;
      const skip = peer.told === isUp; // it has changed while it waited for its turn
      peer.told = isUp;
      const run = skip ? Promise.resolve() : this.#run(isUp ? 'up' : 'down', up, isUp ? '' : reason);
      const task = run.finally(() => {
        this.#tasks.delete(task);
        this.#waiting.shift()?.();
        peer.running = false;
        this.#goOn(id, peer);
      });
      this.#tasks.add(task);
    };
    if (this.#tasks.size < TOGETHER) start();
    else this.#waiting.push(start);
  }

  async #run(event: keyof HookCommands, up: PeerUp, reason: string): Promise<void> {
    const command = this.#commands[event];
    if (command === undefined) return;
    const { failure } = await runShell(command, {
      CRYPTCAB_PEER: up.name ?? up.peer,
      CRYPTCAB_PUBLIC_KEY: up.publicKey ?? '',
      CRYPTCAB_ADDRESS: up.address,
      CRYPTCAB_DEVICE: up.device ?? '',
      CRYPTCAB_SWITCH: this.#switch,
      CRYPTCAB_REASON: reason,
    });
    if (failure !== undefined) this.#log.warn({ peer: up.peer }, `${optionName(event)} ${failure}`);
  }

  /** Runs the command for each that is up and goes now, and waits for all. @param reason why */
  async close(reason: string): Promise<void> {
    for (const { up, isUp } of [...this.#peers.values()]) if (isUp) this.down(up, reason);
    while (this.#tasks.size > 0) await Promise.race(this.#tasks);
  }
}

function idOf({ publicKey, peer }: PeerIdentity): string {
  return publicKey ?? peer;
}
