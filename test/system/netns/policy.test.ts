// What a client may do on a bridge: of each field a frame that must not pass, and one that must.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { type Process, until } from '../../../lab/process.js';
import { type End, makeEnd, Peers, startSecureClient, startSecureServer } from '../../../lab/secure-keys.js';
import { Wire } from '../../../lab/wire.js';
import { extended, icmp6, kinds, type Marked, marked, sees, tag, udp } from '../../support/marked.js';
import { randomness } from '../../support/seed.js';

const random = randomness();
const BROADCAST = 'ff:ff:ff:ff:ff:ff';

let lab: Lab;
let hub: Host;
let server: Process;
let peers: Peers;
let ends: End[];
let clients: [Host, Host, Host];
/** On the tap of each client, and on the bridge of the hub. */
let a: Wire;
let b: Wire;
let c: Wire;
let uplink: Wire;
/** nft's tables before there was a cable. */
let tables: string;

beforeAll(async () => {
  lab = new Lab(4, 'native');
  const [first, ...others] = lab.hosts as [Host, Host, Host, Host];
  hub = first;
  clients = others;
  hub.run('nft', 'add table netdev others');
  tables = hub.run('nft', 'list', 'tables');
  const own = makeEnd(lab, 'server', random.bytes);
  ends = clients.map((_, i) => makeEnd(lab, `client${i}`, random.bytes));
  peers = new Peers(lab, []);
  lines('', '', '');
  server = await startSecureServer(hub, own, peers, ['--no-classic', '-s', 'bridge://br0']);
  for (const [i, client] of clients.entries()) {
    client.makeTap();
    await startSecureClient(client, ends[i] as End, own, client.link.hub4, ['-s', 'tap://tap0']);
  }
  [a, b, c] = (await Promise.all(clients.map((client) => Wire.open(client)))) as [Wire, Wire, Wire];
  uplink = await Wire.open(hub, 'br0');
});

afterAll(() => lab?.close());

/** The clients' lines in the peers file. */
function lines(...policies: [string, string, string]): void {
  peers.write(policies.map((policy, i) => `${(ends[i] as End).publicKey} name=client${i} ${policy}`));
}

/** The same, and waits until the one that is another now is kept. */
async function keeps(...policies: [string, string, string]): Promise<void> {
  const from = server.printed;
  lines(...policies);
  await server.prints(/what a peer may do has changed/, 30_000, from);
}

const macOf = (client: number) => (clients[client] as Host).mac;

/** Waits until a frame passes, and so has all that was sent before: buffers on the way that were full lose frames, this one too. */
async function passes(from: Wire, to: Wire): Promise<void> {
  const [source, target] = [from, to].map((wire) => macOf([a, b, c].indexOf(wire))) as [string, string];
  const one = marked(source, target);
  await until('a frame passes', () => {
    from.send([one.frame]);
    return to.count(one.mark) > 0;
  });
}

/** A machine that is busy with other tests may lose so many frames of those that are free: fewer than any limit here would take. */
const LOST = 5;

/** Sends a frame many times, a few at a time, so that no buffer on the way is full; all come. */
async function allCome(from: Wire, to: Wire, { frame, mark }: Marked, times: number): Promise<void> {
  for (let sent = 20; sent <= times; sent += 20) {
    from.send(Array(20).fill(frame));
    await until('all have come', () => to.count(mark) >= sent - LOST);
  }
}

test('isolated: no frame passes to another isolated client, all pass to others and to the uplink', async () => {
  await sees(a, b, kinds(macOf(0), BROADCAST), []);
  await keeps('isolated', '', '');
  await keeps('isolated', 'isolated', '');
  const frames = kinds(macOf(0), BROADCAST);
  await sees(a, c, frames, []);
  for (const { mark } of frames) await uplink.comes(mark);
  // They came to c and to the uplink at the same time as they would have to b.
  const last = marked(macOf(2), BROADCAST);
  await sees(
    c,
    b,
    [last],
    frames.map((one) => ({ ...one, frame: last.frame })),
  );
  await keeps('', 'isolated', '');
  await keeps('', '', '');
  await sees(a, b, kinds(macOf(0), BROADCAST), []);
});

test('mac=: frames of other addresses do not pass', async () => {
  await keeps(`mac=${macOf(0)},02:00:00:00:aa:02`, '', '');
  await sees(
    a,
    c,
    [...kinds(macOf(0), BROADCAST), ...kinds('02:00:00:00:aa:02', macOf(2))],
    kinds('02:00:00:00:aa:03', BROADCAST),
  );
});

test('macs=2: a third address does not pass, the two go on', async () => {
  await keeps('macs=2', '', '');
  const of = (...last: string[]) => last.flatMap((one) => kinds(`02:00:00:00:bb:${one}`, BROADCAST));
  await sees(a, c, of('01', '02'), []);
  await sees(a, c, of('01', '02'), of('03', '04'));
});

test('guard: no BPDU, no answer of a DHCP server and no router advertisement; what clients say passes', async () => {
  await keeps('guard', '', '');
  const own = macOf(0);
  await sees(
    a,
    c,
    [
      marked(own, BROADCAST, udp(4, 68, 67)),
      marked(own, '33:33:00:01:00:02', udp(6, 546, 547)),
      marked(own, '33:33:00:00:00:02', icmp6(133)),
      ...kinds(own, BROADCAST),
    ],
    [
      marked(own, BROADCAST, udp(4, 67, 68)),
      marked(own, '33:33:00:00:00:01', udp(6, 547, 546)),
      marked(own, '33:33:00:00:00:01', icmp6(134)),
      marked(own, '01:80:c2:00:00:00', Buffer.from('0026424203', 'hex')),
      marked(own, '01:00:0c:cc:cc:cd', Buffer.from('0032aaaa03', 'hex')),
    ],
  );
});

test('guard: the same is refused behind a tag and extension headers, and where it cannot be seen what a frame is', async () => {
  await keeps('guard broadcast=1000', '', '');
  // A bridge that listens to groups refuses what is behind hop-by-hop options and has a wrong checksum, as these have.
  hub.run('ip', 'link', 'set', 'br0', 'type', 'bridge', 'mcast_snooping', '0');
  const own = macOf(0);
  const nodes = '33:33:00:00:00:01';
  const advert = icmp6(134);
  const options = '00010400000000';
  const solicit = icmp6(133);
  /** The first part of a packet, which ends before it is said what is in it; and a part whose beginning is in an earlier one. */
  const [first, later] = [0x0001, 0x0100].map((at) =>
    extended(extended(advert, 60, options), 44, `00${at.toString(16).padStart(4, '0')}00001234`),
  ) as [Buffer, Buffer];
  const snap = (oui: string, packet: Buffer) =>
    Buffer.concat([Buffer.from(`0040aaaa03${oui}`, 'hex'), packet]);
  await sees(
    a,
    c,
    [
      marked(own, nodes, tag(0, solicit)),
      marked(own, nodes, extended(solicit, 0, options)),
      marked(own, nodes, extended(udp(6, 546, 547), 44, '00000000001234')),
      marked(own, BROADCAST, tag(0, udp(4, 68, 67))),
      marked(own, BROADCAST, snap('080007', Buffer.from('809b', 'hex'))),
    ],
    [
      marked(own, nodes, tag(0, advert)),
      marked(own, nodes, tag(7, advert, 0x88a8)),
      marked(own, BROADCAST, tag(0, udp(4, 67, 68))),
      marked(own, nodes, extended(advert, 0, options)),
      marked(own, nodes, extended(extended(advert, 60, options), 0, options)),
      marked(own, nodes, extended(advert, 44, '00000000001234')),
      marked(own, nodes, first),
      marked(own, nodes, later),
      marked(own, nodes, extended(extended(udp(6, 547, 546), 60, options), 44, '00000100001234')),
      // A station takes off tags of no VLAN, however many there are.
      marked(own, nodes, tag(0, tag(0, advert))),
      marked(own, nodes, tag(0, tag(0, advert), 0x88a8)),
      marked(own, nodes, tag(7, tag(0, advert))),
      marked(own, BROADCAST, tag(0, tag(0, udp(4, 67, 68)))),
      marked(own, nodes, snap('000000', advert)),
    ],
  );
});

test('broadcast=: past that many a second broadcasts do not pass, other frames do', async () => {
  await keeps('broadcast=20', '', '');
  const storm = kinds(macOf(0), BROADCAST);
  const others = kinds(macOf(0), macOf(2));
  a.send(storm.flatMap(({ frame }) => Array<Buffer>(200).fill(frame)));
  await passes(a, c);
  for (const one of others) await allCome(a, c, one, 100);
  const [first = 0, ...more] = storm.map(({ mark }) => c.count(mark));
  expect(first).toBeGreaterThanOrEqual(20);
  for (const count of [first, ...more]) expect(count).toBeLessThan(150);
});

// At 8 kbit a second the bucket has what may come at once, and as good as nothing more however long a busy machine takes.
test('rate=: what goes over it does not pass, from the client and towards it', async () => {
  await keeps('rate=100mbit/8kbit', '', '');
  const long = (from: number, to: number) => marked(macOf(from), macOf(to), undefined, 1400);
  const one = long(0, 2);
  a.send(Array(600).fill(one.frame));
  await until('as many have come as may at once', () => c.count(one.mark) > 100);
  await keeps('', '', '');
  const free = long(0, 2);
  await passes(a, c);
  await allCome(a, c, free, 200);
  expect(c.count(one.mark)).toBeLessThan(500);
  await keeps('rate=8kbit/100mbit', '', '');
  const back = long(2, 0);
  c.send(Array(300).fill(back.frame));
  await until('some have come', () => a.count(back.mark) > 20);
  await keeps('', '', '');
  await passes(c, a);
  expect(a.count(back.mark)).toBeLessThan(200);
});

test('the statistics say what each client has, and what that has refused', async () => {
  await keeps(`mac=${macOf(0)}`, '', '');
  const own = marked(macOf(0), BROADCAST);
  await sees(a, c, [own], kinds('02:00:00:00:aa:03', BROADCAST));
  await until('it is counted', async () => {
    const from = server.printed;
    server.signal('SIGUSR2');
    const [line] = await server.prints(/^\{.*"name":"client0".*"msg":"carried"\}$/m, 30_000, from);
    const { policy, refusedByPolicy } = JSON.parse(line);
    expect(policy).toBe(`mac=${macOf(0)}`);
    return refusedByPolicy.mac === 3;
  });
});

test('peers set: while it is up, in its line, and refused where it is no such thing', async () => {
  lines('guard', '', '');
  const set = async (...words: string[]) => {
    const command = hub.start([...cryptcab, 'peers', 'set', 'client0', ...words]);
    return { status: await command.exited, said: command.output };
  };
  const limited = await set('guard=', `mac=${macOf(0)}`);
  expect(limited).toEqual({ status: 0, said: expect.stringMatching(`^client0 .*: mac=${macOf(0)}\n$`) });
  expect(readFileSync(peers.path, 'utf8')).toContain(`name=client0 mac=${macOf(0)}\n`);
  await sees(a, c, [marked(macOf(0), BROADCAST)], kinds('02:00:00:00:aa:07', BROADCAST));
  expect(await set('mac=')).toEqual({ status: 0, said: expect.stringMatching(/: nothing is limited\n$/) });
  await sees(a, c, kinds('02:00:00:00:aa:07', BROADCAST), []);
  expect(await set('speed=1')).toEqual({ status: 2, said: expect.stringMatching(/no field of a policy/) });
  expect(await set('mac=02:00:00:00:00:01', 'macs=2')).toMatchObject({ status: 2 });
  expect(readFileSync(peers.path, 'utf8')).toContain('name=client0\n');
});

test('VLANs where the system has them, else it is said at the start', async () => {
  hub.run('ip', 'link', 'add', 'try', 'type', 'bridge');
  const has = hub.run('sh', '-c', 'ip link set try type bridge vlan_filtering 1 2>&1 || true') === '';
  hub.run('ip', 'link', 'delete', 'try');
  const other = hub.start([
    ...[...cryptcab, '-s', 'bridge://br1', '-x', '-p', '7777', '-v', '--peer-defaults', 'vlan=10'],
  ]);
  if (has) {
    await other.prints(/waiting for clients/);
    expect(await other.stop()).toBe(0);
  } else {
    expect(await other.exited).toBe(1);
    expect(other.output).toMatch(
      /--peer-defaults: vlan cannot be kept: this system's bridges do not filter VLANs/,
    );
  }
  expect(hub.run('ls', '/sys/class/net')).not.toContain('br1');
});

test('what cannot be kept is refused by name: at the start, and in a line that is new', async () => {
  await hub.startSwitch();
  const classic = hub.start([
    ...[...cryptcab, '-s', hub.switchPath, '-x', '-p', '7777', '--peer-defaults', 'rate=1mbit'],
  ]);
  expect(await classic.exited).toBe(1);
  expect(classic.output).toMatch(
    /--peer-defaults: rate cannot be kept on .*: plug into bridge:\/\/NAME, or leave rate out/,
  );
  const [end] = ends as [End];
  const others = new Peers(lab, [`${end.publicKey} guard`], 'others');
  const own = makeEnd(lab, 'other', random.bytes);
  const start = () =>
    hub.cryptcab(['--secure', '--key', own.keyFile, '--peers', others.path, '-p', '7777', '-v']);
  const secure = start();
  expect(await secure.exited).toBe(1);
  expect(secure.output).toMatch(/line 1 of the peers file: guard cannot be kept on/);
  others.write([end.publicKey]);
  const good = start();
  await good.prints(/waiting for clients/);
  others.write([`${end.publicKey} macs=1`]);
  await good.prints(/keeps to what line 1 of the peers file said before: macs cannot be kept on/);
  await good.stop();
});

test('at the end all of it is gone, and what others have is as it was', async () => {
  expect(await server.stop()).toBe(0);
  expect(hub.run('nft', 'list', 'tables')).toBe(tables);
  expect(hub.run('ls', '/sys/class/net')).not.toContain('br0');
});
