// Moves bytes over TCP from one host of a lab to another, and tells how fast and whether they are the same:
//   node transfer.js receive PORT            prints "listening", then one line of JSON
//   node transfer.js send HOST PORT BYTES SEED     prints one line of JSON
//   node transfer.js send HOST PORT 0 SEED SECONDS  as much as goes in that time
import { createHash } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';

const CHUNK = 64 << 10;

/** Bytes that only the seed tells: an xorshift, a word at a time. */
function* chunks(seed: number): Generator<Buffer> {
  let state = seed | 1;
  for (;;) {
    const words = new Uint32Array(CHUNK / 4);
    for (let i = 0; i < words.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[i] = state;
    }
    yield Buffer.from(words.buffer);
  }
}

function report(bytes: number, from: number, hash: string): void {
  const seconds = (performance.now() - from) / 1000;
  console.log(JSON.stringify({ bytes, seconds, mbit: (bytes * 8) / seconds / 1e6, sha256: hash }));
}

function receive(port: number): void {
  const server = createServer((socket: Socket) => {
    const hash = createHash('sha256');
    const from = performance.now();
    let bytes = 0;
    socket.on('data', (piece) => {
      hash.update(piece);
      bytes += piece.length;
    });
    socket.on('end', () => {
      report(bytes, from, hash.digest('hex'));
      socket.end();
      server.close();
    });
  });
  server.listen(port, () => console.log('listening'));
}

function send(host: string, port: number, total: number, seed: number, seconds: number): void {
  const socket = connect(port, host);
  const hash = createHash('sha256');
  socket.on('connect', () => {
    const from = performance.now();
    const source = chunks(seed);
    let bytes = 0;
    const more = () => {
      for (;;) {
        const left = total > 0 ? total - bytes : performance.now() - from < seconds * 1000 ? CHUNK : 0;
        if (left <= 0) {
          socket.end();
          return;
        }
        const piece = (source.next().value as Buffer).subarray(0, Math.min(left, CHUNK));
        hash.update(piece);
        bytes += piece.length;
        if (!socket.write(piece)) {
          socket.once('drain', more);
          return;
        }
      }
    };
    // The other end closes when it has everything.
    socket.on('close', () => report(bytes, from, hash.digest('hex')));
    socket.resume();
    more();
  });
}

const [mode, ...args] = process.argv.slice(2);
if (mode === 'receive') receive(Number(args[0]));
else send(args[0] as string, Number(args[1]), Number(args[2]), Number(args[3]), Number(args[4] ?? 0));
