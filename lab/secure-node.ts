// One end of a secure cable on a socket, and no switch: for tests against other implementations of WireGuard.
//   node secure-node.js '{"key": BASE64, "peer": BASE64, "psk": BASE64, "port": 7667, "endpoint": {"address": A, "port": P}}'
// It prints what happens, one thing a line, and takes commands on its standard input:
//   send         a frame
//   overrun MS   under load for so long
//   advance MS   moves its clock
//   flood N      initiations that mean nothing, but have a good mac1
//   counts       prints what was counted, as JSON
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { openDgram } from '../src/cable/udp/dgram.js';
import { Core } from '../src/core/index.js';
import type { Remote } from '../src/protocol/remote.js';
import { CookieHolder } from '../src/protocol/secure/cookie.js';
import { initiation, macsOf } from '../src/protocol/secure/messages.js';
import { SecureEnd } from './secure-end.js';

interface Configuration {
  readonly key: string;
  readonly peer: string;
  readonly psk?: string;
  readonly port: number;
  readonly endpoint?: Remote;
}

const configuration = JSON.parse(process.argv[2] as string) as Configuration;
const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));
const publicKey = bytes(configuration.peer);
let advanced = 0;
const now = () => performance.now() + advanced;
let overrunUntil = -Infinity;

const udp = await openDgram(configuration.port, {
  datagram: (datagram, from) => {
    console.log(`got ${datagram[0]} of ${datagram.length} bytes`);
    if (now() < overrunUntil) end.machine.overrun(now());
    end.receive(datagram, from);
  },
  unreachable: () => {},
  failed: (why) => console.log(`failed: ${why}`),
});

function send(datagram: Uint8Array, to: Remote): void {
  const cookie = [1, 2].includes(datagram[0] as number) && macsOf(datagram).mac2.some((byte) => byte !== 0);
  console.log(`sent ${datagram[0]} of ${datagram.length} bytes${cookie ? ' with a cookie' : ''}`);
  udp.send(datagram, 0, datagram.length, to, () => {});
}

const core = await Core.load();
const end = new SecureEnd(core, {
  privateKey: bytes(configuration.key),
  random: (length) => new Uint8Array(randomBytes(length)),
  unixTime: () => Date.now() + advanced,
  now,
  send,
  effect: (effect) => {
    if (effect.do === 'refused') console.log(`refused: ${effect.why}`);
    else if (effect.do !== 'send') console.log(effect.do);
  },
});
const { psk, endpoint } = configuration;
const peer = end.add({
  publicKey,
  ...(psk === undefined ? {} : { presharedKey: bytes(psk) }),
  ...(endpoint === undefined ? {} : { endpoint }),
});
setInterval(() => end.timer(), 50);

function flood(count: number): void {
  const holder = new CookieHolder(publicKey);
  // All are made before the first one leaves: the receiver must not get through them as fast as they are made.
  const messages = Array.from({ length: count }, (_, i) => {
    const random = (length: number) => new Uint8Array(randomBytes(length));
    const message = initiation(i, {
      ephemeral: random(32),
      sealedStatic: random(48),
      sealedPayload: random(28),
    });
    holder.sign(now(), message);
    return message;
  });
  for (const message of messages) udp.send(message, 0, message.length, peer.endpoint as Remote, () => {});
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const [command, number] = line.split(' ');
  if (command === 'send') end.send(peer, new Uint8Array(60));
  else if (command === 'overrun') {
    overrunUntil = now() + Number(number);
    console.log('overrun');
  } else if (command === 'advance') advanced += Number(number);
  else if (command === 'flood') flood(Number(number));
  else if (command === 'counts') {
    const { refused, ...carried } = end.sessionOf(peer).counts();
    const text = JSON.stringify({ ...carried, refused, opened: end.opened }, (_, value) =>
      typeof value === 'bigint' ? Number(value) : value,
    );
    console.log(`counts ${text}`);
  }
});
process.on('SIGTERM', () => process.exit(0));
console.log('ready');
