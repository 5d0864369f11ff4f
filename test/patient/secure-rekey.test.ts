// Keys that are renewed under way, in real time: two minutes on each path, side by side.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { type Host, Lab } from '../../lab/lab.js';
import { until } from '../../lab/process.js';
import { makeEnd, Peers, startSecureServer } from '../../lab/secure-keys.js';
import { randomness } from '../support/seed.js';

/** WireGuard's, and what may pass until it is noticed; ms. */
const [RENEWED_AFTER, LATE] = [120_000, 5_000];
/** Two a second. */
const PINGS_MIN = 200;
const { bytes } = randomness();

/**
 * Frames that one tap was given and the other one has not had, in both directions. Pings do not tell: where many hosts are
 * one kernel, it now and then leaves an echo request unanswered that has come.
 */
function missing([near, far]: readonly [Host, Host]): string {
  return `${near.tapped('tx') - far.tapped('rx')} ${far.tapped('tx') - near.tapped('rx')}`;
}

/** The same, once nothing is under way: what is, on a busy machine, would be missed for ever. */
async function settled(hosts: readonly [Host, Host]): Promise<string> {
  let last = '';
  await until('nothing is under way', async () => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = last;
    last = missing(hosts);
    return last === before;
  });
  return last;
}

test.concurrent.each(['portable', 'native'])(
  'who began renews the keys after 120 s, and no frame is lost, %s',
  async (io) => {
    const lab = new Lab(2, io);
    try {
      const [hub, host] = lab.hosts as [Host, Host];
      const [server, client] = [makeEnd(lab, 'server', bytes), makeEnd(lab, 'client', bytes)];
      await Promise.all(lab.hosts.map((one) => one.startSwitch()));
      await startSecureServer(hub, server, new Peers(lab, [client.publicKey]));
      const log = join(lab.directory, 'log');
      const keys = ['--key', client.keyFile, '--peer', server.publicKey];
      host.cryptcab(['--secure', ...keys, '-c', host.link.hub4, '-vvvv', '--log-file', log]);
      await host.reaches(hub.inner);
      const before = await settled([hub, host]);
      const ping = host.start(['ping', '-n', '-i', '0.5', hub.inner]);
      /** When initiations were sent, ms. */
      const begun = () =>
        readFileSync(log, 'utf8')
          .split('\n')
          .filter((line) => /"direction":"out".*"message":"initiation"/.test(line))
          .map((line) => JSON.parse(line).time as number);
      await until('the keys are renewed', () => begun().length > 1, RENEWED_AFTER + LATE);
      const [first, second] = begun() as [number, number];
      if (second - first < RENEWED_AFTER - 1) throw new Error(`renewed after ${second - first} ms already`);
      await host.reaches(hub.inner);
      await ping.stop('SIGINT');
      const [, sent] = /(\d+) packets transmitted/.exec(ping.output) ?? [];
      if (Number(sent) < PINGS_MIN) throw new Error(`only ${sent} pings`);
      await until('every frame has come', () => missing([hub, host]) === before);
      if (begun().length !== 2) throw new Error(`renewed ${begun().length - 1} times`);
    } finally {
      await lab.close();
    }
  },
  180_000,
);
