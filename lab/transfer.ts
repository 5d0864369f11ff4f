// Moves bytes over TCP from one host of a lab to another, and tells how fast and whether they are the same:
//   node transfer.js receive PORT STREAMS          prints "listening", then one line of JSON
//   node transfer.js send HOST PORT STREAMS BYTES SEED     prints one line of JSON
//   node transfer.js send HOST PORT STREAMS 0 SEED SECONDS  as much as goes in that time
// Each stream takes the next piece when it can: on a bad network one alone is slow, and some are slower than
// others. The digest is that of the pieces' digests in their order.
import { createHash } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';

const PIECE = 64 << 10;
/** Before each piece: its number, and its length. */
const HEADER = 8;

/** Bytes that only the seed tells: an xorshift, a word at a time. */
function* pieces(seed: number): Generator<Buffer> {
  let state = seed | 1;
  for (;;) {
    const words = new Uint32Array(PIECE / 4);
    for (let i = 0; i < words.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[i] = state;
    }
    yield Buffer.from(words.buffer);
  }
}

class Report {
  readonly #from = performance.now();
  readonly #digests: (Buffer | undefined)[] = [];
  #bytes = 0;

  add(number: number, piece: Buffer): void {
    this.#digests[number] = createHash('sha256').update(piece).digest();
    this.#bytes += piece.length;
  }

  print(): void {
    const seconds = (performance.now() - this.#from) / 1000;
    const hash = createHash('sha256');
    for (const digest of this.#digests) hash.update(digest ?? 'missing');
    const bytes = this.#bytes;
    const sha256 = hash.digest('hex');
    console.log(JSON.stringify({ bytes, seconds, mbit: (bytes * 8) / seconds / 1e6, sha256 }));
  }
}

function receive(port: number, streams: number): void {
  let report: Report | undefined;
  let ended = 0;
  const server = createServer((socket: Socket) => {
    report ??= new Report();
    // Whole pieces with their headers, one at a time: read() gives all of what is asked for, or null.
    let header: Buffer | undefined;
    socket.on('readable', () => {
      for (;;) {
        header ??= socket.read(HEADER) ?? undefined;
        if (header === undefined) return;
        const piece = socket.read(header.readUInt32BE(4));
        if (piece === null) return;
        report?.add(header.readUInt32BE(0), piece);
        header = undefined;
      }
    });
    socket.on('end', () => {
      socket.end();
      if (++ended < streams) return;
      report?.print();
      server.close();
    });
  });
  server.listen(port, () => console.log('listening'));
}

function send(
  host: string,
  port: number,
  streams: number,
  total: number,
  seed: number,
  seconds: number,
): void {
  const source = pieces(seed);
  const report = new Report();
  const from = performance.now();
  let number = 0;
  let bytes = 0;
  let closed = 0;
  for (let i = 0; i < streams; i++) {
    const socket = connect(port, host);
    const more = () => {
      for (;;) {
        const left = total > 0 ? total - bytes : performance.now() - from < seconds * 1000 ? PIECE : 0;
        if (left <= 0) {
          socket.end();
          return;
        }
        const piece = (source.next().value as Buffer).subarray(0, Math.min(left, PIECE));
        const header = Buffer.alloc(HEADER);
        header.writeUInt32BE(number, 0);
        header.writeUInt32BE(piece.length, 4);
        report.add(number++, piece);
        bytes += piece.length;
        socket.cork();
        socket.write(header);
        const room = socket.write(piece);
        socket.uncork();
        if (!room) {
          socket.once('drain', more);
          return;
        }
      }
    };
    socket.on('connect', more);
    // The other end closes when it has everything.
    socket.on('close', () => {
      if (++closed === streams) report.print();
    });
    socket.resume();
  }
}

const [mode, ...args] = process.argv.slice(2);
if (mode === 'receive') {
  receive(Number(args[0]), Number(args[1]));
} else {
  const [port, streams, total, seed, seconds] = args.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number?,
  ];
  send(args[0] as string, port, streams, total, seed, seconds ?? 0);
}
