// Many clients of one server, in one process, each with a UDP port of its own:
//   node peers-load.js SERVER PORT KEYFILE SWITCH CLIENTS ADDRESS...
// Prints a line of JSON when all are logged in, and one when each has had a frame back. Then, for each line
// `SECONDS FRAME IN_FLIGHT` on its standard input, until `end`, it sends frames of so many bytes, by the clients in turn, and
// keeps so many of them under way; prints how many came back, and how many did not. What answers is a port of its own on the server's switch.
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { ClassicClient, Core, vdePlug } from '../src/index.js';

/** Handshakes, and first frames, that are under way at once: more would be lost in the server's socket. */
const TOGETHER = 64;
/** A frame that has not come back for so long is lost, ms. */
const LOST_MS = 200;
const TICK_MS = 20;
/** Where a frame bears its number. */
const NUMBER_AT = 14;
const RECEIVE_BUFFER = 1 << 20;
const FIRST_FRAME = 100;

const [address, port, keyFile, locator, count, ...sources] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  ...string[],
];
const clients = Number(count);
const key = readFileSync(keyFile);
const core = await Core.load();
const { ring } = core;
const ECHO_MAC = Buffer.from([2, 0x65, 0, 0, 0, 1]);

interface Client {
  readonly machine: ClassicClient;
  readonly socket: Socket;
  readonly session: number;
  readonly mac: Buffer;
  isUp: boolean;
  returned: number;
}

/** Frames under way, by number: when they were sent. Oldest first. */
const underWay = new Map<number, number>();
let number = 0;
let returned = 0;
let losses = 0;
let inFlight = 0;
let frameBytes = FIRST_FRAME;
let turn = 0;
const all: Client[] = [];

function frameOf(client: Client, bytes: number): Buffer {
  const frame = Buffer.alloc(bytes);
  ECHO_MAC.copy(frame, 0);
  client.mac.copy(frame, 6);
  frame.writeUInt16BE(0x88b5, 12); // for local experiments
  number = (number + 1) >>> 0;
  frame.writeUInt32BE(number, NUMBER_AT);
  return frame;
}

function sendFrame(client: Client, bytes: number): void {
  const frame = frameOf(client, bytes);
  core.readStream(client.session, Buffer.concat([Buffer.from([bytes >> 8, bytes & 0xff]), frame]));
  for (let back = ring.process() - 1; back >= 0; back--) {
    const slot = ring.processed(back);
    client.socket.send(Buffer.from(ring.bytes.slice(slot.address, slot.address + slot.length)));
    ring.release(slot.index);
  }
  underWay.set(number, performance.now());
}

function takeData(client: Client, datagram: Uint8Array): void {
  if (datagram.length > core.datagramMax) return;
  ring.push(client.session, datagram);
  for (let back = ring.process() - 1; back >= 0; back--) {
    const slot = ring.processed(back);
    if (slot.status === 0 && slot.length >= NUMBER_AT + 4) {
      const frame = ring.bytes.subarray(slot.address, slot.address + slot.length);
      const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
      if (underWay.delete(view.getUint32(NUMBER_AT))) {
        returned++;
        client.returned++;
      }
    }
    ring.release(slot.index);
  }
}

/** Sends until as many are under way as should be. */
function fill(): void {
  while (underWay.size < inFlight) {
    turn = (turn + 1) % all.length;
    sendFrame(all[turn] as Client, frameBytes);
  }
}

function step(client: Client): void {
  // What an effect leads to comes as the next ones.
  for (let effects = client.machine.take(); effects.length > 0; effects = client.machine.take()) {
    for (const effect of effects) {
      if (effect.do === 'send') client.socket.send(effect.datagram);
      else if (effect.do === 'resolve') client.machine.resolved(performance.now(), 1);
      else if (effect.do === 'up') {
        core.keySession(client.session, effect.keying);
        client.isUp = true;
      } else if (effect.do === 'down') client.isUp = false;
      else if (effect.do === 'fail') throw new Error(`a client was refused: ${effect.why}`);
    }
  }
}

/** Binds and connects a client's socket. */
async function open(i: number): Promise<Client> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER });
  const client: Client = {
    machine: new ClassicClient({
      mode: { kind: 'preshared', key },
      keepalive: true,
      random: randomBytes,
      sealResponse: (keying, challenge) => core.sealResponse(keying, challenge),
    }),
    socket,
    session: core.openSession() as number,
    mac: Buffer.from([2, 0x6c, 0, 0, i >> 8, i & 0xff]),
    isUp: false,
    returned: 0,
  };
  socket.on('error', () => {}); // nobody listens yet, or no more: the machine tries again
  socket.on('message', (datagram) => {
    if (client.isUp && datagram[0] === 0x20) {
      takeData(client, datagram);
      if (inFlight > 0) fill();
    } else {
      client.machine.receive(performance.now(), datagram);
      step(client);
    }
  });
  await new Promise<void>((resolve) =>
    socket.bind(0, sources[i % sources.length], () => socket.connect(Number(port), address, resolve)),
  );
  return client;
}

const until = (condition: () => boolean) =>
  new Promise<void>((resolve) => {
    const look = () => {
      if (condition()) resolve();
      else setTimeout(look, 1);
    };
    look();
  });

const clock = setInterval(() => {
  const now = performance.now();
  for (const client of all) {
    if (now < client.machine.deadline) continue;
    client.machine.happen(now, 'timer');
    step(client);
  }
  for (const [lost, sent] of underWay) {
    if (now - sent < LOST_MS) break;
    underWay.delete(lost);
    losses++;
  }
  if (inFlight > 0) fill();
}, TICK_MS);

let rest: Buffer = Buffer.alloc(0);
// Sends back whatever comes for it. Whoever starts this learns its address to the switch first.
const echo = vdePlug(locator)({
  stream(piece) {
    rest = Buffer.concat([rest, piece]);
    const answers: Buffer[] = [];
    let at = 0;
    for (; at + 2 <= rest.length; ) {
      const length = rest.readUInt16BE(at);
      if (at + 2 + length > rest.length) break;
      const answer = Buffer.from(rest.subarray(at, at + 2 + length));
      at += 2 + length;
      if (!answer.subarray(2, 8).equals(ECHO_MAC)) continue;
      answer.copy(answer, 2, 8, 14);
      ECHO_MAC.copy(answer, 8);
      answers.push(answer);
    }
    rest = Buffer.from(rest.subarray(at));
    if (answers.length > 0) echo.write(Buffer.concat(answers));
  },
  lost(why) {
    throw new Error(why);
  },
  back() {},
});
await echo.settled;
const announcement = Buffer.alloc(2 + 60);
announcement.writeUInt16BE(60, 0);
announcement.fill(0xff, 2, 8);
ECHO_MAC.copy(announcement, 8);
announcement.writeUInt16BE(0x88b5, 14);
echo.write(announcement);

const pending = await Promise.all(Array.from({ length: clients }, (_, i) => open(i)));
const from = performance.now();
for (const client of pending) {
  await until(() => all.filter(({ isUp }) => !isUp).length < TOGETHER);
  all.push(client);
  client.machine.happen(performance.now(), 'start');
  step(client);
}
await until(() => all.every(({ isUp }) => isUp));
console.log(JSON.stringify({ says: 'up', ms: performance.now() - from }));

// Each has a port on the switch some time after it is logged in.
while (all.some(({ returned: had }) => had === 0)) {
  const without = all.filter(({ returned: had }) => had === 0);
  for (let i = 0; i < without.length; i += TOGETHER) {
    for (const client of without.slice(i, i + TOGETHER)) sendFrame(client, FIRST_FRAME);
    await until(() => underWay.size < TOGETHER / 2);
  }
  await until(() => underWay.size === 0);
}
console.log(JSON.stringify({ says: 'carries', ms: performance.now() - from }));

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'end') break;
  const [seconds = 1, bytes = FIRST_FRAME, most = 1] = line.split(' ').map(Number);
  const before = { returned, losses };
  const began = performance.now();
  frameBytes = bytes;
  inFlight = most;
  fill();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
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
clearInterval(clock);
for (const { socket, machine } of all) {
  socket.close();
  machine.end();
}
await echo.close();
process.exit(0); // its standard input stays open
