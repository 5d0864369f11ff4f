// Both ends of a secure cable on a network of one's own in place of UDP: this one is in memory, and prints what passes.
//   node examples/own-network.mjs
import { connect, memoryPort, newPrivateKey, publicKeyOf, serve } from 'cryptcab';

/** Who is there, by address and port. @type {Map<string, import('cryptcab').UdpEvents>} */
const network = new Map();

/**
 * A machine of this network.
 * @param {string} address
 * @returns {import('cryptcab').OpenUdp}
 */
const machine = (address) => async (wanted, events) => {
  const local = { address, port: wanted || 40_000 };
  const name = `${address}:${local.port}`;
  network.set(name, events);
  return {
    local,
    send(bytes, start, length, to, done) {
      const datagram = bytes.slice(start, start + length); // after done() these bytes are the cable's again
      console.log(`${name} → ${to.address}:${to.port}, ${length} bytes`);
      setImmediate(() => network.get(`${to.address}:${to.port}`)?.datagram(datagram, local));
      done();
    },
    connect: async (to) => to,
    close: async () => {
      network.delete(name);
    },
  };
};

const keys = { server: newPrivateKey(), client: newPrivateKey() };
const far = memoryPort((frame) => far.send(frame)); // a switch that sends each frame back
const server = await serve({
  openUdp: machine('192.0.2.1'),
  plug: (events) => far.open(events),
  classic: false,
  secure: { privateKey: keys.server, peers: [{ publicKey: publicKeyOf(keys.client), name: 'client' }] },
});

const near = memoryPort(async (frame) => {
  console.log(`came back: ${new TextDecoder().decode(frame.subarray(14))}`);
  await client.close();
  await server.close();
});
const client = await connect({
  openUdp: machine('192.0.2.2'),
  host: '192.0.2.1',
  plug: near.open,
  secure: { privateKey: keys.client, serverPublicKey: publicKeyOf(keys.server) },
});
const header = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]; // to all, from 02:…:01, an experiment
near.send(Uint8Array.of(...header, ...new TextEncoder().encode('a frame in a cable')));
