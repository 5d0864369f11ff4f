// A firewall that refuses one datagram in twenty (EPERM to who sends it): each costs what it carried, and nothing else.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Host, Lab } from '../../../lab/lab.js';
import type { Process } from '../../../lab/process.js';
import { makeEnd, Peers, startSecureClient, startSecureServer } from '../../../lab/secure-keys.js';
import { randomness } from '../../support/seed.js';

const PORT = 7667;
const ONE_IN = 20;
const PINGS = 200;
/** Request and answer are refused one time in twenty each; other datagrams take their turns as well. */
const LOST_MAX = (2 * PINGS) / ONE_IN + 5;

const random = randomness();

describe.each(['native', 'portable'])('%s', (io) => {
  let lab: Lab;
  let hub: Host;
  let client: Host;

  beforeAll(async () => {
    lab = new Lab(2, io);
    [hub, client] = lab.hosts as [Host, Host];
    await Promise.all(lab.hosts.map((host) => host.startSwitch()));
    for (const host of lab.hosts) {
      host.run(
        'nft',
        'add table inet refuse; add chain inet refuse out { type filter hook output priority 0; }',
      );
      const which = `udp dport ${PORT} numgen inc mod ${ONE_IN} 0 counter drop`;
      host.run(
        'nft',
        `add rule inet refuse out ${which}; add rule inet refuse out ${which.replace('dport', 'sport')}`,
      );
    }
  });

  afterAll(() => lab.close());

  const starts: Record<string, () => Promise<Process[]>> = {
    async classic() {
      const key = ['-P', lab.keyFile('key', random.bytes(24)), '-v'];
      const server = hub.cryptcab(key);
      await server.prints(/waiting for clients/);
      const cable = client.cryptcab([...key, '-c', client.link.hub4, '-p', '0']);
      await cable.prints(/the cable is up/);
      return [server, cable];
    },
    async secure() {
      const [serving, calling] = [makeEnd(lab, 'server', random.bytes), makeEnd(lab, 'client', random.bytes)];
      const server = await startSecureServer(hub, serving, new Peers(lab, [calling.publicKey]));
      const cable = await startSecureClient(client, calling, serving, client.link.hub4, ['-p', '0']);
      await server.prints(/is up, secure/);
      return [server, cable];
    },
  };

  test.each(Object.keys(starts))('%s', async (mode) => {
    const ends = await (starts[mode] as () => Promise<Process[]>)();
    await client.reaches(hub.inner);
    const since = ends.map((end) => end.printed);
    const ping = client.start(['ping', '-n', '-q', '-i', '0.01', '-c', String(PINGS), '-W', '1', hub.inner]);
    await ping.exited;
    const received = Number(/ (\d+) received/.exec(ping.output)?.[1]);
    expect(PINGS - received).toBeLessThanOrEqual(LOST_MAX);
    // They were refused, and not lost elsewhere.
    for (const host of lab.hosts) {
      const counted = [...host.run('nft', 'list chain inet refuse out').matchAll(/counter packets (\d+)/g)];
      const refused = counted.reduce((sum, [, packets]) => sum + Number(packets), 0);
      expect(refused).toBeGreaterThanOrEqual(PINGS / ONE_IN - 1);
    }
    for (const [i, end] of ends.entries())
      expect(end.since(since[i] as number)).not.toMatch(/cannot send|is up|is down|logging in|moved|gone/);
    await Promise.all(ends.map((end) => end.stop()));
  });
});
