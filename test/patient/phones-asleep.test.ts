// A stock WireGuard device that is silent for long keeps its addresses, and a packet for it wakes it (secure.md §6.8).
import { afterEach, expect, test } from 'vitest';
import { type Host, Lab } from '../../lab/lab.js';
import { Phone } from '../../lab/phone.js';
import { makeEnd, Peers, startSecureServer } from '../../lab/secure-keys.js';
import { randomness } from '../support/seed.js';

const { bytes } = randomness();
/** Keys are given up 180 s after their handshake. */
const ASLEEP_MS = 240_000;
let lab: Lab;

afterEach(() => lab.close());

test.each(['native', 'portable'])(
  '%s: a device that sleeps is found, and woken by a ping',
  async (io) => {
    lab = new Lab(2, io);
    const [hub, host] = lab.hosts as [Host, Host];
    await hub.startSwitch();
    const end = makeEnd(lab, 'server', bytes);
    const phone = new Phone(lab, host, bytes);
    const peers = new Peers(lab, [`${phone.publicKey} name=phone ip=10.88.0.7/24`]);
    const server = await startSecureServer(hub, end, peers, ['--no-classic']);
    await phone.start(end.publicKey, `${host.link.hub4}:7667`, ['10.88.0.7/24'], { keepalive: 0 });
    await host.reaches(hub.inner);
    await server.prints(/"msg":"peer is up, secure"/);
    const from = server.printed;
    await server.prints(/"msg":"a device is asleep/, ASLEEP_MS, from);
    hub.run('ip', 'neighbour', 'flush', 'dev', 'tap0');
    await hub.reaches('10.88.0.7');
    await server.prints(/"msg":"peer is up, secure"/, 5_000, from);
    expect(hub.run('ip', 'neighbour', 'show', 'to', '10.88.0.7')).toContain(`lladdr ${phone.mac}`);
  },
  300_000,
);
