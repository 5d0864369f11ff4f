// A network and not only a cable, shown: a kernel bridge with three clients. One is a machine in QEMU, one is kept from another, one storms.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Guest, makeGuestImage } from './guest.js';
import { type Host, Lab } from './lab.js';
import { type Process, until } from './process.js';
import { type End, makeEnd, Peers } from './secure-keys.js';
import { interrupt, runs, say, shows, types } from './typing.js';

const COUNT_MS = 3_000;
/** Broadcasts a second that the storm has. */
const STORM = 20_000;
const STORM_SECONDS = 20;
const MACHINE = '10.88.0.50';

/** Whether a ping from one host is answered. */
function pings(from: Host, to: string): boolean {
  try {
    from.run('ping', '-n', '-c', '3', '-i', '0.2', '-W', '1', to);
    return true;
  } catch {
    return false;
  }
}

function sayPing(who: string, from: Host, whom: string, to: string): void {
  say(`  ${who} pings ${whom}: ${pings(from, to) ? 'answered' : 'no answer'}`);
}

/** Broadcasts from a host's tap, for a while. */
function storms(lab: Lab, host: Host): Process {
  const file = join(lab.directory, 'storm.cfg');
  const mac = host.mac.replaceAll(':', ', 0x');
  writeFileSync(file, `{ fill(0xff, 6), 0x${mac}, const16(0x88b5), fill(0, 46) }\n`);
  return host.start([
    // It has a child of its own, which timeout ends as well.
    ...[
      'timeout',
      '-s',
      'KILL',
      String(STORM_SECONDS),
      'trafgen',
      '--dev',
      'tap0',
      '--conf',
      file,
      '--cpus',
      '1',
      '--no-sock-mem',
    ],
    ...['--rate', `${STORM}pps`, '--num', '0'],
  ]);
}

/** Frames a second that come to a host's tap. */
async function frames(host: Host): Promise<number> {
  const came = () => Number(host.run('cat', '/sys/class/net/tap0/statistics/rx_packets'));
  const [before, from] = [came(), performance.now()];
  await sleep(COUNT_MS);
  return Math.round((came() - before) / ((performance.now() - from) / 1_000));
}

async function play(lab: Lab): Promise<void> {
  const [hub, anna, ben, carl] = lab.hosts as [Host, Host, Host, Host];
  const named = { anna, ben, carl };
  say(
    'Four hosts (network namespaces). On one of them a server, whose clients share a bridge of the kernel. Its list of peers:\n',
  );
  const own = makeEnd(lab, 'server', randomBytes);
  const ends = Object.fromEntries(
    Object.keys(named).map((name) => [name, makeEnd(lab, name, randomBytes)]),
  ) as Record<keyof typeof named, End>;
  const peers = new Peers(
    lab,
    Object.entries(ends).map(([name, { publicKey }]) => `${publicKey} name=${name}`),
  );
  for (const [name, { publicKey }] of Object.entries(ends)) say(`    ${publicKey} name=${name}`);
  say();
  const serving = types(
    'server',
    hub,
    'serve',
    '--on',
    'bridge://br0',
    '--key',
    own.keyFile,
    '--peers',
    peers.path,
  );
  await shows(serving, /^\[.*\] serving .*$/m);
  await until('the bridge is there', () => /^br0 /m.test(hub.run('ip', '-br', 'link')));
  hub.run('ip', 'address', 'add', `${hub.inner}/24`, 'dev', 'br0');
  say(`  server# ip address add ${hub.inner}/24 dev br0`);

  const connects = async (name: keyof typeof named, on: string) => {
    const host = named[name];
    const keys = ['--key', ends[name].keyFile, '--peer', own.publicKey];
    const cable = types(name, host, 'connect', host.link.hub4, '--on', on, ...keys);
    return { cable, up: () => shows(cable, /^\[.*\] the cable is up.*$/m) };
  };
  say('\nben and carl have taps:');
  for (const name of ['ben', 'carl'] as const) {
    named[name].makeTap();
    await (await connects(name, 'tap://tap0')).up();
  }
  say('\nanna is a machine in QEMU, in emulation, without a switch and without a tap:');
  const socket = join(lab.directory, 'vm.sock');
  const machine = await connects('anna', `qemu:${socket}`);
  await machine.cable.prints(/QEMU/, 30_000);
  say(
    `  anna$ qemu-system-x86_64 ... -netdev stream,id=net0,server=off,addr.type=unix,addr.path=${socket} \\`,
  );
  say('          -device virtio-net-pci,netdev=net0');
  const guest = new Guest(anna, makeGuestImage(lab.directory), [
    `stream,server=off,addr.type=unix,addr.path=${socket}`,
  ]);
  await guest.boots();
  await machine.up();
  await guest.run(`ip address add ${MACHINE}/24 dev eth0; ip link set eth0 up`);
  await guest.run(`ping -c 3 -A ${hub.inner}`);
  say('    the machine has booted; it pings the server: answered');

  say('\nAll are on one Ethernet:');
  sayPing('ben', ben, 'the machine', MACHINE);
  sayPing('ben', ben, 'carl', carl.inner);
  say(
    '\nWho is isolated reaches the server and whoever is not, and nobody else who is. It changes while they are up:',
  );
  await runs('server', hub, 'peers', 'set', 'ben', 'isolated');
  await runs('server', hub, 'peers', 'set', 'carl', 'isolated');
  sayPing('ben', ben, 'the machine', MACHINE);
  sayPing('ben', ben, 'carl', carl.inner);
  await runs('server', hub, 'peers', 'set', 'carl', 'isolated=');

  say(`\ncarl sends ${STORM} broadcasts a second, which the bridge copies to everybody:`);
  const storm = storms(lab, carl);
  say(`  ben gets ${await frames(ben)} frames a second`);
  await runs('server', hub, 'peers', 'set', 'carl', 'broadcast=100');
  await frames(ben); // those that were on their way
  say(`  ben gets ${await frames(ben)} frames a second`);
  sayPing('ben', ben, 'the machine', MACHINE);
  await storm.exited;
  say('\nWhat the server says of it:');
  await runs('server', hub, 'peers', 'list');

  say('\nThe bridge, the taps and the rules go with the server:');
  await guest.process.stop('SIGKILL');
  await interrupt(serving);
  const left = hub.run('sh', '-c', 'ip -br link show type bridge; nft list tables').trim();
  say(`  server# ip link show type bridge; nft list tables`);
  say(`    ${left === '' ? '(nothing)' : left}`);
}

async function main(): Promise<void> {
  const lab = new Lab(4, 'native');
  try {
    await play(lab);
  } finally {
    await lab.close();
  }
  say('\ndone: everything that the demo started is gone');
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
