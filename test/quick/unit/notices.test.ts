// What a terminal shows of a cable.
import { describe, expect, test } from 'vitest';
import { until } from '../../../lab/process.js';
import { parseOptions } from '../../../src/cli/options.js';
import { comingsFor } from '../../../src/cli/run/comings.js';
import { Notices, noticesFor } from '../../../src/cli/run/notices.js';
import type { EndReport } from '../../../src/control/status.js';
import { deferred } from '../../../src/deferred.js';
import type { PeerUp } from '../../../src/ends/running.js';
import { CryptcabError } from '../../../src/error.js';
import { SILENT } from '../../../src/log.js';

const KEY = 'A'.repeat(43);
const ALICE: PeerUp = {
  peer: 'alice (AAAA…)',
  name: 'alice',
  publicKey: KEY,
  address: '10.0.0.2:7667',
  cipher: 'secure',
};
const SERVER: PeerUp = { peer: 'AAAA…', publicKey: KEY, address: '10.0.0.1:7667', cipher: 'secure' };
const CLASSIC: PeerUp = { peer: '10.0.0.3:7667', address: '10.0.0.3:7667', cipher: 'chacha20' };

/** An end that answers pings so, and has one peer. */
function told(server: string | undefined, ping: () => Promise<number | undefined>, peer: PeerUp = ALICE) {
  const lines: string[] = [];
  const notices = new Notices((line) => lines.push(line.replace(/^\[\d\d:\d\d:\d\d\] /, '> ')), server);
  const report = () =>
    ({ peers: [{ ...peer, pathMtu: peer.cipher === 'secure' ? 1420 : null }] }) as unknown as EndReport;
  notices.watch({ report, ping });
  return { lines, notices, says: (count: number) => until(`${count} lines`, () => lines.length >= count) };
}

describe('a client', () => {
  test('is told that the cable is up, with what, that it is down and why, and that it is back', async () => {
    const { lines, notices, says } = told('machine-b', async () => 0.42);
    notices.up(SERVER);
    await says(1);
    notices.down(SERVER, 'silent');
    notices.up(SERVER);
    await says(3);
    expect(lines).toEqual([
      '> the cable is up: secure, machine-b at 10.0.0.1:7667, MTU 1420, 0.4 ms there and back',
      '> the cable is down: nothing comes from the server any more; calling it again',
      '> the cable is back after 1 s: secure, machine-b at 10.0.0.1:7667, MTU 1420, 0.4 ms there and back',
    ]);
  });

  test('asks for the round-trip time until the server has said that it answers', async () => {
    let asked = 0;
    const { lines, notices, says } = told('10.0.0.1', async () => {
      if (++asked < 3) throw new CryptcabError('not yet');
      return 12;
    });
    notices.up(SERVER);
    await says(1);
    expect(lines).toEqual(['> the cable is up: secure, 10.0.0.1:7667, MTU 1420, 12.0 ms there and back']);
  });

  test('that is up for a moment is told so, before it is told why it is down', async () => {
    const { lines, notices, says } = told('h', () => new Promise(() => {}));
    notices.up(SERVER);
    notices.down(SERVER, 'goodbye');
    await says(2);
    expect(lines).toEqual([
      '> the cable is up: secure, h at 10.0.0.1:7667, MTU 1420',
      '> the cable is down: the server said goodbye; calling it again',
    ]);
  });
});

describe('a server', () => {
  test('shows each peer by its name', async () => {
    const { lines, notices, says } = told(undefined, async () => undefined);
    notices.serving(7667, '/tmp/vde.ctl', Promise.resolve());
    await says(1);
    notices.up(ALICE);
    await says(2);
    notices.down(ALICE, 'goodbye');
    expect(lines).toEqual([
      '> serving UDP port 7667 on /tmp/vde.ctl',
      '> alice is up: secure, 10.0.0.2:7667, MTU 1420',
      '> alice is gone: it said goodbye',
    ]);
  });

  test('says that it serves when there is a switch, and not while it waits for one', async () => {
    const { lines, notices, says } = told(undefined, async () => undefined);
    const switchComes = deferred();
    notices.serving(7667, '/tmp/vde.ctl', switchComes.promise);
    notices.serving(7668, '/tmp/vde.ctl', Promise.reject(new CryptcabError('it has ended')));
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(lines).toEqual([]);
    switchComes.resolve();
    await says(1);
    expect(lines).toEqual(['> serving UDP port 7667 on /tmp/vde.ctl']);
  });

  test('is told what a classic cable is, without what that cannot know', async () => {
    const { lines, notices, says } = told(undefined, () => Promise.reject(new Error('asked')), CLASSIC);
    notices.up(CLASSIC);
    notices.up({ ...CLASSIC, cipher: 'plain' });
    await says(2);
    expect(lines).toEqual([
      '> 10.0.0.3:7667 is up: classic, chacha20, 10.0.0.3:7667',
      '> 10.0.0.3:7667 is up: not encrypted, 10.0.0.3:7667',
    ]);
  });

  test('a name drives no terminal', async () => {
    const { lines, notices, says } = told(undefined, async () => 1);
    notices.up({ ...ALICE, name: 'a\u001b[2Jb\nc' });
    await says(1);
    expect(lines.join('')).toMatch(/^> a\\x1b\[2Jb\\x0ac is up/);
  });

  test('forgets who is away, and not only the names of those who are', () => {
    const { lines, notices } = told(undefined, async () => 1);
    for (let i = 0; i < 5_000; i++) notices.down({ peer: String(i) }, 'silent');
    expect(lines.length).toBe(5_000);
  });
});

test('nobody is told without a terminal, with -q, with a log file, and by options alone', () => {
  const of = (line: string) => parseOptions('cryptcab', '0', line.split(' '));
  expect(of('serve').tells).toBe(true);
  expect(of('connect h --classic').tells).toBe(true);
  for (const line of ['serve -q', '-s /a', '--secure -c h']) expect(of(line).tells, line).toBeUndefined();
  const vde = parseOptions('vde_cryptcab', '0', ['-c', 'h']);
  expect([vde.tells, vde.classicUnasked]).toEqual([undefined, undefined]);
  for (const line of ['-s /a', '-c h', '-x'])
    expect(of(line).classicUnasked, `${line}: the classic cable is warned of`).toBe(true);
  for (const line of ['serve --classic', 'connect h --classic', '--secure -c h', 'serve'])
    expect(of(line).classicUnasked, line).toBeUndefined();
  const { isTTY } = process.stderr;
  try {
    process.stderr.isTTY = true;
    expect(noticesFor(of('serve'))).toBeDefined();
    expect(noticesFor(of('serve --log-file /l'))).toBeUndefined();
    process.stderr.isTTY = false;
    expect(noticesFor(of('serve'))).toBeUndefined();
  } finally {
    process.stderr.isTTY = isTTY;
  }
});

test('the log has when peers come and go, also without -v', () => {
  const lines: string[] = [];
  const log = {
    ...SILENT,
    info: (fields: object, text: string) => lines.push(`${text} ${JSON.stringify(fields)}`),
  };
  const of = (line: string) => comingsFor(parseOptions('cryptcab', '0', line.split(' ')), log);
  for (const line of ['serve -v', 'serve -q', 'connect -vv 10.0.0.1']) expect(of(line), line).toBeUndefined();
  const server = of('serve');
  server?.up({ ...ALICE, device: 'tap0' });
  server?.down(ALICE, 'goodbye');
  const client = of('connect 10.0.0.1');
  client?.up(SERVER);
  client?.down(SERVER, 'silent');
  expect(lines).toEqual([
    'peer is up {"peer":"alice (AAAA…)","address":"10.0.0.2:7667","cipher":"secure","port":"tap0"}',
    'peer is gone: it said goodbye {"peer":"alice (AAAA…)"}',
    'the cable is up {"server":"10.0.0.1","address":"10.0.0.1:7667","cipher":"secure"}',
    'the cable is down: nothing comes from the server any more; calling it again {"server":"10.0.0.1"}',
  ]);
});
