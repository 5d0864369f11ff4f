// UDP as a program sends it that leaves the cutting to its kernel (UDP_SEGMENT): pieces of many datagrams, each in one call.
//
//     pieces receive PORT                              prints "listening"; when told so by its input, and all is quiet, what came
//     pieces send ADDRESS PORT BYTES EACH MBIT SECONDS [SHORT]
//         datagrams of so many bytes, EACH of them in a piece (1: one call for each, uncut), the last one of a piece SHORT bytes shorter;
//         MBIT a second, as far as the device takes it
//
// Each datagram has its number and its length, and bytes that follow from both. Either prints a line of JSON.
import { Arena, Messages, MMSGHDR } from '../src/cable/native/linux/arena.js';
import { AF, type Libc, loadLibc, MSG, POLL, SO, SOCK, SOL, UDP } from '../src/cable/native/linux/libc.js';
import { NAME_BYTES, Names } from '../src/cable/native/linux/sockaddr.js';

const BUFFER_BYTES = 8 << 20;
/** Of a datagram: its number and its length. */
const HEAD = 6;
const BATCH = 64;
const ROOM = 10_000;
/** Nothing has come for so long, after the sender has ended, ms. */
const QUIET_MS = 500;
const TURN_MS = 1;

/** Throws what the system said, if it said so. */
function must(libc: Libc, what: string, result: number): number {
  if (result < 0) throw new Error(`${what}: ${libc.errorName(libc.errno())}`);
  return result;
}

/** A datagram's bytes behind its head are those of this pattern, from a place on that its number tells. */
const PATTERN = Buffer.from(Array.from({ length: ROOM + 256 }, (_, i) => (i * 167 + (i >> 8)) & 255));

function isWhole(datagram: Buffer): boolean {
  if (datagram.length < HEAD || datagram.readUInt16BE(4) !== datagram.length) return false;
  const from = datagram.readUInt32BE(0) & 255;
  return datagram.subarray(HEAD).equals(PATTERN.subarray(from, from + datagram.length - HEAD));
}

function receive(libc: Libc, port: number): void {
  const arena = new Arena(libc, Messages.bytes(BATCH, 1) + BATCH * ROOM + 256);
  const names = new Names(libc, arena, AF.INET6);
  const name = arena.take(NAME_BYTES);
  const polled = arena.take(16);
  const option = arena.take(4);
  const messages = new Messages(arena, BATCH, 1);
  const buffers = Array.from({ length: BATCH }, () => arena.take(ROOM));
  for (const [i, at] of buffers.entries()) messages.part(i, 0, arena.address(at), ROOM);
  arena.bytes.set((names.encode({ address: '::', port }) as Uint8Array).subarray(0, NAME_BYTES), name);
  const fd = must(libc, 'socket', libc.socket(AF.INET6, SOCK.DGRAM | SOCK.CLOEXEC, 0));
  arena.words[option >> 2] = BUFFER_BYTES;
  libc.setsockopt(fd, SOL.SOCKET, SO.RCVBUFFORCE, arena.address(option), 4);
  must(libc, 'bind', libc.bind(fd, arena.address(name), NAME_BYTES));
  console.log('listening');
  const seen = new Set<number>();
  const all = { datagrams: 0, bytes: 0, wrong: 0, again: 0 };
  let [first, last, told] = [0, 0, false];
  for (;;) {
    const input = told ? -1 : 0;
    arena.words.set([fd, POLL.IN, input, POLL.IN], polled >> 2);
    const ready = libc.poll(arena.address(polled), 2, QUIET_MS);
    told ||= (arena.halves[(polled + 14) >> 1] as number) !== 0;
    const got = libc.recvmmsg(fd, messages.address(0), BATCH, MSG.DONTWAIT, 0);
    if (got <= 0 && ready === 0 && told) break;
    if (got <= 0) continue;
    last = performance.now();
    first ||= last;
    for (let i = 0; i < got; i++) {
      const length = messages.field(i, MMSGHDR.length);
      const at = buffers[i] as number;
      const datagram = Buffer.from(arena.bytes.buffer, at, length);
      all.datagrams++;
      all.bytes += length;
      if (!isWhole(datagram)) all.wrong++;
      else if (seen.has(datagram.readUInt32BE(0))) all.again++;
      else seen.add(datagram.readUInt32BE(0));
    }
  }
  libc.close(fd);
  console.log(JSON.stringify({ ...all, seconds: (last - first) / 1000 }));
}

function wait(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function send(libc: Libc, address: string, numbers: readonly number[]): void {
  const [port = 0, bytes = 0, each = 1, mbit = 0, seconds = 0, short = 0] = numbers;
  const arena = new Arena(libc, (64 << 10) + 512);
  const family = address.includes(':') ? AF.INET6 : AF.INET;
  const name = arena.take(NAME_BYTES);
  const option = arena.take(4);
  const piece = arena.take(64 << 10);
  const way = new Names(libc, arena, family).encode({ address, port }) as Uint8Array;
  arena.bytes.set(way.subarray(0, NAME_BYTES), name);
  const fd = must(libc, 'socket', libc.socket(family, SOCK.DGRAM | SOCK.CLOEXEC, 0));
  must(libc, 'connect', libc.connect(fd, arena.address(name), NAME_BYTES));
  arena.words[option >> 2] = bytes;
  if (each > 1)
    must(libc, 'UDP_SEGMENT', libc.setsockopt(fd, SOL.UDP, UDP.SEGMENT, arena.address(option), 4));
  const view = Buffer.from(arena.bytes.buffer, piece, 64 << 10);
  const sent = { datagrams: 0, bytes: 0, refused: 0 };
  const from = performance.now();
  for (let past = 0; past < seconds; past = (performance.now() - from) / 1000) {
    if (8 * sent.bytes >= past * mbit * 1e6) {
      wait(TURN_MS);
      continue;
    }
    let length = 0;
    for (let i = 0; i < each; i++) {
      const size = i === each - 1 ? bytes - short : bytes;
      const number = sent.datagrams + i;
      view.writeUInt32BE(number, length);
      view.writeUInt16BE(size, length + 4);
      PATTERN.copy(view, length + HEAD, number & 255, (number & 255) + size - HEAD);
      length += size;
    }
    if (libc.write(fd, arena.address(piece), length) < 0) sent.refused++;
    sent.datagrams += each;
    sent.bytes += length;
  }
  libc.close(fd);
  console.log(JSON.stringify({ ...sent, seconds: (performance.now() - from) / 1000 }));
}

const [mode, ...args] = process.argv.slice(2);
const libc = await loadLibc();
if (mode === 'receive') receive(libc, Number(args[0]));
else send(libc, args[0] as string, args.slice(1).map(Number));
