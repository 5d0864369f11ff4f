// State machines: a trace is what they were given and when, and what they returned each time.
import { bytesToHex } from '@noble/hashes/utils.js';
import type { Core } from '../core/core.js';
import { keyingText } from '../core/terms.js';
import { ClassicClient } from '../protocol/classic/client.js';
import { CLIENT_EVENTS, type ClientEvent } from '../protocol/classic/client-terms.js';
import { ClassicServer } from '../protocol/classic/server.js';
import { CIPHER_CHOICES, type Random } from '../protocol/classic/session-key.js';
import { HostMachine } from '../protocol/host/host.js';
import { SERVICES } from '../protocol/host/terms.js';
import type { Remote } from '../protocol/remote.js';
import { SecureMachine } from '../protocol/secure/machine.js';
import type { PeerOptions } from '../protocol/secure/terms.js';
import { Counter } from './classic.js';
import { FieldError, Fields } from './fields.js';
import type { Tools } from './tools.js';

/** Something that happened; `now` is in milliseconds. */
export interface Step {
  readonly now: number;
  readonly event: string;
  readonly [field: string]: unknown;
}

/** What a machine said to a step, as JSON has it. */
export interface Outcome {
  readonly effects: readonly unknown[];
  /** Where the machine, or the peer that the step is about, has got to. */
  readonly state?: string;
  /** When it wants to be told the time; null for never. */
  readonly deadline?: number | null;
}

/** A machine that is taken through steps. */
export interface Traced {
  /** @throws FieldError for a step that is none */
  step(step: Step): Outcome;
}

/** As JSON: bytes in hexadecimal, counters in decimal, a peer by its name, a keying without its key. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return bytesToHex(value);
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => {
      if (name === 'keying') return [name, keyingText(one)];
      return [name, name === 'peer' && 'name' in one ? one.name : plain(one)];
    }),
  );
}

const time = (deadline: number): number | null => (deadline === Infinity ? null : deadline);

/** A step's own fields, with the readers of a test's. */
function fieldsOf(step: Step): Fields {
  const test = { ...step, tcId: 0, comment: '', result: 'valid' } as const;
  return new Fields({ type: '', tests: [] }, test);
}

function remoteOf(fields: Fields): Remote {
  const text = fields.text('from');
  const parts = /^(.+):(\d{1,5})$/.exec(text);
  if (parts === null) throw new FieldError(`${text} is no address and port`);
  return { address: parts[1] as string, port: Number(parts[2]) };
}

const unknownEvent = (event: string) => new FieldError(`has an event that nobody knows: ${event}`);

/** The client of the classic protocol: `mode`, and with it `key`; `cipher`; `keepalive`. */
export function tracedClient(fields: Fields, random: Random, tools: Tools): Traced {
  const counter = new Counter();
  const mode = fields.text('mode');
  const cipher = CIPHER_CHOICES.find((one) => one === fields.value('cipher')) ?? 'blowfish';
  const client = new ClassicClient({
    mode:
      mode === 'preshared'
        ? { kind: 'preshared', key: fields.bytes('key') }
        : { kind: mode === 'plain' ? 'plain' : 'random' },
    cipher,
    keepalive: fields.value('keepalive') === true,
    random,
    sealResponse: (keying, challenge) =>
      counter.lend(tools, () => tools.core.sealResponse(keying, challenge)),
  });
  return {
    step(step) {
      const { now, event } = step;
      const its = fieldsOf(step);
      if (event === 'receive') client.receive(now, its.bytes('datagram'));
      else if (event === 'resolved') client.resolved(now, its.number('candidates'));
      else if (event === 'sent') client.sent(now);
      else if (event === 'heard') client.heard();
      else if (isPlainEvent(event)) client.happen(now, event);
      else throw unknownEvent(event);
      return { effects: client.take().map(plain), state: client.state, deadline: time(client.deadline) };
    },
  };
}

type PlainEvent = Exclude<ClientEvent, 'resolved'>;

function isPlainEvent(event: string): event is PlainEvent {
  return event !== 'resolved' && CLIENT_EVENTS.includes(event as ClientEvent);
}

/** The server of the classic protocol: `keys`, by session id, or `plain`; an id of `*` is any. */
export function tracedServer(fields: Fields, random: Random, core: Core): Traced {
  const keys = fields.value('keys') as Record<string, unknown> | undefined;
  const server = new ClassicServer({
    random,
    keyFor: (id) => {
      if (keys === undefined) return 'none';
      const key = keys[id] ?? keys['*'];
      return typeof key === 'string' ? fieldsOf({ now: 0, event: '', key }).bytes('key') : undefined;
    },
    verifyResponse: (keying, response, challenge) => core.verifyResponse(keying, response, challenge),
  });
  return {
    step(step) {
      const { now, event } = step;
      const its = fieldsOf(step);
      if (event === 'tick') {
        server.tick(now);
        return { effects: server.take().map(plain) };
      }
      const from = remoteOf(its);
      if (event === 'receive') server.receive(now, from, its.bytes('datagram'));
      else if (event === 'heard') server.heard(now, from);
      else throw unknownEvent(event);
      return { effects: server.take().map(plain), state: server.stateOf(from) };
    },
  };
}

/** One end of the secure cable: `privateKey`, `unixTime` at `now` 0, `controls`, and `peers` by name. */
export function tracedSecure(fields: Fields, random: Random): Traced {
  let now = 0;
  const began = fields.number('unixTime');
  const machine = new SecureMachine({
    privateKey: fields.bytes('privateKey'),
    random,
    unixTime: () => began + now,
    controls: fields.value('controls') === true,
  });
  for (const one of fields.list('peers'))
    machine.addPeer(0, peerOf(fieldsOf({ now: 0, event: '', ...(one as object) })));
  return {
    step(step) {
      now = step.now;
      const { event } = step;
      const its = fieldsOf(step);
      if (event === 'receive') machine.receive(now, remoteOf(its), its.bytes('datagram'));
      else if (event === 'tick') machine.tick(now);
      else if (event === 'overrun') machine.overrun(now);
      else tellOfPeer(machine, now, event, its);
      // Hints are for people: an implementation may have others, or none.
      const effects = machine.take().filter((effect) => effect.do !== 'hint');
      return { effects: effects.map(plain), deadline: time(machine.deadline) };
    },
  };
}

function tellOfPeer(machine: SecureMachine, now: number, event: string, its: Fields): void {
  const peer = machine.peers.find(({ name }) => name === its.text('peer'));
  if (peer === undefined) throw new FieldError(`has no peer ${its.text('peer')}`);
  const data = its.value('data') === true;
  if (event === 'wanted') machine.wanted(now, peer);
  else if (event === 'opened') machine.opened(now, peer, its.number('place'), remoteOf(its), data);
  else if (event === 'sealed') machine.sealed(now, peer, data, its.counter('count'));
  else if (event === 'control') machine.control(now, peer, its.number('place'), its.bytes('payload'));
  else if (event === 'keepalive') machine.keepalive(now, peer);
  else if (event === 'remove') machine.removePeer(peer);
  else throw unknownEvent(event);
}

function peerOf(fields: Fields): PeerOptions & { readonly name: string } {
  const presharedKey = fields.optional('presharedKey');
  return {
    name: fields.text('name'),
    publicKey: fields.bytes('publicKey'),
    enrolled: fields.value('enrolled') === true,
    eager: fields.value('eager') === true,
    ...(presharedKey && { presharedKey }),
    ...(fields.has('from') && { endpoint: remoteOf(fields) }),
  };
}

/** The events of a host peer that say nothing more. */
const HOST_EVENTS = ['up', 'asleep', 'gone', 'tick'] as const;

/**
 * A stock WireGuard device on the Ethernet: `publicKey`, `addresses`, each with its `bits`, `multicast`, `packetMax`; `gateways`, and `dhcp`
 * with `hostName`.
 */
export function tracedHost(fields: Fields, random: Random): Traced {
  const multicast = fields.value('multicast');
  const services = SERVICES.filter((one) => Array.isArray(multicast) && multicast.includes(one));
  const machine = new HostMachine(
    {
      publicKey: fields.bytes('publicKey'),
      name: fields.has('hostName') ? fields.text('hostName') : undefined,
      addresses: fields.list('addresses').map((one) => {
        const its = fieldsOf({ now: 0, event: '', ...(one as object) });
        return { address: its.bytes('address'), bits: its.number('bits') };
      }),
      gateways: fields.has('gateways') ? fields.byteList('gateways') : [],
      dhcp: fields.value('dhcp') === true,
      multicast: multicast === 'all' || multicast === 'none' ? multicast : services,
      packetMax: fields.number('packetMax'),
    },
    random,
  );
  return {
    step(step) {
      const { now, event } = step;
      const its = fieldsOf(step);
      const plainEvent = HOST_EVENTS.find((one) => one === event);
      if (plainEvent !== undefined) machine[plainEvent](now);
      else if (event === 'frame') machine.frame(now, its.bytes('frame'));
      else if (event === 'packet') machine.packet(now, its.bytes('packet'));
      else throw unknownEvent(event);
      // What the core and people are told is this program's own.
      const effects = machine.take().filter((effect) => ['frame', 'packet', 'close'].includes(effect.do));
      return { effects: effects.map(plain), deadline: time(machine.deadline) };
    },
  };
}
