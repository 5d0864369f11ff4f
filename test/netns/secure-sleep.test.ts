// An end of the secure cable stands still for ten minutes, as a laptop's does whose lid is closed: longer than any of its
// timers runs. The cable comes back by itself. All at once: they wait, and load the machine little.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { transfer } from '../../lab/checks.js';
import { type Host, Lab } from '../../lab/lab.js';
import { type End, makeEnd, Peers, startSecureClient } from '../../lab/secure-keys.js';
import { randomness, seed } from '../seed.js';

const ASLEEP_MS = 600_000;
/** Within this the cable is to be back, ms: an initiation every 5 s and a little, and one of them may get lost. */
const BACK = 15_000;
const BYTES = 1_000_000;
const TEST_MS = ASLEEP_MS + 120_000;
const FIRST_PORT = 7700;

const CASES = [
  { end: 'client', traffic: 'under load' },
  { end: 'server', traffic: 'under load' },
  { end: 'client', traffic: 'quiet' },
  { end: 'server', traffic: 'quiet' },
] as const;

const random = randomness();
const bytes = (length: number) => random.bytes(length);
let lab: Lab;
let hub: Host;
let server: End;

beforeAll(async () => {
  lab = new Lab(1 + CASES.length);
  hub = lab.host(0);
  server = makeEnd(lab, 'server', bytes);
  await Promise.all(lab.hosts.map((host) => host.startSwitch()));
});

afterAll(() => lab.close());

for (const [i, { end, traffic }] of CASES.entries()) {
  const what = `the ${end} stopped for 10 minutes, ${traffic}`;
  test.concurrent(
    what,
    async () => {
      const host = lab.host(1 + i);
      const client = makeEnd(lab, `client${i}`, bytes);
      const peers = new Peers(lab, [client.publicKey], `peers${i}`);
      const port = String(FIRST_PORT + i);
      const keys = ['--secure', '--key', server.keyFile, '--peers', peers.path, '--no-classic'];
      const serving = hub.cryptcab([...keys, '-p', port, '-v']);
      await serving.prints(/waiting for clients/);
      const calling = await startSecureClient(host, client, server, `${host.link.hub4}:${port}`);
      await host.reaches(hub.inner);
      if (traffic === 'under load') host.start(['ping', '-n', '-q', '-i', '0.2', hub.inner]);
      const stopped = end === 'client' ? calling : serving;
      stopped.signal('SIGSTOP');
      expect(await host.pings(hub.inner)).toBe(false);
      await new Promise((resolve) => setTimeout(resolve, ASLEEP_MS));
      const since = calling.printed;
      stopped.signal('SIGCONT');
      console.log(`${what}: back after ${Math.round(await host.reaches(hub.inner, BACK))} ms`);
      await calling.prints(/the cable is up/, 5_000, since); // its keys were too old
      const { sent, received } = await transfer(host, hub, { bytes: BYTES }, seed);
      expect(received.sha256).toBe(sent.sha256);
      expect([await calling.stop(), await serving.stop()]).toEqual([0, 0]);
    },
    TEST_MS,
  );
}
