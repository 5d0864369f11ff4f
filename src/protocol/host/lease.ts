// The client of DHCP (secure.md §6.6; RFC 2131 §4.4).
import { sameBytes } from '../bytes.js';
import type { Random } from '../classic/session-key.js';
import { isStation, NOBODY_4 } from './address.js';
import { DHCP_PAUSE, DHCP_RENEW_MIN, DHCP_REQUESTS, DHCP_SILENCE, DHCP_WAIT } from './constants.js';
import {
  DHCP,
  DHCP_PORT,
  type DhcpAnswer,
  type DhcpClient,
  type DhcpQuestion,
  dhcpQuestion,
  readDhcpAnswer,
} from './dhcp.js';
import { BROADCAST_MAC } from './mac.js';
import type { HostOutbox } from './outbox.js';
import type { Prefix } from './terms.js';
import { udpOf } from './udp.js';

/** As RFC 2131 §4.4 names them; off: none is wanted, paused: it starts again later. */
type State = 'off' | 'paused' | 'selecting' | 'requesting' | 'bound' | 'renewing' | 'rebinding';

interface Held {
  readonly prefix: Prefix;
  readonly router: Uint8Array | undefined;
  readonly server: Uint8Array;
  /** Of who brought the server's answer: the server, a relay or a router. */
  readonly serverMac: Uint8Array;
  /** When it should be asked for again, of its server and of any; and when it is over. */
  readonly renewAt: number;
  readonly rebindAt: number;
  readonly endAt: number;
}

/** What follows in the machine. */
export interface LeaseEvents {
  leased(now: number, prefix: Prefix): void;
  /** The address may not be used any more. */
  lost(now: number, address: Uint8Array): void;
}

const EVERYBODY = new Uint8Array(4).fill(0xff);

export class Lease {
  readonly #client: DhcpClient;
  readonly #out: HostOutbox;
  readonly #random: Random;
  readonly #events: LeaseEvents;
  #state: State = 'off';
  #held: Held | undefined;
  #offer: DhcpAnswer | undefined;
  /** The address that is asked for first. */
  #wanted: Uint8Array | undefined;
  #transaction = new Uint8Array(4);
  /** Since when it has been asking, ms. */
  #since = 0;
  #at = Infinity;
  #wait = 0;
  #tries = 0;
  /** Whether it was reported that nobody answers. */
  #told = false;

  constructor(
    client: DhcpClient,
    wanted: Uint8Array | undefined,
    out: HostOutbox,
    random: Random,
    events: LeaseEvents,
  ) {
    this.#client = client;
    this.#wanted = wanted;
    this.#out = out;
    this.#random = random;
    this.#events = events;
  }

  get state(): State {
    return this.#state;
  }

  get deadline(): number {
    return this.#at;
  }

  /** What the server named. */
  get router(): Uint8Array | undefined {
    return this.#held?.router;
  }

  /** Asks for an address. */
  start(now: number): void {
    this.#begin(now);
    this.#state = 'selecting';
    this.#wait = DHCP_WAIT.first;
    this.#ask(now);
  }

  #begin(now: number): void {
    this.#transaction = this.#random(4).slice();
    this.#since = now;
    this.#tries = 0;
  }

  /** Gives the address back, and asks for none. */
  release(now: number): void {
    const held = this.#held;
    if (held !== undefined) {
      this.#begin(now);
      this.#toServer(now, held, { type: DHCP.RELEASE, own: held.prefix.address, server: held.server });
    }
    this.stop();
  }

  /** Forgets the lease, and asks for none. */
  stop(): void {
    this.#held = undefined;
    this.#state = 'off';
    this.#at = Infinity;
  }

  /** Somebody else has the address that was leased. */
  declined(now: number): void {
    const held = this.#held;
    if (held === undefined) return;
    const { server, prefix } = held;
    this.#begin(now);
    this.#toAll(now, { type: DHCP.DECLINE, requested: prefix.address, server });
    this.#wanted = undefined;
    this.#held = undefined;
    this.#pause(now);
    this.#events.lost(now, prefix.address);
  }

  #pause(now: number): void {
    this.#state = 'paused';
    this.#at = now + DHCP_PAUSE;
  }

  /**
   * A message has come to a client's port.
   * @param mac where its frame came from
   */
  receive(now: number, message: Uint8Array, mac: Uint8Array): void {
    const answer = readDhcpAnswer(message, this.#client.mac);
    if (answer === undefined || !sameBytes(answer.transaction, this.#transaction)) return;
    const { type, address, server } = answer;
    switch (this.#state) {
      case 'selecting':
        if (type !== DHCP.OFFER || !isStation(address)) return;
        this.#offer = answer;
        this.#state = 'requesting';
        this.#wait = DHCP_WAIT.first;
        this.#tries = 0;
        this.#ask(now);
        return;
      case 'requesting':
      case 'renewing':
        if (!sameBytes(server, (this.#held ?? (this.#offer as DhcpAnswer)).server)) return;
        this.#answered(now, answer, mac);
        return;
      case 'rebinding':
        this.#answered(now, answer, mac);
        return;
      case 'off':
      case 'paused':
      case 'bound':
    }
  }

  #answered(now: number, answer: DhcpAnswer, mac: Uint8Array): void {
    const { type, address, seconds } = answer;
    if (type === DHCP.NAK) {
      const had = this.#held !== undefined;
      this.#lose(now);
      if (had) this.start(now);
      else this.#pause(now); // it refuses what it has offered: both could go on as fast as frames pass
    } else if (type === DHCP.ACK && isStation(address) && (seconds ?? 0) > 0)
      this.#bind(now, answer, seconds as number, mac);
  }

  #bind(now: number, answer: DhcpAnswer, seconds: number, mac: Uint8Array): void {
    const { address, bits, router, server } = answer;
    // Half, and seven eighths, of the time (RFC 2131 §4.4.5).
    let [renewal, rebinding] = [answer.renewal ?? 0.5 * seconds, answer.rebinding ?? 0.875 * seconds];
    if (!(renewal < rebinding && rebinding < seconds))
      [renewal, rebinding] = [0.5 * seconds, 0.875 * seconds];
    const [renewAt, rebindAt, endAt] = [renewal, rebinding, seconds].map(
      (one) => now + Math.floor(1000 * one),
    );
    const prefix = { address, bits };
    const before = this.#held?.prefix;
    const same = before !== undefined && sameBytes(before.address, address) && before.bits === bits;
    if (!same) this.#lose(now);
    this.#held = {
      prefix,
      router,
      server,
      serverMac: mac.slice(),
      renewAt: renewAt as number,
      rebindAt: rebindAt as number,
      endAt: endAt as number,
    };
    this.#wanted = address;
    this.#state = 'bound';
    this.#at = renewAt as number;
    this.#told = false;
    if (same) return;
    this.#out.notice({ what: 'lease', address: prefix, server, seconds });
    this.#events.leased(now, prefix);
  }

  #lose(now: number): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#out.notice({ what: 'no lease', address: held.prefix.address });
    this.#events.lost(now, held.prefix.address);
  }

  tick(now: number): void {
    if (now < this.#at) return;
    const held = this.#held;
    switch (this.#state) {
      case 'paused':
        this.start(now);
        return;
      case 'selecting':
      case 'requesting':
        if (!this.#told && now - this.#since >= DHCP_SILENCE) {
          this.#told = true;
          this.#out.notice({ what: 'no dhcp' });
        }
        if (this.#state === 'requesting' && this.#tries >= DHCP_REQUESTS) this.start(now);
        else this.#ask(now);
        return;
      case 'bound':
        this.#begin(now);
        this.#state = 'renewing';
    }
    if (held === undefined) return;
    if (now >= held.endAt) {
      this.#lose(now);
      this.start(now);
      return;
    }
    if (now >= held.rebindAt) this.#state = 'rebinding';
    this.#renew(now, held);
  }

  #renew(now: number, held: Held): void {
    const own = held.prefix.address;
    const until = this.#state === 'renewing' ? held.rebindAt : held.endAt;
    this.#at = Math.min(until, now + Math.max(DHCP_RENEW_MIN, Math.floor((until - now) / 2)));
    const question = { type: DHCP.REQUEST, own };
    if (this.#state === 'renewing') this.#toServer(now, held, question);
    else this.#toAll(now, question);
  }

  /** Asks who has an address, or for the one that was offered. */
  #ask(now: number): void {
    this.#tries++;
    const [jitter = 0] = this.#random(1);
    this.#at = now + this.#wait + Math.floor(((jitter - 128) * 1000) / 128);
    this.#wait = Math.min(2 * this.#wait, DHCP_WAIT.longest);
    if (this.#state === 'requesting') {
      const { address, server } = this.#offer as DhcpAnswer;
      this.#toAll(now, { type: DHCP.REQUEST, requested: address, server });
    } else this.#toAll(now, { type: DHCP.DISCOVER, requested: this.#wanted });
  }

  #message(now: number, question: Omit<DhcpQuestion, 'transaction' | 'seconds'>) {
    const seconds = Math.floor((now - this.#since) / 1000);
    const data = dhcpQuestion(this.#client, { ...question, transaction: this.#transaction, seconds });
    return { from: DHCP_PORT.CLIENT, to: DHCP_PORT.SERVER, data };
  }

  #toAll(now: number, question: Omit<DhcpQuestion, 'transaction' | 'seconds'>): void {
    this.#out.ip(BROADCAST_MAC, udpOf(question.own ?? NOBODY_4, EVERYBODY, this.#message(now, question)));
  }

  #toServer(
    now: number,
    { prefix, server, serverMac }: Held,
    question: Omit<DhcpQuestion, 'transaction' | 'seconds'>,
  ): void {
    this.#out.ip(serverMac, udpOf(prefix.address, server, this.#message(now, question)));
  }
}
