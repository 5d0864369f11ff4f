// VLANs of clients, where the kernel's bridges tell them apart: the server is a machine in QEMU with Debian's kernel, as that of the
// machine here may not. Its clients are here, and so is the wire of its network card, which is a trunk.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Guest, makeGuestImage } from '../../lab/guest.js';
import { cryptcab, type Host, Lab } from '../../lab/lab.js';
import { until } from '../../lab/process.js';
import { type End, makeEnd } from '../../lab/secure-keys.js';
import { Wire } from '../../lab/wire.js';
import { kinds, type Marked } from '../support/marked.js';
import { randomness } from '../support/seed.js';

const random = randomness();
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const MACS = ['02:00:00:00:00:0a', '02:00:00:00:00:0b', '02:00:00:00:00:0c', '02:00:00:00:00:0d'] as const;
const TRUNK = '02:00:00:00:00:0e';
const SERVER = '10.99.0.2';
const UP_MS = 240_000; // in emulation, on processors that others use as well
const MEGABYTES = 768;

let lab: Lab;
let hub: Host;
let guest: Guest;
let server: End;
let ends: End[];
/** The taps of the clients here, and the guest's trunk. */
let wires: Wire[];
let trunk: Wire;

const lines = (policies: readonly string[]) =>
  policies.map((policy, i) => `${ends[i]?.publicKey} name=client${i} ${policy}`).join('\\n');

/** Has the guest's peers file say this. */
const write = (...policies: string[]) =>
  guest.run(`printf "${lines(policies)}\\n" > /peers.new && mv /peers.new /peers`);

/** The same while the server runs; waits until it is kept. */
async function keeps(...policies: string[]): Promise<void> {
  const from = guest.process.printed;
  await write(...policies);
  await guest.process.prints(/what a peer may do has changed/, UP_MS, from);
}

beforeAll(async () => {
  lab = new Lab(1, 'native');
  hub = lab.host(0);
  server = makeEnd(lab, 'server', random.bytes);
  ends = MACS.map((_, i) => makeEnd(lab, `client${i}`, random.bytes));
  for (const tap of ['under', 'trunk', 't0', 't1', 't2', 't3']) {
    hub.run('ip', 'tuntap', 'add', tap, 'mode', 'tap');
    hub.run('ip', 'link', 'set', tap, 'addrgenmode', 'none', 'mtu', '1400', 'up');
  }
  hub.run('ip', 'address', 'add', '10.99.0.1/24', 'dev', 'under');
  const image = makeGuestImage(lab.directory, {
    programs: ['ip', 'bridge', 'tc', 'nft'],
    modules: ['tun', 'bridge', 'nf_tables'],
    files: [server.keyFile],
    cryptcab: true,
  });
  const tap = (name: string) => `tap,ifname=${name},script=no,downscript=no`;
  guest = new Guest(hub, image, [tap('under'), tap('trunk')], MEGABYTES);
  await guest.boots();
  await guest.run(`ip address add ${SERVER}/24 dev eth0; ip link set eth0 up; ip link set lo up`);
  await write('vlan=10', 'vlan=20', 'vlan=10,20t', '');
  // The bridge is made by the server, as one that filters VLANs.
  guest.process.write(
    `${[...cryptcab, 'serve', '--on', 'bridge://br0', '--key', server.keyFile, '--peers', '/peers', '-v'].join(' ')} 2>&1 | cat &\n`,
  );
  await guest.process.prints(/waiting for clients/, UP_MS);
  await guest.run('ip link set eth1 master br0; ip link set eth1 up');
  for (const id of [10, 20, 30]) await guest.run(`bridge vlan add dev eth1 vid ${id}`);
  await Promise.all(
    ends.map(async ({ keyFile }, i) => {
      const keys = ['--key', keyFile, '--peer', server.publicKey];
      const cable = hub.start([
        ...cryptcab,
        'connect',
        SERVER,
        '--on',
        `tap://t${i}`,
        ...keys,
        '-p',
        '0',
        '-v',
      ]);
      await cable.prints(/the cable is up/, UP_MS);
      await guest.process.prints(new RegExp(`"peer":"client${i} [^"]*".*"msg":"peer is up`), UP_MS);
    }),
  );
  wires = await Promise.all(MACS.map((_, i) => Wire.open(hub, `t${i}`)));
  trunk = await Wire.open(hub, 'trunk');
}, 600_000);

afterAll(() => lab?.close());

/** Broadcasts of bare Ethernet, IPv4 and IPv6. */
const frames = (source: string) => kinds(source, BROADCAST);

/** The same frames with the tag of a VLAN. */
const tagged = (id: number, all: readonly Marked[]): Marked[] =>
  all.map(({ frame, mark }) => ({
    frame: Buffer.concat([
      frame.subarray(0, 12),
      Buffer.from([0x81, 0, id >> 8, id & 0xff]),
      frame.subarray(12),
    ]),
    mark,
  }));

/** What comes of them: each begins so, behind its target; tags are part of it. */
const beginnings = (all: readonly Marked[]): Buffer[] =>
  all.map(({ frame, mark }) => frame.subarray(6, frame.indexOf(mark) + mark.length));

/** What was sent to anybody before has come by now, if it comes at all: frames stay in order. */
async function settled(): Promise<void> {
  const [ten, twenty, none, up] = [0, 1, 2, 3].map(() => frames(TRUNK)) as [
    Marked[],
    Marked[],
    Marked[],
    Marked[],
  ];
  trunk.send([...tagged(10, ten), ...tagged(20, twenty), ...none].map(({ frame }) => frame));
  wires[3]?.send(up.map(({ frame }) => frame));
  for (const { mark } of up) await trunk.comes(mark);
  for (const wire of wires)
    await until('a frame of the trunk comes', () =>
      [ten, twenty, none].some((all) => all.every(({ mark }) => wire.count(mark) > 0)),
    );
}

/** Sends frames: some come to these, as they are there, and to nobody else; others, before them, come to nobody. */
async function reach(
  from: Wire,
  passes: readonly Marked[],
  seen: readonly (readonly [Wire, readonly Marked[]])[],
  stays: readonly Marked[] = [],
): Promise<void> {
  from.send([...stays, ...passes].map(({ frame }) => frame));
  for (const [wire, all] of seen) for (const one of beginnings(all)) await wire.comes(one);
  await settled();
  for (const wire of [...wires, trunk]) {
    for (const { mark } of stays) expect(wire.count(mark)).toBe(0);
    if (seen.some(([one]) => one === wire)) continue;
    for (const { mark } of passes) expect(wire.count(mark)).toBe(0);
  }
}

test('vlan=10: what comes from it is of VLAN 10, and reaches nobody else', async () => {
  const [a, b, c, d] = wires as [Wire, Wire, Wire, Wire];
  const [ofA, ofB, ofD] = [frames(MACS[0]), frames(MACS[1]), frames(MACS[3])];
  await reach(
    a,
    ofA,
    [
      [c, ofA],
      [trunk, tagged(10, ofA)],
    ],
    tagged(20, frames(MACS[0])),
  );
  await reach(
    b,
    ofB,
    [
      [c, tagged(20, ofB)],
      [trunk, tagged(20, ofB)],
    ],
    tagged(10, frames(MACS[1])),
  );
  // Who has no VLAN is in that of the bridge itself.
  await reach(d, ofD, [[trunk, ofD]], tagged(10, frames(MACS[3])));
});

test('vlan=10,20t: it may tag frames of VLAN 20, and of no other', async () => {
  const [a, b, c] = wires as [Wire, Wire, Wire];
  const [plain, twenty] = [frames(MACS[2]), frames(MACS[2])];
  const thirty = tagged(30, frames(MACS[2]));
  await reach(
    c,
    plain,
    [
      [a, plain],
      [trunk, tagged(10, plain)],
    ],
    thirty,
  );
  await reach(
    c,
    tagged(20, twenty),
    [
      [b, twenty],
      [trunk, tagged(20, twenty)],
    ],
    tagged(30, frames(MACS[2])),
  );
});

test('from a trunk each VLAN reaches its own clients', async () => {
  const [a, b, c, d] = wires as [Wire, Wire, Wire, Wire];
  const [ten, twenty, none] = [frames(TRUNK), frames(TRUNK), frames(TRUNK)];
  const thirty = tagged(30, frames(TRUNK));
  await reach(
    trunk,
    tagged(10, ten),
    [
      [a, ten],
      [c, ten],
    ],
    thirty,
  );
  await reach(trunk, tagged(20, twenty), [
    [b, twenty],
    [c, tagged(20, twenty)],
  ]);
  await reach(trunk, none, [[d, none]]);
});

test('it is another while the client is up', async () => {
  const [a, b, c, d] = wires as [Wire, Wire, Wire, Wire];
  await keeps('vlan=10', 'vlan=10', 'vlan=10,20t', '');
  const [ofA, ofC, ofB] = [frames(MACS[0]), frames(MACS[2]), frames(MACS[1])];
  await reach(a, ofA, [
    [b, ofA],
    [c, ofA],
    [trunk, tagged(10, ofA)],
  ]);
  await reach(c, tagged(20, ofC), [[trunk, tagged(20, ofC)]]);
  await keeps('vlan=10', '', 'vlan=10,20t', '');
  await reach(b, ofB, [
    [d, ofB],
    [trunk, ofB],
  ]);
});

test('a bridge that does not filter VLANs stays as it is, and an error at the start says so', async () => {
  await guest.run('ip link add br1 type bridge');
  const from = guest.process.printed;
  const command = [
    ...cryptcab,
    'serve',
    '--on',
    'bridge://br1',
    '--key',
    server.keyFile,
    '--peers',
    '/peers',
  ];
  guest.process.write(`${command.join(' ')} -p 7777; echo status-$?-\n`);
  await guest.process.prints(
    /line 1 of the peers file: vlan cannot be kept: the bridge br1 does not filter VLANs: turn that on with ip link set br1 type bridge vlan_filtering 1[\s\S]*status-1-/,
    UP_MS,
    from,
  );
});

test.each([
  ['in no VLAN', 'br2', 7771, 0, []],
  ['in another VLAN', 'br3', 7772, 100, ['100 PVID Egress Untagged']],
] as const)('a bridge whose ports are %s at first', async (_, bridge, port, first, without) => {
  await guest.run(`ip link add ${bridge} type bridge vlan_filtering 1 vlan_default_pvid ${first}`);
  const line = (policy: string) =>
    guest.run(
      `printf "${ends[0]?.publicKey} name=it ${policy}\\n" > /${bridge}.new && mv /${bridge}.new /${bridge}`,
    );
  await line('vlan=10');
  const from = guest.process.printed;
  const words = [
    'serve',
    '--on',
    `bridge://${bridge}`,
    '--key',
    server.keyFile,
    '--peers',
    `/${bridge}`,
    '-v',
  ];
  guest.process.write(`${[...cryptcab, ...words, '-p', port].join(' ')} 2>&1 | cat &\n`);
  await guest.process.prints(/waiting for clients/, UP_MS, from);
  hub.run('ip', 'tuntap', 'add', bridge, 'mode', 'tap');
  const keys = ['--key', ends[0]?.keyFile as string, '--peer', server.publicKey, '-p', '0'];
  const cable = hub.start([...cryptcab, 'connect', `${SERVER}:${port}`, '--on', `tap://${bridge}`, ...keys]);
  await guest.process.prints(new RegExp(`"port":"${bridge}p0"[^\\n]*peer is up`), UP_MS, from);
  const vlans = async () => {
    const shown = await guest.run(`bridge vlan show dev ${bridge}p0`);
    return [...shown.matchAll(/^(?:\S+p0)?\s+(\d+[^\r\n]*?)\s*$/gm)].map(([, one]) => one);
  };
  expect(await vlans()).toEqual(['10 PVID Egress Untagged']);
  const changed = guest.process.printed;
  await line('');
  await guest.process.prints(/what a peer may do has changed/, UP_MS, changed);
  expect(await vlans()).toEqual(without);
  await cable.stop();
});
