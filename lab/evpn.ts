// FRR on the servers of a fleet, with the files of docs/fleet: it tells the kernel's bridges where which MAC address is, by BGP (EVPN).
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Host } from './lab.js';
import { type Process, until } from './process.js';

const PROGRAMS = '/usr/lib/frr';
/** Servers that tell all others what each of them says. */
const REFLECTORS = [1, 2];
// This file runs as it is (tests) and as built (demo).
const up = /\/dist\/lab\/[^/]*$/.test(import.meta.url) ? '../..' : '..';

/**
 * What /etc/frr/frr.conf of a server is, with the addresses of the lab in it.
 * @param addressOf a server, by its number
 * @param range of all servers
 */
export function frrFile(number: number, addressOf: (server: number) => string, range: string): string {
  const reflects = REFLECTORS.includes(number);
  const name = reflects ? 'frr-reflector.conf' : 'frr-server.conf';
  const path = fileURLToPath(new URL(`${up}/docs/fleet/${name}`, import.meta.url));
  const own = reflects ? 1 : 3;
  const other = (server: number) =>
    number === 2 ? (server === 1 ? 2 : 1) : server === own ? number : server;
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => !line.startsWith('!'))
    .map((line) => {
      if (line.includes('10.0.1.0/24')) return line.replace('10.0.1.0/24', range);
      if (line.startsWith('hostname')) return `hostname server${number}`;
      // The same at both.
      if (line.includes('cluster-id')) return line.replace('10.0.1.1', addressOf(REFLECTORS[0] as number));
      return line.replace(/10\.0\.1\.(\d)/, (_, server) => addressOf(other(Number(server))));
    });
  return lines.join('\n');
}

/** Starts zebra and bgpd. The host's /run is its own, so that they are as on a machine of their own. */
export async function startFrr(host: Host, file: string): Promise<readonly Process[]> {
  const script = 'mkdir -p /run/frr && printf %s "$1" > /run/frr/frr.conf && chown -R frr:frr /run/frr';
  host.run('sh', '-c', script, 'sh', file);
  const start = (program: string) =>
    host.start([`${PROGRAMS}/${program}`, '-f', '/run/frr/frr.conf', '-P', '0', '--log', 'stdout']);
  const zebra = start('zebra');
  const asks = (what: string) => host.start(['vtysh', '-c', what]).exited;
  await until('zebra answers', async () => (await asks('show version')) === 0, 30_000);
  return [zebra, start('bgpd')];
}

/** Where a server's bridge sends what is for a MAC address: an address of a server, or the device of a port. */
export function wayTo(host: Host, mac: string): string | undefined {
  const line = host
    .run('bridge', 'fdb', 'show', 'br', 'br0')
    .split('\n')
    .filter((one) => one.startsWith(`${mac} `));
  const remote = line.map((one) => / dst (\S+)/.exec(one)?.[1]).find(Boolean);
  return remote ?? /dev (\S+)/.exec(line[0] ?? '')?.[1];
}

/** The routes that BGP has to a MAC address, as FRR prints them. */
export function routesTo(host: Host, mac: string): string {
  return host
    .run('vtysh', '-c', `show bgp l2vpn evpn route type 2`)
    .split('\n')
    .filter((line) => line.includes(mac))
    .join('\n');
}

/** How many MAC addresses FRR has told a server's bridge. */
export function macsKnown(host: Host): number {
  const shown = host.run('bridge', 'fdb', 'show', 'dev', 'vx0');
  return shown.match(/^(?!00:00:00:00:00:00)\S+ dst .*extern_learn/gm)?.length ?? 0;
}
