import type { PeerIdentity } from '../cable/plug/plug.js';
import type { PeerDown, PeerUp, Watcher } from '../ends/running.js';
import type { CryptcabError } from '../error.js';
import { libraryText } from '../option-mark.js';

/** What an end of a cable reports: an `Event` with a `detail`. */
export class CableEvent<Type extends string = string, Detail = unknown> extends Event {
  declare readonly type: Type;
  /** What there is to say about it. */
  readonly detail: Detail;

  /** @internal */
  constructor(type: Type, detail: Detail) {
    super(type);
    this.detail = detail;
  }
}

/** Who is not up any more, and why. */
export interface DownDetail extends PeerIdentity {
  /** Why. */
  readonly why: PeerDown;
}

/** Whose port was lost, and why. */
export interface UnpluggedDetail extends PeerIdentity {
  /** What the switch or the system said, for people. */
  readonly why: string;
}

/** Whose port is there again. */
export type PluggedDetail = PeerIdentity;

/** How it ended. */
export interface CloseDetail {
  /** Why it could not go on; undefined after close(). */
  readonly error: CryptcabError | undefined;
}

/** The events of a client or a server, by name. */
export interface CableEventMap {
  /** Frames can pass to a peer, and from it, as both ends have agreed on keys and its port of the switch is open: to the server of a client, to a client of a server. */
  up: CableEvent<'up', PeerUp>;
  /** And no more. A client keeps trying; a server has given the peer's port of the switch back. close() fires no such event. */
  down: CableEvent<'down', DownDetail>;
  /** A peer's port of the switch was lost, or there is none for it: it is not up until there is. Tried again. */
  unplugged: CableEvent<'unplugged', UnpluggedDetail>;
  /** That port is there again. */
  plugged: CableEvent<'plugged', PluggedDetail>;
  /** The last one: all has been taken down, by close() or, with an error, because it could not go on. */
  close: CableEvent<'close', CloseDetail>;
}

/** Any of the events. */
export type AnyCableEvent = CableEventMap[keyof CableEventMap];

/** What hears an event: a function, or an object with a handleEvent, as for any EventTarget. */
export type CableListener<Heard> = ((event: Heard) => void) | CableListenerObject<Heard>;

/** An object that hears an event. */
export interface CableListenerObject<Heard> {
  /** Receives the event. */
  handleEvent(event: Heard): void;
}

/** How an event is listened to: see `EventTarget.addEventListener`. */
export interface CableListenerOptions {
  /** Once, and no more. */
  once?: boolean;
  /** Until this is aborted. */
  signal?: AbortSignal;
}

/** Makes events of what happens, and keeps those that come before anybody can listen. */
export class Notices implements Watcher {
  #waiting: AnyCableEvent[] | undefined = [];
  #target: EventTarget | undefined;
  #begun: Promise<void> | undefined;
  #ending = false;

  up(peer: PeerUp): void {
    this.tell(new CableEvent('up', peer));
  }

  down(peer: PeerIdentity, why: PeerDown): void {
    this.tell(new CableEvent('down', { ...peer, why }));
  }

  unplugged(peer: PeerIdentity, why: string): void {
    this.tell(new CableEvent('unplugged', { ...peer, why: libraryText(why) }));
  }

  plugged(peer: PeerIdentity): void {
    this.tell(new CableEvent('plugged', peer));
  }

  tell(event: AnyCableEvent): void {
    if (this.#ending && event.type !== 'close') return;
    if (this.#waiting !== undefined) this.#waiting.push(event);
    else this.#target?.dispatchEvent(event);
  }

  /** From now on only the event of the close is fired. */
  end(): void {
    this.#ending = true;
  }

  /** From the next turn of the event loop on: a caller who awaits the target has it by then, and has added listeners. */
  begin(target: EventTarget): void {
    this.#target = target;
    this.#begun = new Promise((resolve) => {
      setTimeout(() => {
        const waiting = this.#waiting ?? [];
        this.#waiting = undefined;
        for (const event of waiting) target.dispatchEvent(event);
        resolve();
      });
    });
  }

  /** Resolves when the events of the start have been fired; undefined before begin(). */
  get begun(): Promise<void> | undefined {
    return this.#begun;
  }
}
