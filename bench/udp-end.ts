// One end for bench/udp.ts, on any runtime: `receive` prints its port, then what came; `send PORT MS` what it sent.
import { onDeno } from '../src/cable/udp/deno.js';
import { openDgram } from '../src/cable/udp/dgram.js';
import { ownUdp } from '../src/cable/udp/own.js';

const BYTES = 1_400;
const BATCH = 64;
const QUIET_MS = 400;

const [kind, role, port, ms] = process.argv.slice(2);
const portable = 'Deno' in globalThis ? onDeno(openDgram) : openDgram;
let count = 0;
const udp = await (kind === 'own' ? ownUdp() : portable)(0, {
  datagram: () => count++,
  unreachable() {},
  failed() {},
});
const before = process.cpuUsage();

function end(): void {
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ count, cpuSeconds: (user + system) / 1e6 }));
  process.exit(0);
}

if (role === 'receive') {
  console.log(udp.local.port);
  let last = 0;
  setInterval(() => {
    if (count > 0 && count === last) end();
    last = count;
  }, QUIET_MS);
} else {
  const to = await udp.connect({ address: '127.0.0.1', port: Number(port) });
  const bytes = new Uint8Array(new SharedArrayBuffer(BATCH * BYTES)); // as the core's memory is
  const until = performance.now() + Number(ms);
  let waiting = 0;
  const sent = () => {
    count++;
    if (--waiting === 0) setImmediate(send);
  };
  function send(): void {
    if (performance.now() > until) end();
    for (; waiting < BATCH; waiting++) udp.send(bytes, waiting * BYTES, BYTES, to, sent);
  }
  send();
}
