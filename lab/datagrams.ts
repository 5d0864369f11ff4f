// Numbered datagrams from one host of a lab to another, one way, and how often each arrived:
//   node datagrams.js receive PORT              prints "listening", then one line of JSON
//   node datagrams.js send HOST PORT COUNT RATE  RATE a second
// The sender ends when the receiver has answered that it knows of the end.
import { createSocket } from 'node:dgram';

const BYTES = 1_000;
const END = 0xffff_ffff;
/** The receiver waits for stragglers until nothing has come for this long, ms. */
const QUIET_MS = 1_000;
const AGAIN_MS = 100;
/** How often the sender looks what is due, ms, and how many times its rate it sends at most, after it had no processor for a while. */
const TICK_MS = 5;
const CATCH_UP = 4;
/** As much as the system gives: the receiver, too, may have no processor for a while. */
const RECEIVE_BYTES = 4 << 20;

function receive(port: number): void {
  const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BYTES });
  const times = new Map<number, number>();
  let quiet: NodeJS.Timeout | undefined;
  let ending = false;
  socket.on('message', (datagram, from) => {
    const number = datagram.readUInt32BE(0);
    if (number === END) {
      ending = true;
      socket.send(datagram, from.port, from.address);
    } else {
      times.set(number, (times.get(number) ?? 0) + 1);
    }
    if (!ending) return;
    clearTimeout(quiet);
    quiet = setTimeout(() => {
      const all = [...times.values()].reduce((sum, one) => sum + one, 0);
      console.log(JSON.stringify({ different: times.size, duplicates: all - times.size }));
      socket.close();
    }, QUIET_MS);
  });
  socket.bind(port, () => console.log('listening'));
}

function send(host: string, port: number, count: number, rate: number): void {
  const socket = createSocket('udp4');
  const from = performance.now();
  const most = Math.ceil((CATCH_UP * TICK_MS * rate) / 1000);
  let next = 0;
  const sendOne = (number: number) => {
    const datagram = Buffer.alloc(BYTES);
    datagram.writeUInt32BE(number, 0);
    socket.send(datagram, port, host);
  };
  const timer = setInterval(() => {
    const due = Math.min(count, Math.floor(((performance.now() - from) * rate) / 1000), next + most);
    while (next < due) sendOne(next++);
    if (next < count) return;
    clearInterval(timer);
    sendOne(END);
    const again = setInterval(() => sendOne(END), AGAIN_MS);
    socket.on('message', () => {
      clearInterval(again);
      socket.close();
    });
  }, TICK_MS);
}

const [mode, ...args] = process.argv.slice(2);
if (mode === 'receive') receive(Number(args[0]));
else send(args[0] as string, Number(args[1]), Number(args[2]), Number(args[3]));
