// As much of multicast DNS (RFC 6762) as shows whether its groups pass:
//   node mdns.js ADDRESS INTERFACE     answers questions for the name ADDRESS.local with ADDRESS; prints "ready", and
//                                      "answer NAME ADDRESS" for each answer that comes. On its input: a name to ask for, a line each.
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';

const PORT = 5353;
const [address = '', device = ''] = process.argv.slice(2);
const six = address.includes(':');
const group = six ? 'ff02::fb' : '224.0.0.251';
const own = nameOf(address);
const RESPONSE = 0x84;

function nameOf(text: string): string {
  return text.replaceAll(/[.:]/g, '-');
}

const label = (text: string) => Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);
const nameBytes = (name: string) => Buffer.concat([label(name), label('local'), Buffer.of(0)]);

function message(name: string, answer?: string): Buffer {
  const header = Buffer.alloc(12);
  header[2] = answer === undefined ? 0 : RESPONSE;
  header[answer === undefined ? 5 : 7] = 1;
  if (answer === undefined) return Buffer.concat([header, nameBytes(name), Buffer.of(0, 255, 0, 1)]); // any, IN
  const type = Buffer.of(0, 16, 0, 1); // TXT, IN
  const text = label(answer);
  return Buffer.concat([header, nameBytes(name), type, Buffer.of(0, 0, 0, 10, 0, text.length), text]);
}

const socket = createSocket({ type: six ? 'udp6' : 'udp4', reuseAddr: true });
socket.on('message', (bytes) => {
  const length = bytes[12] ?? 0;
  const name = bytes.toString('latin1', 13, 13 + length);
  if (bytes[2] === RESPONSE) {
    const at = 12 + nameBytes(name).length + 10;
    console.log(`answer ${name} ${bytes.toString('latin1', at + 1)}`);
  } else if (name === own) {
    socket.send(message(own, address), PORT, group);
  }
});
socket.bind(PORT, () => {
  const by = six ? `::%${device}` : address;
  socket.addMembership(group, by);
  socket.setMulticastInterface(by);
  socket.setMulticastTTL(255);
  socket.setMulticastLoopback(false);
  console.log('ready');
});
createInterface(process.stdin)
  .on('line', (line) => socket.send(message(nameOf(line)), PORT, group))
  .on('close', () => socket.close());
