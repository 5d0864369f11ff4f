// A router on the way that drops large packets and tells nobody: the end that misses them says so.
import { afterAll, expect, test } from 'vitest';
import { cryptcab, type Host, Lab } from '../../lab/lab.js';
import { makeEnd, Peers } from '../../lab/secure-keys.js';
import { randomness } from '../support/seed.js';

const { bytes } = randomness();
const LARGEST = 1400;
const TEST_MS = 120_000;
const labs: Lab[] = [];

afterAll(async () => {
  for (const lab of labs) await lab.close();
});

for (const io of ['native', 'portable']) {
  test.concurrent(
    `packets that are too large are dropped on the way, and nobody is told, ${io}`,
    async () => {
      const lab = new Lab(3);
      labs.push(lab);
      const [router, left, right] = lab.hosts as [Host, Host, Host];
      router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1');
      for (const host of [left, right]) {
        host.run('ip', 'route', 'add', 'default', 'via', host.link.hub4);
        host.makeTap(1500);
      }
      const [server, client] = [makeEnd(lab, 'server', bytes), makeEnd(lab, 'client', bytes)];
      const peers = new Peers(lab, [`${client.publicKey} name=alice`]);
      const secure = [...cryptcab, '--secure', '-s', 'tap://tap0', '-v', '--io', io];
      const serving = left.start([
        ...secure,
        ...['--key', server.keyFile, '--peers', peers.path, '--no-classic'],
      ]);
      await serving.prints(/waiting for clients/);
      const keys = ['--key', client.keyFile, '--peer', server.publicKey];
      const calling = right.start([...secure, ...keys, '-c', left.link.own4]);
      await calling.prints(/the cable is up/);
      await right.reaches(left.inner);
      // The rule below is to see each packet, as a router does, not a piece that its device would cut.
      right.run('ethtool', '-K', right.device, 'tx-udp-segmentation', 'off');
      for (const [host, other] of [
        [left, right],
        [right, left],
      ] as const)
        host.knowsNeighbour(other);
      expect(await right.pingsOnce(left.inner, 1472)).toBe(true);

      // On the way to the server.
      const rule = `iifname ${right.gatewayDevice} meta l4proto udp meta length > ${LARGEST} counter drop`;
      const chain = 'inet hole way { type filter hook forward priority filter; }';
      router.run('nft', `add table inet hole; add chain ${chain}; add rule inet hole way ${rule}`);
      expect(await right.pings(left.inner, 1472)).toBe(false);
      expect(await right.pingsOnce(left.inner)).toBe(true);

      // Full frames are cut: their small last fragments come.
      const full = right.start(['ping', '-n', '-i', '0.5', '-s', '1472', left.inner]);
      await serving.prints(/large datagrams of alice \(.{8}…\) do not arrive, .* --path-mtu 1280/, 30_000);
      await full.stop();
    },
    TEST_MS,
  );
}
