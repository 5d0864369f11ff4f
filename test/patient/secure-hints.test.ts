// A peer that does not come up, and what the log says to do: done, it is up.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Host, Lab } from '../../lab/lab.js';
import type { Process } from '../../lab/process.js';
import { type End, makeEnd, Peers, startSecureClient, startSecureServer } from '../../lab/secure-keys.js';
import { randomness } from '../support/seed.js';

const { bytes } = randomness();
let lab: Lab;
let hub: Host;
let host: Host;
let server: End;
let client: End;
let peers: Peers;
let serving: Process;

beforeEach(async () => {
  lab = new Lab(2);
  [hub, host] = lab.hosts as [Host, Host];
  [server, client] = [makeEnd(lab, 'server', bytes), makeEnd(lab, 'client', bytes)];
  await Promise.all(lab.hosts.map((one) => one.startSwitch()));
  peers = new Peers(lab, [`${client.publicKey} name=alice`]);
  serving = await startSecureServer(hub, server, peers);
});

afterEach(() => lab.close());

test('a client whose key is not known: the last word of the line lets it in', async () => {
  const stranger = makeEnd(lab, 'stranger', bytes);
  const keys = ['--secure', '--key', stranger.keyFile, '--peer', server.publicKey];
  const calling = host.cryptcab([...keys, '-c', host.link.hub4, '-v']);
  await serving.prints(/add this line to the peers file: \S+"/, 20_000);
  const [, line] = /add this line to the peers file: (\S+)"/.exec(serving.output) as RegExpExecArray;
  expect(line).toBe(stranger.publicKey);
  peers.write([`${client.publicKey} name=alice`, line as string]);
  await calling.prints(/the cable is up/, 15_000);
  await host.reaches(hub.inner);
});

test.each([
  ['an hour behind', 'const now = Date.now; Date.now = () => now() - 3_600_000;', /was set back/],
  ['in 1970', 'const start = Date.now(), now = Date.now; Date.now = () => now() - start;', /says 1970-01-01/],
])(
  'a client that starts again with its clock %s: both ends say so, and it is up when it is right',
  async (_, change, says) => {
    await (await startSecureClient(host, client, server, host.link.hub4)).stop();
    await serving.prints(/it said goodbye/); // or it would be called, and come up
    const clock = join(lab.directory, 'clock.mjs');
    writeFileSync(clock, change);
    const keys = ['--secure', '--key', client.keyFile, '--peer', server.publicKey];
    const behind = host.cryptcab([...keys, '-c', host.link.hub4, '-v'], {
      NODE_OPTIONS: `--import=${clock}`,
    });
    await serving.prints(/the clock of alice \(.{8}…\) is behind by about (?:1 hour|5\d years)/, 20_000);
    await behind.prints(/no secure answer from [^"]*/, 20_000);
    expect(behind.output).toMatch(says);
    expect(behind.output).not.toContain('the cable is up');
    await behind.stop();
    await startSecureClient(host, client, server, host.link.hub4);
    await host.reaches(hub.inner);
  },
);
