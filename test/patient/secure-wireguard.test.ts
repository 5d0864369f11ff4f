// The secure cable's handshake and transport against a stock WireGuard implementation, wireguard-go on a real tun.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test as plain } from 'vitest';
import { type Host, Lab, labProgram } from '../../lab/lab.js';
import { type Process, run, until } from '../../lab/process.js';
import { makeEnd, Peers, startSecureServer } from '../../lab/secure-keys.js';
import { keyText, newPrivateKey, parseKey } from '../../src/keys/key-text.js';
import { publicKeyOf } from '../../src/keys/public-key.js';
import { keyPair } from '../../src/protocol/secure/noise.js';
import { randomness } from '../support/seed.js';

const [OUR_PORT, THEIR_PORT] = [7667, 51820];
const { bytes } = randomness();
const base64 = (key: Uint8Array): string => Buffer.from(key).toString('base64');

interface Scene {
  readonly lab: Lab;
  /** Where wireguard-go is. */
  readonly host: Host;
  readonly device: string;
  readonly node: Process;
  readonly go: Process;
  show(what: string): string;
  /** Sends pings into their tunnel; nobody answers. */
  ping(seconds?: number): Process;
  counts(): Promise<{ refused: Record<string, number>; opened: Record<string, number>; sealed: number }>;
}

/** wireguard-go on a host, with our end for its peer. */
async function theirEnd(
  lab: Lab,
  host: Host,
  theirKey: string,
  ourPublicKey: string,
  peer: readonly string[],
) {
  const device = 'wg0';
  const go = host.start(['wireguard-go', '-f', device], { LOG_LEVEL: 'verbose' });
  const socket = join(host.runDirectory, `wireguard/${device}.sock`);
  await until('wireguard-go listens', () => existsSync(socket), 120_000); // many start at the same time
  host.run(
    'wg',
    ...['set', device, 'listen-port', String(THEIR_PORT)],
    ...['private-key', lab.keyFile('theirs', Buffer.from(theirKey))],
    ...['peer', ourPublicKey, 'allowed-ips', '10.99.0.0/24', ...peer],
  );
  host.run('ip', 'address', 'add', '10.99.0.2/24', 'dev', device);
  host.run('ip', 'link', 'set', device, 'up');
  return { device, go };
}

/** Our end on the hub, theirs on a host. Who knows the other's address begins. */
async function scene(lab: Lab, { weBegin, psk }: { weBegin: boolean; psk: boolean }): Promise<Scene> {
  const [hub, host] = lab.hosts as [Host, Host];
  const [ours, theirs] = [keyPair(bytes(32)), keyPair(bytes(32))];
  const preshared = bytes(32);
  const { device, go } = await theirEnd(lab, host, base64(theirs.secret), base64(ours.public), [
    ...(psk ? ['preshared-key', lab.keyFile('psk', Buffer.from(base64(preshared)))] : []),
    ...(weBegin ? [] : ['endpoint', `${host.link.hub4}:${OUR_PORT}`]),
  ]);
  const node = hub.start([
    ...labProgram('secure-node'),
    JSON.stringify({
      key: base64(ours.secret),
      peer: base64(theirs.public),
      ...(psk ? { psk: base64(preshared) } : {}),
      port: OUR_PORT,
      ...(weBegin ? { endpoint: { address: host.link.own4, port: THEIR_PORT } } : {}),
    }),
  ]);
  await node.prints(/^ready/m);
  return {
    lab,
    host,
    device,
    node,
    go,
    show: (what) => host.run('wg', 'show', device, what),
    ping: (seconds = 1) => host.start(['ping', '-n', '-c', String(seconds), '-W', '1', '10.99.0.1']),
    counts: async () => {
      const before = node.output.length;
      node.write('counts\n');
      await until('it has counted', () => /counts .*\n/.test(node.output.slice(before)));
      return JSON.parse(/counts (.*)\n/.exec(node.output.slice(before))?.[1] as string);
    },
  };
}

const test = plain.extend<{ labs: (hosts: number, io?: string) => Lab }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads from the pattern what a fixture needs
  labs: async ({}, use) => {
    const made: Lab[] = [];
    await use((hosts, io) => {
      const lab = new Lab(hosts, io);
      made.push(lab);
      return lab;
    });
    await Promise.all(made.map((lab) => lab.close()));
  },
});

test('keys are the text that `wg` makes and takes', () => {
  const secret = newPrivateKey(bytes);
  const pipe = (text: string) => run('sh', '-c', `echo '${text}' | wg pubkey`).trim();
  expect(keyText(publicKeyOf(secret))).toBe(pipe(keyText(secret)));
  const theirs = run('wg', 'genkey').trim();
  expect(keyText(publicKeyOf(parseKey(theirs) as Uint8Array))).toBe(pipe(theirs));
  expect(parseKey(run('wg', 'genpsk'))).toHaveLength(32);
});

/** When the last handshake was, by their reckoning: seconds since 1970, 0 when there was none. */
const handshakeOf = (there: Scene): number => Number(there.show('latest-handshakes').trim().split('\t')[1]);

const times = (text: string, what: RegExp): number => text.match(new RegExp(what, 'gm'))?.length ?? 0;

for (const psk of [false, true]) {
  const how = psk ? 'with a preshared key' : 'without a preshared key';

  test.concurrent(`we begin, ${how}`, async ({ labs }) => {
    const there = await scene(labs(2), { weBegin: true, psk });
    expect(handshakeOf(there)).toBe(0);
    there.node.write('send\n');
    await there.node.prints(/^up/m);
    await until('wireguard-go tells of the handshake', () => handshakeOf(there) > 0);
    // It takes our first transport messages for authentic: it counts their bytes, and says what it thinks of a frame.
    await until('its tunnel has received', () => Number(there.show('transfer').trim().split('\t')[1]) > 148);
    await there.ping().exited;
    expect((await there.counts()).refused).toEqual({ ip: 1 });
    expect(there.node.output).not.toMatch(/^refused/m);
  });

  test.concurrent(`wireguard-go begins, ${how}`, async ({ labs }) => {
    const there = await scene(labs(2), { weBegin: false, psk });
    await there.ping(3).exited;
    await there.node.prints(/^up/m);
    await until('wireguard-go tells of the handshake', () => handshakeOf(there) > 0);
    const { refused, opened } = await there.counts();
    expect(refused.ip).toBeGreaterThanOrEqual(3);
    expect(Object.keys(refused)).toEqual(['ip']);
    expect(opened.ok).toBeGreaterThanOrEqual(3);
    expect(there.node.output).not.toMatch(/^refused/m);
  });
}

test.concurrent('data is answered by a keepalive after ten seconds, both ways', async ({ labs }) => {
  const there = await scene(labs(2), { weBegin: false, psk: false });
  await there.ping().exited;
  await there.node.prints(/^up/m);
  await there.node.prints(/^keepalive/m, 15_000);
  there.node.write('send\n');
  await there.node.prints(/^got 4 of 32 bytes/m, 15_000);
  const { opened, refused } = await there.counts();
  expect([Object.keys(opened), Object.keys(refused)]).toEqual([['ok'], ['ip']]);
});

for (const io of ['portable', 'native']) {
  for (const weBegin of [true, false]) {
    const who = weBegin ? 'it begins' : 'wireguard-go begins';
    test.concurrent(`the command itself: ${who}, answers data with a keepalive, counts what is for others, ${io}`, async ({
      labs,
    }) => {
      const lab = labs(2, io);
      const [hub, host] = lab.hosts as [Host, Host];
      const theirs = keyPair(bytes(32));
      const ours = makeEnd(lab, 'ours', bytes);
      await hub.startSwitch();
      hub.run('ip', 'link', 'set', 'tap0', 'down'); // it would say something now and then
      const endpoint = weBegin ? [] : ['endpoint', `${host.link.hub4}:${OUR_PORT}`];
      const { device } = await theirEnd(lab, host, base64(theirs.secret), ours.publicKey, endpoint);
      const line = weBegin ? ` endpoint=${host.link.own4}:${THEIR_PORT}` : '';
      const peers = new Peers(lab, [`${base64(theirs.public)}${line}`]);
      const server = await startSecureServer(hub, ours, peers);
      const shown = (what: string, column: number) =>
        Number(host.run('wg', 'show', device, what).trim().split('\t')[column]);
      if (!weBegin) await host.start(['ping', '-n', '-c', '1', '-W', '1', '10.99.0.1']).exited;
      await server.prints(/"msg":"peer is up, secure"/);
      await until('wireguard-go tells of the handshake', () => shown('latest-handshakes', 1) > 0);
      const before = shown('transfer', 1);
      await host.start(['ping', '-n', '-c', '1', '-W', '1', '10.99.0.1']).exited;
      // A keepalive answers the ping, and nothing else is said: no control record (secure.md §7.2).
      await until('a keepalive came', () => shown('transfer', 1) - before === 32, 15_000);
      await until('the ping is counted', () => {
        server.signal('SIGUSR2');
        return /"refused":\{"ip":"?[12]"?\}/.test(server.output);
      });
      expect(await server.stop()).toBe(0);
    });
  }
}

test.concurrent('a wrong preshared key: no handshake, either way', async ({ labs }) => {
  const there = await scene(labs(2), { weBegin: true, psk: true });
  there.host.run(
    'wg',
    ...['set', there.device, 'peer', there.show('peers').trim()],
    ...['preshared-key', there.lab.keyFile('other', Buffer.from(base64(bytes(32))))],
  );
  there.node.write('send\n');
  await there.node.prints(/^refused: decrypt failed/m);
  expect(handshakeOf(there)).toBe(0);
});

test.concurrent('our cookie is taken by wireguard-go', async ({ labs }) => {
  const there = await scene(labs(2), { weBegin: false, psk: true });
  there.node.write('overrun 60000\n');
  await there.node.prints(/^overrun/m);
  const ping = there.ping(30);
  await there.node.prints(/^refused: no cookie/m);
  await there.node.prints(/^sent 3 of 64 bytes/m);
  // Its next initiation, five seconds later, has a cookie: it is served, though we are still under load.
  await there.node.prints(/^up/m, 15_000);
  expect(there.node.output).not.toMatch(/^refused: (?!no cookie)/m);
  await ping.stop('SIGINT');
});

// By itself: the flood takes a processor. It goes on until the cookie has come, because a full queue may drop our initiation. Where one
// is answered without a cookie, since wireguard-go had just got through its queue, we call it again.
test("wireguard-go's cookie is taken by us", async ({ labs }) => {
  const there = await scene(labs(2), { weBegin: true, psk: false });
  const { node } = there;
  let mark = node.printed;
  const flood = () => {
    node.write('flood 400\n');
    if (!/^use/m.test(node.since(mark))) return;
    mark = node.printed;
    node.write('advance 125000\nsend\n');
  };
  flood();
  const siege = setInterval(flood, 200);
  try {
    node.write('send\n');
    await node.prints(/^sent 1 of 148 bytes with a cookie[\s\S]*^use/m, 120_000);
  } finally {
    clearInterval(siege);
  }
  await until('wireguard-go tells of the handshake', () => handshakeOf(there) > 0);
});

test.concurrent('we renew the keys after 120 s of our clock', async ({ labs }) => {
  const there = await scene(labs(2), { weBegin: true, psk: true });
  there.node.write('send\n');
  await there.node.prints(/^up/m);
  await until('wireguard-go tells of the handshake', () => handshakeOf(there) > 0);
  await there.ping().exited; // or our frame would have been followed by silence
  there.node.write('advance 105000\nsend\n');
  await until('the frame has gone', () => times(there.node.output, /^sent 4 of 95 /) === 2);
  expect(times(there.node.output, /^sent 1 /)).toBe(1);
  there.node.write('advance 16000\nsend\n');
  await until('other keys are used', () => times(there.node.output, /^use/) === 2);
  await there.ping().exited;
  expect((await there.counts()).refused).toEqual({ ip: 2 });
  expect(there.node.output).not.toMatch(/^down/m);
});

test.concurrent('wireguard-go renews the keys after 120 s, and goes on', async ({ labs }) => {
  const there = await scene(labs(2), { weBegin: false, psk: false });
  const ping = there.ping(200);
  await there.node.prints(/^up/m);
  const from = performance.now();
  await until('other keys are used', () => times(there.node.output, /^use/) === 2, 150_000);
  const seconds = (performance.now() - from) / 1000;
  console.log(`wireguard-go renewed the keys after ${Math.round(seconds)} s`);
  expect(seconds).toBeGreaterThan(115);
  const { refused } = await there.counts();
  await until('pings come under the new keys', async () => {
    const now = (await there.counts()).refused;
    return (now.ip as number) > (refused.ip as number) + 2;
  });
  expect(Object.keys((await there.counts()).refused)).toEqual(['ip']);
  expect(there.node.output).not.toMatch(/^(refused|down)/m);
  await ping.stop('SIGINT');
}, 200_000);
