// Sends UDP datagrams to an address, which nobody answers, until it is ended or has sent so many: one process, which has no
// children that could outlive it.
//
//     datagrams-out ADDRESS BYTES [RATE [COUNT]]          datagrams per second, 0 for as many as can be; how many
import { createSocket } from 'node:dgram';

/** A port that nobody uses: what is sent there is discarded. */
const DISCARD = 9;
const BATCH = 64;
const TURN_MS = 10;

const [address, size, rate = 0, count = Number.POSITIVE_INFINITY] = process.argv
  .slice(2)
  .map((given, i) => (i === 0 ? given : Number(given))) as [string, number, number?, number?];
const bytes = new Uint8Array(size);
const socket = createSocket({ type: 'udp4', sendBufferSize: 256 << 10 });
let sent = 0;
let due = 0;

/** Sends so many, and calls back when the kernel has them, or has lost them. */
function send(datagrams: number, done: () => void): void {
  let left = Math.min(datagrams, count - sent);
  if (left <= 0) {
    done();
    return;
  }
  sent += left;
  const one = () => {
    if (--left === 0) done();
  };
  for (let i = left; i > 0; i--) socket.send(bytes, DISCARD, address, one);
}

function end(): void {
  socket.close();
  clearInterval(timer);
}

let timer: NodeJS.Timeout | undefined;
socket.on('error', () => {}); // what the network says of it
socket.bind(0, () => {
  socket.setBroadcast(true);
  console.log('sending');
  const goOn = () => (sent < count ? setImmediate(send, BATCH, goOn) : end());
  if (rate === 0) {
    goOn();
    return;
  }
  timer = setInterval(() => {
    due += (rate * TURN_MS) / 1_000;
    const datagrams = Math.floor(due);
    due -= datagrams;
    send(datagrams, () => sent >= count && end());
  }, TURN_MS);
});
