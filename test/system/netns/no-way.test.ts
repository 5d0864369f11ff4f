// A client that has no way to its server for a while: its interface is down, or its address is gone. Both protocols, both paths.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Host, Lab } from '../../../lab/lab.js';
import type { Process } from '../../../lab/process.js';
import { type End, makeEnd, Peers } from '../../../lab/secure-keys.js';
import { randomness } from '../../support/seed.js';

const KINDS = [
  ['classic', 'native'],
  ['classic', 'portable'],
  ['secure', 'native'],
  ['secure', 'portable'],
] as const;

const { bytes } = randomness();
let lab: Lab;
let hub: Host;
let hosts: Host[];
let key: string;
let server: End;
let ends: End[];

beforeAll(async () => {
  lab = new Lab(1 + KINDS.length);
  [hub, ...hosts] = lab.hosts as [Host, ...Host[]];
  key = lab.keyFile('key', bytes(44));
  server = makeEnd(lab, 'server', bytes);
  ends = hosts.map((_, i) => makeEnd(lab, `client${i}`, bytes));
  const peers = new Peers(
    lab,
    ends.map(({ publicKey }) => publicKey),
  );
  await Promise.all(lab.hosts.map((host) => host.startSwitch()));
  const serving = hub.cryptcab([
    ...['-P', key, '--secure', '--key', server.keyFile, '--peers', peers.path, '-v'],
  ]);
  await serving.prints(/waiting for clients/);
});
afterAll(() => lab?.close());

describe.each(KINDS.map((kind, i) => [...kind, i] as const))('%s, %s', (protocol, io, i) => {
  let host: Host;
  let client: Process;
  beforeEach(async () => {
    host = hosts[i] as Host;
    const { keyFile } = ends[i] as End;
    const keys = protocol === 'classic' ? ['-P', key] : ['--key', keyFile, '--peer', server.publicKey];
    const mode = protocol === 'classic' ? [] : ['--secure'];
    client = host.cryptcab(['-c', host.link.hub4, ...mode, ...keys, '--io', io, '-v']);
    await client.prints(/the cable is up/);
    await host.reaches(hub.inner);
  });
  afterEach(() => client?.stop());

  test.each([
    ['an interface that is down and up again', 'link set v0 down', 'link set v0 up'],
    ['an address that goes and comes', 'address delete OWN dev v0', 'address add OWN dev v0'],
  ])('%s', async (_, goes, comes) => {
    const ip = (line: string) => host.run('ip', ...line.replace('OWN', `${host.link.own4}/24`).split(' '));
    const ping = host.start(['ping', '-n', '-q', '-i', '0.1', hub.inner]);
    ip(goes);
    await client.prints(/cannot send: |cannot reach /);
    await client.prints(/cannot reach |no longer answers/);
    ip(comes);
    await host.reaches(hub.inner, 8_000);
    await ping.stop('SIGINT');
    expect(client.running).toBe(true);
  });
});
