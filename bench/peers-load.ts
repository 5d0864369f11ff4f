// Many clients of one server, in one process, each with a UDP port of its own:
//   node peers-load.js SERVER PORT KEYFILE SWITCH CLIENTS ADDRESS...
// Prints a line of JSON when all are logged in, and one when each has had a frame back. Then, for each line
// `SECONDS FRAME IN_FLIGHT` on its standard input, until `end`, it sends frames of so many bytes, by the clients in turn, and
// keeps so many of them under way; prints how many came back, and how many did not. What answers is a port of its own on
// the server's switch. Where SWITCH is `bridge:ADDRESS` the server has a bridge of the kernel's with that IPv4 address, and with
// ECHO_MAC: each client sends to the one after it, which is a datagram in and one out for each frame as well.
//
// It must cost less than what it measures, or that would wait for it and find nothing to do in batches. So it makes the
// system calls itself, in one loop, and seals and opens in batches.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Arena, Messages, MMSGHDR } from '../src/cable/native/linux/arena.js';
import { AF, F, loadLibc, MSG, POLL, SO, SOCK, SOL } from '../src/cable/native/linux/libc.js';
import { NAME_BYTES, Names } from '../src/cable/native/linux/sockaddr.js';
import type { Port } from '../src/cable/native/ports/port.js';
import { Switches } from '../src/cable/native/ports/switches.js';
import { Watch } from '../src/cable/native/thread/watch.js';
import { Core } from '../src/core/core.js';
import { ClassicClient } from '../src/protocol/classic/client.js';
import { TYPE } from '../src/protocol/classic/constants.js';

/** Handshakes, and first frames, that are under way at once: more would be lost in the server's socket. */
const TOGETHER = 64;
/** A frame that has not come back for so long is lost, ms; sooner while it may have come before its client had a port. */
const LOST_MS = 200;
const TRIED_MS = 20;
const TICK_MS = 20;
/** Where a frame bears its number. */
const NUMBER_AT = 14;
const RECEIVE_BUFFER = 1 << 20;
const FIRST_FRAME = 100;
/** Frames that the answering port takes at once, and room for each. */
const ECHO_FRAMES = 64;
const ECHO_BYTES = 2048;
/** What Watch reports about the answering port; about a client it reports the number. */
const ECHO = 0xffff;

const [address, port, keyFile, locator, count, ...sources] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  ...string[],
];
const key = readFileSync(keyFile);
const core = await Core.load();
const { ring } = core;
const { bytes: memory } = ring;
const view = new DataView(memory.buffer);
const libc = await loadLibc();
const memoryAt = libc.address(memory);
const arrival = core.layout.ARRIVALS;
const arena = new Arena(libc, Messages.bytes(ECHO_FRAMES, 1) + ECHO_FRAMES * ECHO_BYTES + 1024);
const names = new Names(libc, arena, AF.INET);
const name = arena.take(NAME_BYTES);
const word = arena.take(4);
const watch = new Watch(libc);
const ECHO_MAC = Buffer.from([2, 0x65, 0, 0, 0, 1]);
const LOCAL_EXPERIMENT = 0x88b5;

interface Client {
  readonly machine: ClassicClient;
  readonly fd: number;
  readonly session: number;
  readonly mac: Buffer;
  isUp: boolean;
  returned: number;
}

const clients: Client[] = [];
const bySession: Client[] = [];
/** Frames under way, by number: when they were sent. Oldest first. */
const underWay = new Map<number, number>();
let number = 0;
let returned = 0;
let losses = 0;
let inFlight = 0;
let lostAfter = TRIED_MS;
let frameBytes = FIRST_FRAME;
let turn = 0;
let ticked = 0;

function must(call: string, result: number): number {
  if (result < 0) throw new Error(`${call} ${libc.errorName(libc.errno())}`);
  return result;
}

/** Puts a frame of a client into the ring, to be sealed. */
function enqueue(client: Client, to: Buffer, bytes: number): void {
  const at = ring.frameAt(ring.next);
  memory.set(to, at);
  memory.set(client.mac, at + 6);
  view.setUint16(at + 12, LOCAL_EXPERIMENT);
  number = (number + 1) >>> 0;
  view.setUint32(at + NUMBER_AT, number);
  ring.commit(client.session, bytes);
  underWay.set(number, performance.now());
}

/** Has a client ask for the bridge's MAC address by ARP (RFC 826), of nobody else: the bridge learns where it is, and the kernel answers. */
function ask(client: Client): void {
  const at = ring.frameAt(ring.next);
  const own = locator.split(/[:.]/).slice(1).map(Number);
  memory.set([...ECHO_MAC, ...client.mac, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1], at);
  memory.set([...client.mac, 0, 0, 0, 0, ...new Array(6).fill(0), ...own], at + 22);
  ring.commit(client.session, 42);
  number = (number + 1) >>> 0;
  underWay.set(number, performance.now());
}

/** Has the core work on what is in the ring; sends what was sealed, and counts what came back. */
function work(): void {
  for (let batch = ring.process(); batch > 0; batch = ring.process()) {
    for (let back = batch - 1; back >= 0; back--) {
      const { index, session, sealed, status, address: at, length } = ring.processed(back);
      const client = bySession[session] as Client;
      if (status === 0 && sealed) {
        libc.write(client.fd, memoryAt + at, length);
      } else if (status === 0 && length >= NUMBER_AT + 4 && client.mac.equals(memory.subarray(at, at + 6))) {
        client.returned++;
        if (underWay.delete(view.getUint32(at + NUMBER_AT))) returned++;
      }
      ring.release(index);
    }
  }
}

function step(client: Client): void {
  // What an effect leads to comes as the next ones.
  for (let effects = client.machine.take(); effects.length > 0; effects = client.machine.take()) {
    for (const effect of effects) {
      if (effect.do === 'send') {
        memory.set(effect.datagram, arrival);
        libc.write(client.fd, memoryAt + arrival, effect.datagram.length);
      } else if (effect.do === 'resolve') {
        client.machine.resolved(performance.now(), 1);
      } else if (effect.do === 'up') {
        core.keySession(client.session, effect.keying);
        client.isUp = true;
      } else if (effect.do === 'down') {
        client.isUp = false;
      } else if (effect.do === 'fail') {
        throw new Error(`a client was refused: ${effect.why}`);
      }
    }
  }
}

/** Takes one datagram of a client's. */
function receive(client: Client): void {
  const length = libc.read(client.fd, memoryAt + arrival, core.datagramMax);
  if (length <= 0) return; // nobody listens yet, or no more: the machine tries again
  if (client.isUp && memory[arrival] === TYPE.DATA) {
    ring.fill(client.session, false, arrival, length, length);
  } else {
    client.machine.receive(performance.now(), memory.slice(arrival, arrival + length));
    step(client);
  }
}

/** Sends back what comes for ECHO_MAC. The caller has the switch learn that address first. */
class Echo {
  readonly #port: Port;
  readonly #messages = new Messages(arena, ECHO_FRAMES, 1);
  readonly #frames = arena.take(ECHO_FRAMES * ECHO_BYTES);

  constructor(to: Port) {
    this.#port = to;
    libc.fcntl(to.dataFd, F.SETFL, 0); // it waits when the switch takes no more
    watch.add(to.dataFd, POLL.IN, ECHO);
    const frame = Buffer.alloc(60);
    frame.fill(0xff, 0, 6);
    ECHO_MAC.copy(frame, 6);
    frame.writeUInt16BE(LOCAL_EXPERIMENT, 12);
    arena.bytes.set(frame, this.#frames);
    this.#messages.part(0, 0, arena.address(this.#frames), frame.length);
    this.#send(1);
  }

  #send(frames: number): void {
    for (let sent = 0; sent < frames; ) {
      const at = this.#messages.address(sent);
      sent += must('sendmmsg', libc.sendmmsg(this.#port.dataFd, at, frames - sent, MSG.NOSIGNAL));
    }
  }

  answer(): void {
    const messages = this.#messages;
    for (let i = 0; i < ECHO_FRAMES; i++)
      messages.part(i, 0, arena.address(this.#frames + i * ECHO_BYTES), ECHO_BYTES);
    const got = libc.recvmmsg(this.#port.dataFd, messages.address(0), ECHO_FRAMES, MSG.DONTWAIT, 0);
    let frames = 0;
    for (let i = 0; i < got; i++) {
      const at = this.#frames + i * ECHO_BYTES;
      if (!ECHO_MAC.equals(arena.bytes.subarray(at, at + 6))) continue;
      arena.bytes.copyWithin(at, at + 6, at + 12);
      arena.bytes.set(ECHO_MAC, at + 6);
      messages.part(frames++, 0, arena.address(at), messages.field(i, MMSGHDR.length));
    }
    this.#send(frames);
  }
}

/** Binds and connects a client's socket. */
function open(i: number): Client {
  const fd = must('socket', libc.socket(AF.INET, SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0));
  arena.words[word >> 2] = RECEIVE_BUFFER;
  libc.setsockopt(fd, SOL.SOCKET, SO.RCVBUF, arena.address(word), 4);
  for (const [call, host, at] of [
    ['bind', sources[i % sources.length] as string, 0],
    ['connect', address, Number(port)],
  ] as const) {
    arena.bytes.set(names.encode({ address: host, port: at }) as Uint8Array, name);
    must(call, libc[call](fd, arena.address(name), NAME_BYTES));
  }
  watch.add(fd, POLL.IN, i);
  const client: Client = {
    machine: new ClassicClient({
      mode: { kind: 'preshared', key },
      keepalive: true,
      random: randomBytes,
      sealResponse: (keying, challenge) => core.sealResponse(keying, challenge),
    }),
    fd,
    session: core.openSession() as number,
    mac: Buffer.from([2, 0x6c, 0, 0, i >> 8, i & 0xff]),
    isUp: false,
    returned: 0,
  };
  bySession[client.session] = client;
  return client;
}

function tick(): void {
  const now = performance.now();
  if (now - ticked < TICK_MS) return;
  ticked = now;
  for (const client of clients) {
    if (now < client.machine.deadline) continue;
    client.machine.happen(now, 'timer');
    step(client);
  }
  for (const [lost, sent] of underWay) {
    if (now - sent < lostAfter) break;
    underWay.delete(lost);
    losses++;
  }
}

/** Where a client's frames go to. */
function answersTo(turn: number): Buffer {
  return onBridge ? (clients[(turn + 1) % clients.length] as Client).mac : ECHO_MAC;
}

/** Goes round until a condition holds. */
function until(condition: () => boolean): void {
  while (!condition()) {
    for (let event = watch.wait(1) - 1; event >= 0; event--) {
      const who = watch.data(event);
      if (who === ECHO) echo?.answer();
      else receive(clients[who] ?? (pending[who] as Client));
    }
    work();
    while (underWay.size < inFlight && ring.room > 0) {
      turn = (turn + 1) % clients.length;
      enqueue(clients[turn] as Client, answersTo(turn), frameBytes);
    }
    work();
    tick();
  }
}

const onBridge = locator.startsWith('bridge:');
let echo: Echo | undefined;
if (!onBridge) {
  const switches = new Switches(libc);
  const source = { opener: switches, locator, standing: false };
  echo = new Echo(await switches.open(source, new AbortController().signal));
}
const pending = Array.from({ length: Number(count) }, (_, i) => open(i));
const from = performance.now();
for (const client of pending) {
  until(() => clients.filter(({ isUp }) => !isUp).length < TOGETHER);
  clients.push(client);
  client.machine.happen(performance.now(), 'start');
  step(client);
}
until(() => clients.every(({ isUp }) => isUp));
console.log(JSON.stringify({ says: 'up', ms: performance.now() - from }));

// Each has a port on the switch some time after it is logged in.
while (clients.some(({ returned: had }) => had === 0)) {
  const without = clients.filter(({ returned: had }) => had === 0);
  for (let i = 0; i < without.length; i += TOGETHER) {
    for (const client of without.slice(i, i + TOGETHER)) {
      if (onBridge) ask(client);
      else enqueue(client, ECHO_MAC, FIRST_FRAME);
    }
    until(() => underWay.size < TOGETHER / 2);
  }
  until(() => underWay.size === 0);
}
console.log(JSON.stringify({ says: 'carries', ms: performance.now() - from }));

lostAfter = LOST_MS;
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'end') break;
  const [seconds = 1, bytes = FIRST_FRAME, most = 1] = line.split(' ').map(Number);
  const before = { returned, losses };
  const began = performance.now();
  frameBytes = bytes;
  inFlight = most;
  until(() => performance.now() - began > seconds * 1000);
  inFlight = 0;
  const past = (performance.now() - began) / 1000;
  console.log(
    JSON.stringify({
      says: 'returned',
      frames: returned - before.returned,
      lost: losses - before.losses,
      seconds: past,
    }),
  );
}
for (const { machine } of clients) machine.end();
process.exit(0); // its standard input stays open
