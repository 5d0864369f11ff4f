// Recipes of docs/recipes/ that Debian has the program for.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { type Host, Lab } from '../../../lab/lab.js';
import { run, until } from '../../../lab/process.js';
import { makeEnd, Peers, startSecureClient, startSecureServer } from '../../../lab/secure-keys.js';
import { randomness } from '../../support/seed.js';

let lab: Lab | undefined;
afterEach(async () => {
  await lab?.close();
  lab = undefined;
});

/** The blocks of a recipe that are of this language. */
function blocks(recipe: string, language: string): string[] {
  const path = fileURLToPath(new URL(`../../../docs/recipes/${recipe}.md`, import.meta.url));
  const found = readFileSync(path, 'utf8').matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'));
  return [...found].map(([, text]) => text as string);
}

test('libvirt.md: virsh takes the network, and a machine with the card', () => {
  const lent = new Lab(1);
  lab = lent;
  const [network, card] = blocks('libvirt', 'xml') as [string, string];
  const file = (name: string, text: string) => {
    const path = join(lent.directory, name);
    writeFileSync(path, text);
    return path;
  };
  const machine = `<domain type='test'><name>vm</name><memory>65536</memory><os><type>hvm</type></os><devices>${card}</devices></domain>`;
  // A driver of libvirt's that keeps what it is told in memory.
  const virsh = (...words: string[]) => run('virsh', '--quiet', '-c', 'test:///default', words.join(' '));
  expect(
    virsh(`net-define --validate ${file('network.xml', network)}; net-start cryptcab; net-dumpxml cryptcab`),
  ).toMatch(/<bridge name='br0'\/>/);
  expect(virsh(`define --validate ${file('machine.xml', machine)}; domiflist vm`)).toMatch(
    /network +cryptcab +virtio/,
  );
});

test('lxc.md: a container on a bridge is reached from the other end of the cable', async () => {
  lab = new Lab(2, 'native');
  const [hub, client] = lab.hosts as [Host, Host];
  const { bytes } = randomness();
  const [own, end] = [makeEnd(lab, 'server', bytes), makeEnd(lab, 'client', bytes)];
  for (const host of [hub, client]) {
    host.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
    host.run('ip', 'link', 'set', 'br0', 'up');
  }
  await startSecureServer(hub, own, new Peers(lab, [end.publicKey]), ['--no-classic', '-s', 'bridge://br0']);
  await startSecureClient(client, end, own, client.link.hub4, ['-s', 'bridge://br0']);
  client.run('ip', 'address', 'add', '10.1.0.12/24', 'dev', 'br0');
  const containers = join(lab.directory, 'lxc');
  mkdirSync(containers);
  const config = join(containers, 'c1.conf');
  const [lines] = blocks('lxc', '') as [string];
  // What LXC groups its processes in is below a group of the test's; devices of /sys are those of the host's namespace.
  const group = basename(lab.directory);
  writeFileSync(config, `${lines}lxc.uts.name = c1\nlxc.console.path = none\nlxc.cgroup.dir = ${group}\n`);
  const apart = (script: string) => [
    ...['unshare', '-m', 'sh', '-c'],
    `mount -t sysfs sys /sys; mount -t cgroup2 groups /sys/fs/cgroup; ${script}`,
  ];
  const container = hub.start(
    apart(
      `exec lxc-execute -P ${containers} -n c1 -f ${config} -- /bin/sh -c 'echo it runs; exec sleep 600' </dev/null`,
    ),
  );
  await container.prints(/it runs/, 30_000);
  await client.reaches('10.1.0.11');
  await container.stop('SIGKILL');
  await until('its groups are gone', () => {
    try {
      hub.run(...(apart(`find /sys/fs/cgroup/${group} -depth -type d -exec rmdir {} +`) as [string]));
      return true;
    } catch {
      return false; // somebody of it is still ending
    }
  });
});
