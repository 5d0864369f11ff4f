// The core's short way for a host and its machine's long one: what the core carries by itself, the machine would have carried in
// the same bytes, and what the core refuses it would have dropped. What it leaves out changes nothing later either.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arpOf } from '../../../src/protocol/host/arp.js';
import { ETHERTYPE, frameOf } from '../../../src/protocol/host/ethernet.js';
import { solicitation } from '../../../src/protocol/host/nd.js';
import type { HostEffect } from '../../../src/protocol/host/terms.js';
import { type Randomness, randomnessOf } from '../../support/randomness.js';
import { randomness } from '../../support/seed.js';
import {
  BROADCAST,
  DEVICE,
  DEVICE_4,
  DEVICE_6,
  datagram,
  ip,
  station,
  World,
} from '../protocol/host-fixture.js';
import { hex, makeCore } from '../unit/core/harness.js';
import { Transport } from '../unit/core/secure-twins.js';
import { encode } from '../unit/core/tap-twin.js';
import { parseStream, streamOf } from '../unit/core/twins.js';
import { anySeed, property } from './property.js';

const PATH = 1452;
const TRIES = 300;
const NEAR = station(9);
const seen = { carried4: 0, carried6: 0, kept: 0, refused: 0 };
const heard = { kept: 0, leftOut: 0 };
const lived = { carried: 0, kept: 0, leftOut: 0, sent: 0 };
const ELSEWHERE = ip('192.0.2.1');
const GATEWAY = station(78);

/** A machine that is up and knows a station, and a core that has been told all that it told. */
async function scene(random: Randomness) {
  const { core, session: open, batch, drain } = await makeCore();
  const session = open();
  const key = random.bytes(32);
  core.setPath(session, PATH);
  core.installKeypair(session, 0, { send: key.slice(), receive: key.slice(), local: 1, remote: 1 });
  core.useKeypair(session, 0);
  const options = { multicast: 'all', packetMax: PATH - 32, gateways: [GATEWAY.four] } as const;
  const world = new World(options);
  const { machine } = world;
  /** One that gets all that there is. */
  const { machine: whole } = new World(options);
  const take = (): HostEffect[] => {
    const effects = machine.take();
    for (const effect of effects) {
      if (effect.do === 'addresses') core.hosts.set(session, DEVICE, effect);
      if (effect.do === 'neighbour') core.hosts.neighbour(session, effect.address, effect.mac);
      if (effect.do === 'listen') core.hosts.listen(session, effect.address, effect.on);
      if (effect.do === 'gateway') core.hosts.gateway(session, effect.family, effect.mac);
    }
    return effects;
  };
  const sent = (effects: readonly HostEffect[]) =>
    effects.flatMap((one) => (one.do === 'frame' ? [hex(one.frame)] : []));
  /** Time passes. @returns the frames that either machine sent, with their moments; within a moment in no order, as the core reports none */
  const pass = (ms: number) => {
    const now = (effects: readonly HostEffect[]) =>
      sent(effects)
        .map((frame) => `${world.now}: ${frame}`)
        .sort();
    const frames: { ours: string[]; whole: string[] } = { ours: [], whole: [] };
    for (const until = world.now + ms; world.now < until; world.now += 250) {
      machine.tick(world.now);
      whole.tick(world.now);
      frames.ours.push(...now(take()));
      frames.whole.push(...now(whole.take()));
    }
    return frames;
  };
  machine.up(world.now);
  whole.up(world.now);
  pass(20_000);
  const request = {
    what: 'request',
    senderMac: NEAR.mac,
    sender: NEAR.four,
    targetMac: new Uint8Array(6),
    target: DEVICE_4,
  } as const;
  const solicits = solicitation(NEAR.six, DEVICE_6, DEVICE_6, NEAR.mac);
  for (const one of [machine, whole]) {
    one.frame(world.now, frameOf(BROADCAST, NEAR.mac, ETHERTYPE.ARP, arpOf(request)));
    one.packet(world.now, datagram(DEVICE_4, NEAR.four));
    one.frame(world.now, frameOf(DEVICE, NEAR.mac, ETHERTYPE.IPV6, solicits));
    one.packet(world.now, datagram(DEVICE_6, NEAR.six));
  }
  take();
  whole.take();
  const transport = new Transport(key, 1);
  let counter = 0n;
  return {
    pass,
    /** What goes to the switch after a packet of the device's: of a machine that gets what the core keeps, and of the whole one. */
    sends(packet: Uint8Array) {
      core.ring.pushTransport(session, transport.seal(counter++, packet));
      const [slot] = batch();
      const carried = parseStream(core.writeStream(session, 1, 0, false)).frames;
      core.ring.release(slot?.index as number);
      const kept = core.hosts.kept();
      for (const { bytes } of kept) machine.packet(world.now, bytes);
      whole.packet(world.now, packet);
      lived.carried += carried.length;
      return { ours: [...carried.map(hex), ...sent(take())], whole: sent(whole.take()) };
    },
    /** The same after a frame from the switch. */
    gets(frame: Uint8Array) {
      core.readStream(session, streamOf([frame]));
      const kept = core.hosts.kept();
      for (const { bytes } of kept) machine.frame(world.now, bytes);
      whole.frame(world.now, frame);
      lived[kept.length > 0 ? 'kept' : 'leftOut']++;
      return { ours: sent(take()), whole: sent(whole.take()) };
    },
    /** What core and machine make of a packet of the device's: frames for the switch. */
    says(packet: Uint8Array) {
      core.ring.pushTransport(session, transport.seal(counter++, packet));
      const [slot] = batch();
      const frames = parseStream(core.writeStream(session, 1, 0, false)).frames;
      core.ring.release(slot?.index as number);
      const kept = core.hosts.kept().length > 0;
      machine.packet(world.now, packet);
      return {
        kept,
        core: frames,
        machine: take().flatMap((one) => (one.do === 'frame' ? [one.frame] : [])),
      };
    },
    /** And of a frame from the switch: packets for the device. */
    hears(frame: Uint8Array) {
      core.readStream(session, streamOf([frame]));
      const packets = drain().map(({ bytes }) => transport.open(bytes).payload);
      const kept = core.hosts.kept().length > 0;
      machine.frame(world.now, frame);
      return {
        kept,
        core: packets,
        machine: take().flatMap((one) => (one.do === 'packet' ? [one.packet] : [])),
      };
    },
    /** Whether the core leaves a frame from the switch to the machine, and what the machine does then. */
    asks(frame: Uint8Array) {
      core.readStream(session, streamOf([frame]));
      const kept = core.hosts.kept().length > 0;
      machine.frame(world.now, frame);
      return { kept, machine: take() };
    },
  };
}

/** A packet between the device and somebody; mostly well made. */
function packetOf(random: Randomness, outwards: boolean): Uint8Array {
  const version = random.below(2) === 0 ? 4 : 6;
  const whole = encode({
    version,
    tags: [],
    tos: 0,
    id: random.below(0x10000),
    dontFragment: random.below(2) === 0,
    ttl: 64,
    flow: 0,
    host: 2,
    port: random.below(0x10000),
    sequence: 1,
    acknowledged: 2,
    flags: random.below(2) === 0 ? 2 : 16,
    window: 1000,
    urgent: 0,
    options:
      random.below(2) === 0
        ? random.bytes(4 * random.below(11))
        : Uint8Array.of(1, 2, 4, 0xff, 0xff, 1, 1, 0),
    payload: Buffer.from(random.bytes(random.below(3) === 0 ? 1300 + random.below(200) : random.below(300))),
  }).subarray(14);
  const others =
    version === 4
      ? [NEAR.four, ip('10.0.0.77'), ip('192.0.2.1'), ip('224.0.0.251')]
      : [NEAR.six, ip('fd00::77'), ip('ff02::fb')];
  const own = version === 4 ? DEVICE_4 : DEVICE_6;
  const other = others[random.below(4) === 0 ? random.below(others.length) : 0] as Uint8Array;
  const [at, size] = version === 4 ? [12, 4] : [8, 16];
  whole.set(outwards ? own : other, at);
  whole.set(outwards ? other : own, at + size);
  if (random.below(3) === 0) whole[random.below(Math.min(whole.length, 80))] = random.below(256);
  return Buffer.concat([whole, Buffer.alloc(random.below(2) * random.below(16))]);
}

property(
  'the core carries what the machine would have, in the same bytes',
  1,
  fc.asyncProperty(anySeed, async (from) => {
    const random = randomnessOf(from);
    const { says, hears } = await scene(random);
    for (let i = 0; i < TRIES; i++) {
      const outwards = i % 2 === 0;
      const packet = packetOf(random, outwards);
      const type = (packet[0] as number) >> 4 === 4 ? ETHERTYPE.IPV4 : ETHERTYPE.IPV6;
      const found = outwards ? says(packet) : hears(frameOf(DEVICE, NEAR.mac, type, packet));
      const text = hex(packet);
      if (found.core.length > 0) {
        seen[type === ETHERTYPE.IPV4 ? 'carried4' : 'carried6']++;
        expect(found.machine.map(hex), text).toEqual(found.core.map(hex));
      } else if (found.kept) {
        seen.kept++;
      } else {
        seen.refused++;
        expect(found.machine.map(hex), text).toEqual([]);
      }
    }
  }),
  () => {
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(0);
  },
  TRIES,
);

/** ARP of somebody's; mostly well made. */
function arpFrame(random: Randomness): Uint8Array {
  const one = <T>(of: readonly T[]) => of[random.below(of.length)] as T;
  const addresses = [DEVICE_4, NEAR.four, ip('10.0.0.77'), ip('10.0.0.78'), ip('0.0.0.0')];
  const senderMac = one([NEAR.mac, station(7).mac, DEVICE]);
  const frame = frameOf(
    one([BROADCAST, BROADCAST, DEVICE]),
    one([senderMac, NEAR.mac]),
    ETHERTYPE.ARP,
    arpOf({
      what: one(['request', 'request', 'reply'] as const),
      ...{
        senderMac,
        sender: one(addresses),
        target: one(addresses),
        targetMac: one([DEVICE, new Uint8Array(6)]),
      },
    }),
  );
  if (random.below(4) === 0) frame[random.below(frame.length)] = random.below(256);
  return frame;
}

property(
  'the core leaves out no ARP that the machine would do something about',
  1,
  fc.asyncProperty(anySeed, async (from) => {
    const random = randomnessOf(from);
    const { asks } = await scene(random);
    for (let i = 0; i < TRIES; i++) {
      const frame = arpFrame(random);
      const { kept, machine } = asks(frame);
      heard[kept ? 'kept' : 'leftOut']++;
      if (!kept) expect(machine, hex(frame)).toEqual([]);
    }
  }),
  () => {
    for (const count of Object.values(heard)) expect(count).toBeGreaterThan(0);
  },
  TRIES,
);

/** What a station of this MAC address says by ARP. */
const arpOfStation = (
  mac: Uint8Array,
  sender: Uint8Array,
  target: Uint8Array,
  what: 'request' | 'reply' = 'request',
) =>
  frameOf(
    what === 'request' ? BROADCAST : DEVICE,
    mac,
    ETHERTYPE.ARP,
    arpOf({
      what,
      senderMac: mac,
      sender,
      target,
      targetMac: what === 'request' ? new Uint8Array(6) : DEVICE,
    }),
  );

property(
  'a machine that gets what the core keeps sends the same, at the same time, as one that gets everything',
  1,
  fc.asyncProperty(anySeed, async (from) => {
    const random = randomnessOf(from);
    const { pass, sends, gets } = await scene(random);
    const one = <T>(of: readonly T[]) => of[random.below(of.length)] as T;
    const stations = [NEAR, station(77), GATEWAY];
    const strangers = [station(5), station(6)];
    const done: string[] = [];
    for (let i = 0; i < TRIES; i++) {
      const what = one(['packet', 'packet', 'request', 'request', 'reply', 'time'] as const);
      const sender = one(what === 'request' ? [...stations, ...strangers] : stations);
      const mac = one([sender.mac, sender.mac, station(100 + random.below(3)).mac]);
      const ms = 250 * (1 + random.below(one([4, 40, 160])));
      const target = one([DEVICE_4, ip('10.0.0.200'), ip('10.0.0.200'), sender.four]);
      done.push(`${what} ${sender.four.join('.')} ${target.join('.')} ${hex(mac)} ${ms}`);
      const { ours, whole } =
        what === 'time'
          ? pass(ms)
          : what === 'packet'
            ? sends(datagram(DEVICE_4, one([sender.four, sender.four, ELSEWHERE])))
            : gets(arpOfStation(mac, sender.four, what === 'reply' ? DEVICE_4 : target, what));
      lived.sent += whole.length;
      expect(ours, done.slice(-20).join('\n')).toEqual(whole);
    }
  }),
  () => {
    for (const count of Object.values(lived)) expect(count).toBeGreaterThan(0);
  },
  TRIES,
);

test('a station that has another MAC address, and asks for a third one, gets the next packet there', async () => {
  const { pass, sends, gets } = await scene(randomness());
  const MINUTE = 60_000; // by then it is stale
  const { mac } = station(100);
  gets(arpOfStation(NEAR.mac, NEAR.four, DEVICE_4, 'reply'));
  pass(MINUTE);
  expect(gets(arpOfStation(mac, NEAR.four, GATEWAY.four)).ours).toEqual([]);
  const packet = datagram(DEVICE_4, NEAR.four);
  expect(sends(packet).ours).toEqual([hex(frameOf(mac, DEVICE, ETHERTYPE.IPV4, packet))]);
});
