// Stock WireGuard devices, wireguard-go on a real tun, as hosts on the Ethernet (secure.md §6).
import { afterEach, describe, expect, test } from 'vitest';
import { type Host, Lab } from '../../../lab/lab.js';
import { Phone } from '../../../lab/phone.js';
import type { Process } from '../../../lab/process.js';
import { type End, makeEnd, Peers, startSecureServer } from '../../../lab/secure-keys.js';
import { randomness } from '../../support/seed.js';

const PORT = 7667;
const HUB = { four: '10.88.0.1', six: 'fd88::1' };
const { bytes } = randomness();
let lab: Lab;

afterEach(() => lab.close());

interface Scene {
  readonly hub: Host;
  readonly server: Process;
  readonly end: End;
  readonly peers: Peers;
  readonly phones: Phone[];
}

const fourOf = (i: number) => `10.88.0.${7 + i}`;
const sixOf = (i: number) => `fd88::${7 + i}`;

/** A server on the hub, whose network has the hub's own addresses; and devices that are up. */
async function scene(
  io: string,
  plug: 'switch' | 'bridge',
  { devices = 1, mtu = 1420, words = '' } = {},
): Promise<Scene> {
  lab = new Lab(1 + devices, io);
  const [hub, ...hosts] = lab.hosts as [Host, ...Host[]];
  if (plug === 'switch') await hub.startSwitch();
  else makeBridge(hub);
  hub.run('ip', 'address', 'add', `${HUB.six}/64`, 'dev', plug === 'switch' ? 'tap0' : 'br0', 'nodad');
  const end = makeEnd(lab, 'server', bytes);
  const phones = hosts.map((host) => new Phone(lab, host, bytes));
  const peers = new Peers(
    lab,
    phones.map(
      ({ publicKey }, i) => `${publicKey} name=phone${i} ip=${fourOf(i)}/24,${sixOf(i)}/64 ${words}`,
    ),
  );
  const args = plug === 'switch' ? [] : ['-s', 'bridge://br0'];
  const server = await startSecureServer(hub, end, peers, ['--no-classic', ...args]);
  await Promise.all(
    phones.map((phone, i) =>
      phone.start(end.publicKey, `${phone.host.link.hub4}:${PORT}`, [`${fourOf(i)}/24`, `${sixOf(i)}/64`], {
        mtu,
      }),
    ),
  );
  for (const i of phones.keys())
    await server.prints(new RegExp(`"peer":"phone${i}.*"msg":"peer is up, secure"`));
  return { hub, server, end, peers, phones };
}

/** A bridge as a person makes it, which looks at who is in which group, and asks. */
function makeBridge(hub: Host): void {
  hub.run('ip', 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '1', 'mcast_querier', '1');
  hub.run('ip', 'link', 'set', 'br0', 'up');
  hub.run('ip', 'address', 'add', `${HUB.four}/24`, 'dev', 'br0');
}

const neighbours = (host: Host, address: string) => host.run('ip', 'neighbour', 'show', 'to', address);

describe.each([
  ['native', 'switch'],
  ['portable', 'switch'],
  ['native', 'bridge'],
] as const)('%s, %s', (io, plug) => {
  test('two devices and a machine reach each other by both families, each with its own MAC address', async () => {
    const { hub, phones, server } = await scene(io, plug, { devices: 2 });
    const [one, two] = phones as [Phone, Phone];
    for (const [i, phone] of phones.entries()) {
      await phone.host.reaches(HUB.four);
      await phone.host.reaches(HUB.six);
      await hub.reaches(fourOf(i));
      await hub.reaches(sixOf(i));
      for (const address of [fourOf(i), sixOf(i)])
        expect(neighbours(hub, address)).toContain(`lladdr ${phone.mac}`);
    }
    expect(one.mac).not.toBe(two.mac);
    await one.host.reaches(fourOf(1));
    await two.host.reaches(sixOf(0));
    expect(await server.stop()).toBe(0);
  });
});
