// A client and a server of the classic protocol log in without a network; each message is printed as it would be sent:
//   node examples/handshake.mjs
// The machines know no clock and no random numbers but those they are given, so that it is the same each time.
import { Core } from 'cryptcab/core';
import { ClassicClient, ClassicServer, classicMessages } from 'cryptcab/protocol';

const core = await Core.load();
const key = Uint8Array.from({ length: 24 }, (_, i) => i);
const from = { address: '192.0.2.1', port: 40_000 };
let drawn = 0;
/** @param {number} bytes */
const random = (bytes) => Uint8Array.from({ length: bytes }, () => drawn++);

const client = new ClassicClient({
  mode: { kind: 'preshared', key: key.slice() },
  keepalive: false,
  random,
  sealResponse: (keying, challenge) => core.sealResponse(keying, challenge),
});
const server = new ClassicServer({
  random,
  keyFor: () => key.slice(),
  verifyResponse: (keying, response, challenge) => core.verifyResponse(keying, response, challenge),
});

/** @param {number} now @param {string} direction @param {Uint8Array} datagram */
function print(now, direction, datagram) {
  const kind = classicMessages.classify(datagram);
  console.log(
    `${now} ms  ${direction}  ${kind}, ${datagram.length} bytes: ${Buffer.from(datagram).toString('hex')}`,
  );
}

client.happen(0, 'start');
for (let now = 0; client.state !== 'up'; now += 10) {
  for (const effect of client.take()) {
    if (effect.do === 'resolve') client.resolved(now, 1); // the server's name has one address
    if (effect.do === 'send') {
      print(now, 'client → server', effect.datagram);
      server.receive(now, from, effect.datagram);
    }
  }
  for (const effect of server.take()) {
    if (effect.do === 'plug')
      console.log(`${now} ms  server: ${effect.id} has proved its key (${effect.keying.suite})`);
    if (effect.do === 'send') {
      print(now, 'server → client', effect.datagram);
      client.receive(now, effect.datagram);
    }
  }
}
console.log('the client is up');
client.end();
server.end();
