// A device with DHCP, against a server that the test plays byte by byte (RFC 2131 §4.4).
import { expect } from 'vitest';
import { readPacket } from '../../../src/protocol/host/ip.js';
import { readUdp, udpOf } from '../../../src/protocol/host/udp.js';
import { BROADCAST, DEVICE, datagram, ip, ipText, macText, station, World } from './host-fixture.js';

export const SERVER = station(2);
export const OTHER_SERVER = station(3);
export const ADDRESS = ip('10.0.0.50');
export const [DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE] = [1, 2, 3, 4, 5, 6, 7];
/** Longer than any wait of the client's for an answer, and no longer than its patience. */
export const LONG = 600;

export interface Asked {
  readonly type: number;
  readonly at: number;
  readonly source: string;
  readonly to: string;
  readonly mac: string;
  readonly transaction: Uint8Array;
  readonly own: string;
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** A device with DHCP, and what its client has said. */
export class Leasing {
  readonly world: World;
  readonly asked: Asked[] = [];
  readonly notices: string[] = [];
  #begin: number;

  constructor(options: ConstructorParameters<typeof World>[0] = {}) {
    this.world = new World({ addresses: [], dhcp: true, multicast: 'none', ...options });
    this.#begin = this.world.now;
    this.world.machine.up(this.world.now);
    this.look();
  }

  /** Reads what the machine has done. */
  look(): void {
    for (const effect of this.world.machine.take()) {
      if (effect.do === 'notice') this.notices.push(effect.notice.what);
      const packet = effect.do === 'frame' ? readPacket(effect.frame.subarray(14)) : undefined;
      const udp = packet && readUdp(packet);
      if (effect.do !== 'frame' || packet === undefined || udp?.to !== 67) continue;
      const { data } = udp;
      expect([udp.from, data.length >= 300, macText(data.subarray(28, 34))]).toEqual([
        68,
        true,
        macText(DEVICE),
      ]);
      const options = new Map<number, Uint8Array>();
      for (let at = 240; data[at] !== 255; at += 2 + (data[at + 1] as number))
        options.set(data[at] as number, data.slice(at + 2, at + 2 + (data[at + 1] as number)));
      this.asked.push({
        type: options.get(53)?.[0] as number,
        at: this.world.now - this.#begin,
        source: ipText(packet.source),
        to: ipText(packet.destination),
        mac: macText(effect.frame.subarray(0, 6)),
        transaction: data.slice(4, 8),
        own: ipText(data.subarray(12, 16)),
        options,
      });
    }
  }

  pass(ms: number): void {
    const end = this.world.now + ms;
    while (this.world.machine.deadline <= end) {
      this.world.now = Math.max(this.world.now, this.world.machine.deadline);
      this.world.machine.tick(this.world.now);
      this.look();
    }
    this.world.now = end;
  }

  get last(): Asked {
    return this.asked.at(-1) as Asked;
  }

  answer(
    type: number,
    change: {
      readonly address?: Uint8Array;
      readonly seconds?: number;
      readonly server?: typeof SERVER;
      readonly transaction?: Uint8Array;
      readonly extra?: readonly number[];
      readonly chaddr?: Uint8Array;
      readonly to?: Uint8Array;
    } = {},
  ): void {
    const { address = ADDRESS, seconds = LONG, server = SERVER, extra = [], chaddr = DEVICE } = change;
    const message = new Uint8Array(240);
    message.set([2, 1, 6, 0, ...(change.transaction ?? this.last.transaction)]);
    message.set(type === NAK ? [0, 0, 0, 0] : address, 16);
    message.set(chaddr, 28);
    message.set([99, 130, 83, 99], 236);
    const time = new Uint8Array(4);
    new DataView(time.buffer).setUint32(0, seconds);
    const options = [
      53,
      1,
      type,
      54,
      4,
      ...server.four,
      1,
      4,
      255,
      255,
      255,
      0,
      3,
      4,
      10,
      0,
      0,
      254,
      51,
      4,
      ...time,
    ];
    const data = Uint8Array.of(...message, ...options, ...extra, 255);
    const to = change.to ?? ip('255.255.255.255');
    const packet = udpOf(server.four, to, { from: 67, to: 68, data });
    this.world.machine.frame(this.world.now, Uint8Array.of(...BROADCAST, ...server.mac, 8, 0, ...packet));
    this.look();
  }

  /** Brings it to a lease that is in use. */
  lease(seconds = LONG, extra: readonly number[] = []): this {
    this.answer(OFFER, { seconds });
    this.answer(ACK, { seconds, extra });
    this.pass(2_000);
    return this;
  }

  /** Whether the device may send from the address. */
  get usable(): boolean {
    const before = this.world.dropped('source');
    this.world.machine.packet(this.world.now, datagram(ADDRESS, ip('224.0.0.251')));
    const [effect] = this.world.machine.take();
    return effect?.do === 'frame' && this.world.dropped('source') === before;
  }
}
