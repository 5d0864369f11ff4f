// A server; without a switch its stand-in sends each frame back:
//   head -c 24 /dev/urandom > key; node examples/server.mjs key 7667 [SWITCH]
import { memoryPort, serve } from 'cryptcab';

const [key, port, plug = echo] = process.argv.slice(2);

/** @param {import('cryptcab').PlugEvents} events */
function echo(events) {
  const stand = memoryPort((frame) => stand.send(frame));
  return stand.open(events);
}

const server = await serve({ key, port: Number(port), plug });
server.addEventListener('up', ({ detail }) => console.log(`${detail.peer} is up`));
process.once('SIGINT', () => server.close());
console.log(`waiting for clients at UDP port ${server.local.port}`);
