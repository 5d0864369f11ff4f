// A server of the secure cable that ends, or dies, and starts again: its clients are back at once, quiet ones too, and
// nobody logs in by ssh a second time.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { type Process, until } from '../../../lab/process.js';
import { type End, makeEnd, Peers, startSecureClient } from '../../../lab/secure-keys.js';
import { type Sshd, startSshd } from '../../../lab/sshd.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();

describe.each(['native', 'portable'] as const)('%s', (io) => {
  let lab: Lab;
  let hub: Host;
  let clients: Host[];
  let server: End;
  let peers: Peers;
  let sshd: Sshd;
  let serving: Process;

  beforeEach(async () => {
    lab = new Lab(5, io);
    [hub, ...clients] = lab.hosts as [Host, ...Host[]];
    await Promise.all(lab.hosts.map((host) => host.startSwitch()));
    const ends = [makeEnd(lab, 'one', bytes), makeEnd(lab, 'two', bytes)] as const;
    server = makeEnd(lab, 'server', bytes);
    peers = new Peers(lab, [`${ends[0].publicKey} name=one`, `${ends[1].publicKey} name=two`]);
    const sshdAddress = (clients[2] as Host).link.hub4;
    sshd = await startSshd(lab, hub, sshdAddress);
    serving = await serve();
    const [one, two, three, four] = clients as [Host, Host, Host, Host];
    const enrol = async (host: Host, args: readonly string[]) => {
      const process = host.cryptcab(['--secure', '-c', `root@${sshdAddress}`, '-v', ...args], {
        SSH_EXTRA_OPTIONS: sshd.strictOptions,
      });
      await process.prints(/the cable is up/, 30_000);
    };
    four.run('ip', 'route', 'add', sshdAddress, 'via', four.link.hub4);
    await Promise.all([
      startSecureClient(one, ends[0], server, one.link.hub4),
      startSecureClient(two, ends[1], server, two.link.hub4, ['-k']),
      enrol(three, []),
      enrol(four, ['-k']),
    ]);
    for (const host of clients) await hub.reaches(host.inner);
  });

  afterEach(() => lab.close());

  async function serve(): Promise<Process> {
    const process = hub.cryptcab([
      ...['--secure', '--no-classic', '--key', server.keyFile, '--peers', peers.path, '-v'],
    ]);
    await process.prints(/waiting for clients/);
    return process;
  }

  /** Starts the server again; how long after that each client answered a ping from its side, ms. */
  async function again(): Promise<number[]> {
    const pings = clients.map((host) => hub.start(['ping', '-n', '-D', '-i', '0.02', host.inner]));
    serving = await serve();
    const ready = Date.now();
    const answered = (ping: Process) => /^\[([\d.]+)\] \d+ bytes from/m.exec(ping.output)?.[1];
    await until('all clients answer', () => pings.every((ping) => answered(ping) !== undefined), 60_000);
    await Promise.all(pings.map((ping) => ping.stop('SIGINT')));
    return pings.map((ping) => Math.round(1_000 * Number(answered(ping)) - ready));
  }

  test.each(['SIGTERM', 'SIGKILL'] as const)('its server ended by %s', async (signal) => {
    const kept = () => readFileSync(join(hub.stateDirectory, '7667/peers.json'), 'utf8');
    await until('it has kept where they are', () => kept().match(/"endpoint"/g)?.length === 4);
    await serving.stop(signal);
    const times = await again();
    console.log(`${io}, server ended by ${signal}: clients are back after ${times.join(', ')} ms`);
    for (const ms of times) expect(ms).toBeLessThan(10_000); // 15 s of silence would have to pass otherwise
    expect(serving.output).not.toContain('enrolled a peer');
    const list = hub.start([...cryptcab, 'peers', '--json']);
    expect(await list.exited).toBe(0);
    const how = list.output.match(/"origin":\{"how":"ssh","user":"\w+","address":"[\d.]+"/g);
    expect(how).toHaveLength(2); // who enrolled, and how, is kept
    expect(serving.output.match(/peer is up/g)).toHaveLength(4);
  });
});
