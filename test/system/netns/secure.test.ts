// The secure cable between real switches: keys by file, peers that come and go, ends that move and restart, and a
// classic client beside a secure one.
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { transfer } from '../../../lab/checks.js';
import { type Host, Lab } from '../../../lab/lab.js';
import { type Process, until } from '../../../lab/process.js';
import { type End, makeEnd, Peers, startSecureClient, startSecureServer } from '../../../lab/secure-keys.js';
import { randomness, seed } from '../../support/seed.js';

/** Within this the cable should be back, ms: 15 s of silence, 5 s until the handshake is tried again, twice. */
const BACK = 30_000;
const CLIENTS = ['alice', 'bob'] as const;

const random = randomness();
const bytes = (length: number) => random.bytes(length);
let lab: Lab;
let hub: Host;
let hosts: Host[];
let server: End;
let clients: End[];
let peers: Peers;
let serving: Process;

async function lay(io?: string): Promise<void> {
  lab = new Lab(1 + CLIENTS.length, io);
  [hub, ...hosts] = lab.hosts as [Host, ...Host[]];
  server = makeEnd(lab, 'server', bytes);
  clients = CLIENTS.map((name) => makeEnd(lab, name, bytes));
  peers = new Peers(
    lab,
    clients.map(({ publicKey }, i) => `${publicKey} name=${CLIENTS[i]}`),
  );
  await Promise.all(lab.hosts.map((host) => host.startSwitch()));
  serving = await startSecureServer(hub, server, peers);
}

afterEach(() => lab.close());

const host = (index: number) => hosts[index] as Host;
const end = (index: number) => clients[index] as End;

function connect(index: number, args: readonly string[] = []): Promise<Process> {
  return startSecureClient(host(index), end(index), server, host(index).link.hub4, args);
}

/** Pings without end, ten a second; where the first of them that has come back is missing, there was silence. */
async function load(from: Host, to: Host): Promise<Process> {
  const ping = from.start(['ping', '-n', '-D', '-i', '0.05', to.inner]);
  await ping.prints(/icmp_seq=[1-9]\d /);
  return ping;
}

/** The longest time between two answers, s. */
function silence(ping: Process): number {
  const times = [...ping.output.matchAll(/^\[([\d.]+)\]/gm)].map(([, time]) => Number(time));
  return Math.max(...times.slice(1).map((time, i) => time - (times[i] as number)));
}

describe.each(['portable', 'native'])('%s', (io) => {
  beforeEach(() => lay(io));

  test('two clients reach the server and each other; who is up and what was carried can be read', async () => {
    await connect(0);
    await connect(1);
    await host(0).reaches(hub.inner);
    await host(0).reaches(host(1).inner);
    const { sent, received } = await transfer(host(0), host(1), { bytes: 5_000_000 }, seed);
    expect(received.sha256).toBe(sent.sha256);
    await serving.prints(
      /"peer":"alice \(.{8}…\)","address":"10\.77\.1\.2:\d+","port":"open","msg":"peer is up, secure"/,
    );
    const from = serving.printed;
    serving.signal('SIGUSR2');
    for (const name of CLIENTS)
      await serving.prints(
        new RegExp(`"peer":"${name} .*"openedBytes":"?\\d{3,}.*"msg":"carried"`),
        5_000,
        from,
      );
  });

  test("the client's address changes in the middle of a transfer: it goes on by the keys that it has", async () => {
    await connect(0);
    const one = host(0);
    await one.reaches(hub.inner);
    const ping = await load(one, hub);
    const moving = transfer(one, hub, { seconds: 6 }, seed);
    await ping.prints(/icmp_seq=[4-9]\d /); // the switches drop some beside the transfer
    // The other address is there first, and takes over when the old one goes: a move, not an outage.
    one.run('sysctl', '-qw', 'net.ipv4.conf.all.promote_secondaries=1');
    one.run('ip', 'address', 'add', '10.77.1.9/24', 'dev', one.device);
    one.run('ip', 'address', 'delete', '10.77.1.2/24', 'dev', one.device);
    await serving.prints(/"address":"10\.77\.1\.9:\d+","times":1,"msg":"the peer has moved"/);
    const { sent, received } = await moving;
    expect(received.sha256).toBe(sent.sha256);
    await ping.stop('SIGINT');
    console.log(`silent for ${silence(ping).toFixed(2)} s`);
    expect(silence(ping)).toBeLessThan(5); // a handshake would come after 15 s of silence
  });

  test('either end restarted under load', async () => {
    let client = await connect(0);
    await host(0).reaches(hub.inner);
    const ping = await load(host(0), hub);
    await serving.stop('SIGKILL');
    serving = await startSecureServer(hub, server, peers);
    console.log(`server restarted: back after ${Math.round(await host(0).reaches(hub.inner, BACK))} ms`);
    await client.stop('SIGKILL');
    client = await connect(0);
    console.log(`client restarted: back after ${Math.round(await host(0).reaches(hub.inner, BACK))} ms`);
    expect(await client.stop()).toBe(0);
    await ping.stop('SIGINT');
    expect(await serving.stop()).toBe(0);
  });

  test('a secure client, a classic one of ours and the C program at one server; it says what that means', async () => {
    const keyFile = lab.keyFile('key', bytes(44));
    await serving.stop();
    serving = await startSecureServer(hub, server, peers, ['-P', keyFile]);
    expect(serving.output.match(/classic clients are served, too: .*--no-classic/g)).toHaveLength(1);
    await connect(0);
    const classic = host(1).cryptcab(['-c', host(1).link.hub4, '-P', keyFile, '-v', '-p', '0']);
    await classic.prints(/the cable is up/);
    const third = lab.addHost();
    await third.startSwitch();
    const original = third.original(['-c', third.link.hub4, '-P', keyFile, '-k', '-vvvv']);
    await original.prints(/Successfully authenticated/, 30_000);
    for (const one of [host(0), host(1), third]) await one.reaches(hub.inner);
    await host(0).reaches(third.inner);
  });
});

describe('on whichever path', () => {
  beforeEach(() => lay());

  test('a preshared key: with the same one it is up, with another one it is not', async () => {
    const psk = lab.keyFile('psk', Buffer.from(`${Buffer.from(bytes(32)).toString('base64')}\n`));
    const other = lab.keyFile('other', Buffer.from(`${Buffer.from(bytes(32)).toString('base64')}\n`));
    peers.write([`${end(0).publicKey} name=alice psk=psk`, `${end(1).publicKey} name=bob psk=psk`]);
    await serving.prints(/read the peers file[\s\S]*read the peers file/);
    await connect(0, ['--psk', psk]);
    await host(0).reaches(hub.inner);
    const keys = ['--secure', '--key', end(1).keyFile, '--peer', server.publicKey, '--psk', other];
    const wrong = host(1).cryptcab([...keys, '-c', host(1).link.hub4, '-v']);
    await wrong.prints(/"msg":"dropped: decrypt failed"/);
    await wrong.prints(/answers with another preshared key: give both ends the same one/);
    await wrong.prints(
      /no secure answer from [\d.]+:7667, still trying: .*--secure.*peers file.*--peer.*psk=/,
      20_000,
    );
    await serving.prints(/"bob \(.{8}…\) does not finish the handshake: its preshared key is another one/);
    expect(wrong.output).not.toContain('the cable is up');
  });

  test('the line of a peer goes: it is cut off soon, and the other one is not', async () => {
    await connect(0);
    await connect(1);
    await Promise.all(hosts.map((one) => one.reaches(hub.inner)));
    const stays = await load(host(0), hub);
    peers.without('bob');
    const from = performance.now();
    await serving.prints(/"peer":"bob \(.*"msg":"peer is cut off"/);
    const after = performance.now() - from;
    console.log(`cut off after ${Math.round(after)} ms`);
    expect(after).toBeLessThan(5_000); // its keys would hold for minutes
    expect(await host(1).pings(hub.inner)).toBe(false);
    await stays.stop('SIGINT');
    expect(silence(stays)).toBeLessThan(5);
    // Its handshakes are a stranger's now.
    await serving.prints(/"msg":"dropped: unknown peer"/, BACK);
    peers.write([`${end(0).publicKey} name=alice`, `${end(1).publicKey} name=bob`]);
    console.log(`let in again: back after ${Math.round(await host(1).reaches(hub.inner, BACK))} ms`);
  });

  test('SIGHUP has the peers file read; a line that is wrong is named, and the others hold', async () => {
    await connect(0);
    await host(0).reaches(hub.inner);
    const stays = await load(host(0), hub);
    peers.write(['nonsense', `${end(0).publicKey} name=alice`, `${server.publicKey} name=self`]);
    serving.signal('SIGHUP');
    await serving.prints(
      /"line":1,"msg":"skipped line 1 of the peers file: it does not begin with a public key/,
    );
    await serving.prints(/"line":3,"msg":"skipped line 3 of the peers file: this public key is our own"/);
    await stays.stop('SIGINT');
    expect(silence(stays)).toBeLessThan(5);
    expect(serving.running).toBe(true);
  });

  test('no fallback: a client says what a classic server lacks, and a server without classic clients is deaf to them', async () => {
    const keyFile = lab.keyFile('key', bytes(24));
    const classic = host(1).cryptcab(['-c', host(1).link.hub4, '-P', keyFile, '-v']);
    await classic.prints(/no answer from/, 30_000);
    await serving.stop();
    serving = hub.cryptcab(['-P', keyFile, '-v']);
    await serving.prints(/waiting for clients/);
    const keys = ['--secure', '--key', end(0).keyFile, '--peer', server.publicKey];
    const { hub6 } = host(0).link;
    const secure = host(0).cryptcab([...keys, '-c', hub6, '-v']);
    const [said] = await secure.prints(/no secure answer from .* a server with --secure runs there/, 20_000);
    expect(said).toContain(`from [${hub6}]:7667,`);
    expect(await host(0).pings(hub.inner)).toBe(false);
    // It keeps trying: as soon as there is a server, it is up.
    await serving.stop();
    serving = await startSecureServer(hub, server, peers);
    await secure.prints(/the cable is up/);
    await host(0).reaches(hub.inner);
  });

  test('no key in any log, at any verbosity; and as a daemon it reads its peers file again on SIGHUP', async () => {
    const psk = bytes(32);
    const pskFile = lab.keyFile('psk', Buffer.from(`${Buffer.from(psk).toString('base64')}\n`));
    peers.write([`${end(0).publicKey} name=alice psk=psk`]);
    await serving.stop();
    serving = await startSecureServer(hub, server, peers, ['--no-classic', '-vvvv']);
    const client = await connect(0, ['--psk', pskFile, '-vvvv']);
    await host(0).reaches(hub.inner);
    await client.stop();
    await serving.stop();
    for (const { output } of [serving, client]) {
      expect(output).toMatch(/"message":"initiation"[\s\S]*"message":"transport"/);
      for (const path of [server.keyFile, end(0).keyFile, pskFile]) {
        const text = readFileSync(path, 'latin1').trim();
        const secret = Buffer.from(text, 'base64');
        for (const form of [text, secret.toString('hex'), secret.join(',')]) {
          expect(output.toLowerCase()).not.toContain(form.toLowerCase());
        }
      }
    }
    const log = lab.keyFile('log', new Uint8Array());
    const files = [
      '--key',
      server.keyFile,
      '--peers',
      peers.path,
      '--log-file',
      log,
      '--pidfile',
      `${log}.pid`,
    ];
    const daemon = hub.cryptcab(['--secure', ...files, '--no-classic', '-d', '-v']);
    expect(await daemon.exited).toBe(0);
    const pid = Number(readFileSync(`${log}.pid`, 'utf8'));
    try {
      process.kill(pid, 'SIGHUP');
      const reads = () => readFileSync(log, 'utf8').match(/read the peers file/g)?.length;
      await until('it has read the file again', () => reads() === 2);
    } finally {
      process.kill(pid, 'SIGTERM');
    }
    await until('it has ended', () => !existsSync(`/proc/${pid}`));
  });
});
