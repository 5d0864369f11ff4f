// A server of the secure cable; without a switch its stand-in sends each frame back:
//   (umask 077; cryptcab keygen > key); node examples/server.mjs key PEERS 7667 [SWITCH]
// PEERS is a peers file: the public key of a client in each line. It is read again when it changes. Clients are told what
// `cryptcab pubkey < key` prints.
import { memoryPort, serve } from 'cryptcab';

const [privateKey, peers, port, plug = echo] = process.argv.slice(2);

/** @param {import('cryptcab').PlugEvents} events */
function echo(events) {
  const stand = memoryPort((frame) => stand.send(frame));
  return stand.open(events);
}

const server = await serve({ port: Number(port), plug, classic: false, secure: { privateKey, peers } });
server.addEventListener('up', ({ detail }) => console.log(`${detail.peer} is up at ${detail.address}`));
server.addEventListener('down', ({ detail }) => console.log(`${detail.peer} is gone: ${detail.why}`));
process.once('SIGINT', () => server.close());
console.log(`waiting for clients at UDP port ${server.local.port}`);
