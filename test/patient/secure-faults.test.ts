// The secure cable comes back by itself when the network fails it: an end that stood still for ten minutes, as a laptop does
// whose lid is closed, longer than any of its timers runs; a server that moved with its name; a line that was cut. All at
// once: they wait, and load the machine little.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { transfer } from '../../lab/checks.js';
import { type Host, Lab } from '../../lab/lab.js';
import { Nat } from '../../lab/nat.js';
import type { Process } from '../../lab/process.js';
import { type End, makeEnd, Peers, startSecureClient } from '../../lab/secure-keys.js';
import { randomness, seed } from '../support/seed.js';

const ASLEEP = 600;
/** Within this a cable should be back, ms: an initiation every 5 s and a little, and one of them may get lost. */
const BACK = 15_000;
/** The same where its silence has to be noticed first, and then its name to be looked up. */
const BACK_MOVED = 45_000;
const UP_MS = 60_000;
const BYTES = 1_000_000;
const TEST_MS = 1_000 * ASLEEP + 180_000;

const random = randomness();
const bytes = (length: number) => random.bytes(length);
let lab: Lab;
let hub: Host;
let server: End;
let port = 7700;

beforeAll(async () => {
  lab = new Lab(1);
  hub = lab.host(0);
  server = makeEnd(lab, 'server', bytes);
  await hub.startSwitch();
});

afterAll(() => lab.close());

const wait = (seconds: number) => new Promise((resolve) => setTimeout(resolve, 1_000 * seconds));

interface Cable {
  readonly host: Host;
  serving: Process;
  readonly calling: Process;
  serve(): Promise<Process>;
}

/** A cable with a server of its own; its client calls the hub by the address that it is told, or by a name. */
async function lay(
  host: Host,
  { address = host.link.hub4, options = [] }: { address?: string; options?: readonly string[] } = {},
): Promise<Cable> {
  const number = String(port++);
  await host.startSwitch();
  const client = makeEnd(lab, `client${number}`, bytes);
  const peers = new Peers(lab, [client.publicKey], `peers${number}`);
  const keys = ['--secure', '--key', server.keyFile, '--peers', peers.path, '--no-classic'];
  const serve = async () => {
    const process = hub.cryptcab([...keys, '-p', number, '-v']);
    await process.prints(/waiting for clients/);
    return process;
  };
  const serving = await serve();
  const target = `${address}:${number}`;
  const calling = await startSecureClient(host, client, server, target, options, UP_MS);
  await host.reaches(hub.inner, UP_MS);
  return { host, serving, calling, serve };
}

const load = ({ host }: Cable) => host.start(['ping', '-n', '-q', '-i', '0.2', hub.inner]);

/** The cable is back, and carries what it is given. */
async function back(
  what: string,
  { host, serving, calling }: Cable,
  ms: number,
  from = performance.now(),
): Promise<void> {
  await host.reaches(hub.inner, ms);
  console.log(`${what}: back after ${Math.round(performance.now() - from)} ms`);
  const { sent, received } = await transfer(host, hub, { bytes: BYTES }, seed);
  expect(received.sha256).toBe(sent.sha256);
  expect([await calling.stop(), await serving.stop()]).toEqual([0, 0]);
}

function fault(what: string, run: (what: string) => Promise<void>): void {
  test.concurrent(what, () => run(what), TEST_MS);
}

for (const end of ['client', 'server'] as const) {
  for (const traffic of ['under load', 'quiet'] as const) {
    fault(`the ${end} stopped for 10 minutes, ${traffic}`, async (what) => {
      const cable = await lay(lab.addHost());
      if (traffic === 'under load') load(cable);
      const stopped = end === 'client' ? cable.calling : cable.serving;
      stopped.signal('SIGSTOP');
      expect(await cable.host.pings(hub.inner)).toBe(false);
      await wait(ASLEEP);
      // The one that was awake has long given its keys up.
      const awake = end === 'client' ? cable.serving : cable.calling;
      const since = awake.printed;
      stopped.signal('SIGCONT');
      const from = performance.now();
      await Promise.all([
        awake.prints(/the cable is up|peer is up/, BACK, since),
        cable.host.reaches(hub.inner, BACK),
      ]);
      await back(what, cable, BACK, from);
    });
  }
}

// One that goes on is heard from its new address, and followed at once: so it is another process that is there.
fault('the server is somewhere else, and its name with it', async (what) => {
  const host = lab.addHost();
  const { hub4 } = host.link;
  host.knows({ 'server.example': hub4 });
  const cable = await lay(host, { address: 'server.example' });
  load(cable);
  await cable.serving.stop('SIGKILL');
  hub.run('ip', 'address', 'delete', `${hub4}/24`, 'dev', host.gatewayDevice);
  hub.run('ip', 'address', 'add', `${hub4}1/24`, 'dev', host.gatewayDevice);
  expect(await host.pings(hub.inner)).toBe(false);
  host.knows({ 'server.example': `${hub4}1` });
  cable.serving = await cable.serve();
  await back(what, cable, BACK_MOVED);
});

for (const [seconds, how] of [
  [20, 'in silence'],
  [60, 'link down'],
  [200, 'in silence'],
] as const) {
  fault(`cut for ${seconds} s, ${how}`, async (what) => {
    const cable = await lay(lab.addHost());
    const { host } = cable;
    load(cable);
    if (how === 'link down') hub.run('ip', 'link', 'set', host.gatewayDevice, 'down');
    else host.cut();
    await wait(seconds);
    expect(await host.pings(hub.inner)).toBe(false);
    if (how === 'link down') hub.run('ip', 'link', 'set', host.gatewayDevice, 'up');
    else host.mend();
    await back(what, cable, BACK);
  });
}

fault('a NAT that forgot, with frames from both sides', async (what) => {
  const router = lab.addHost();
  const host = lab.addHost(router);
  const nat = new Nat(router, [host]);
  const cable = await lay(host, { address: router.link.hub4 });
  load(cable);
  const since = cable.serving.printed;
  nat.forget();
  await cable.serving.prints(/"the peer has moved"/, BACK, since);
  await back(what, cable, BACK);
});

fault('a NAT that forgot a quiet cable, which -k keeps', async (what) => {
  const router = lab.addHost();
  const host = lab.addHost(router);
  const nat = new Nat(router, [host]);
  const cable = await lay(host, { address: router.link.hub4, options: ['-k'] });
  await wait(30);
  const since = cable.serving.printed;
  nat.forget();
  await cable.serving.prints(/"the peer has moved"/, BACK_MOVED, since);
  // The server reaches the client again, without a frame of the client's.
  expect(await hub.reaches(host.inner, BACK)).toBeLessThan(BACK);
  await back(what, cable, BACK);
});
