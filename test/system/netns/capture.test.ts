// `cryptcab capture`: frames and datagrams of a running cable, as Wireshark and tcpdump read them.
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { type Process, run, until } from '../../../lab/process.js';
import type { EndStatus } from '../../../src/control/status.js';
import { keyText, newPrivateKey } from '../../../src/keys/key-text.js';
import { publicKeyOf } from '../../../src/keys/public-key.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();
let lab: Lab;

afterEach(() => lab.close());

/** A server with its named clients, all up. */
async function laid(
  io: string,
  names: readonly string[],
  more = (_: string): string[] => [],
  before = async (_: Host) => {},
) {
  lab = new Lab(names.length + 1, io);
  const [hub, ...clients] = lab.hosts as [Host, ...Host[]];
  await Promise.all(lab.hosts.map((host) => host.startSwitch()));
  const [serverKey, ...keys] = lab.hosts.map(() => newPrivateKey(bytes)) as [Uint8Array, ...Uint8Array[]];
  const text = (key: Uint8Array) => Buffer.from(`${keyText(key)}\n`);
  const line = (key: Uint8Array, i: number) => `${keyText(publicKeyOf(key))} name=${names[i]}\n`;
  const peers = lab.keyFile('peers', Buffer.from(keys.map(line).join('')));
  const server = hub.cryptcab([
    '--secure',
    ...['--key', lab.keyFile('server', text(serverKey))],
    ...['--peers', peers, '-v', ...more(lab.directory)],
  ]);
  await server.prints(/waiting for clients/);
  await before(hub);
  for (const [i, client] of clients.entries()) {
    const key = lab.keyFile(`client${i}`, text(keys[i] as Uint8Array));
    const peer = keyText(publicKeyOf(serverKey));
    const end = client.cryptcab([
      '--secure',
      ...['-c', client.link.hub4],
      ...['--key', key, '--peer', peer, '-v'],
    ]);
    await end.prints(/the cable is up/);
    await client.reaches(hub.inner, 30_000);
  }
  return { hub, clients };
}

/** A capture on a host, into a file. */
function captures(host: Host, file: string, ...args: string[]): Process {
  return host.start(['sh', '-c', `exec "$@" > ${file}`, '-', ...cryptcab, 'capture', ...args]);
}

/** What Wireshark says of each packet of a file. */
function dissected(file: string, fields: readonly string[], ...args: string[]): string[] {
  const wanted = fields.flatMap((field) => ['-e', field]);
  return run('tshark', '-r', file, '-T', 'fields', ...wanted, ...args)
    .trimEnd()
    .split('\n')
    .map((line) => line.replaceAll('\t', ' '));
}

/** Pings until a file has that much. */
async function fills(client: Host, hub: Host, file: string, size: number) {
  const filled = async () => {
    await client.pings(hub.inner, size);
    return existsSync(file) && readFileSync(file).length > 2 * size;
  };
  await until(`${file} has a ping`, filled, 30_000);
}

const FIELDS = ['frame.interface_name', 'frame.packet_flags_direction', 'frame.len', 'icmp.type'];

describe.each(['native', 'portable'])('%s', (io) => {
  test('frames, with an interface for each peer; of one peer alone; datagrams', async () => {
    const { hub, clients } = await laid(io, ['anna', 'bert']);
    const [anna, bert] = clients as [Host, Host];
    const [all, one, wire] = ['all', 'one', 'wire'].map((name) => join(lab.directory, name)) as [
      string,
      string,
      string,
    ];
    const own = join(lab.directory, 'own'); // at the other end
    const running = [
      ...[captures(hub, all), captures(hub, one, 'bert'), captures(hub, wire, '--wire', 'anna')],
      captures(anna, own),
    ];
    await fills(anna, hub, all, 1000);
    await fills(anna, hub, wire, 1000);
    await fills(anna, hub, own, 1000);
    await fills(bert, hub, one, 1200);
    for (const one of running) {
      expect(await one.stop('SIGINT')).toBe(0);
      expect(one.output).toMatch(/^cryptcab: captured \d+ (frames|datagrams); 0 more were dropped\n$/);
    }
    const pings = dissected(all, FIELDS, '-Y', 'icmp').map((line) => line.replace(/0x0+/, ''));
    expect(pings).toEqual(expect.arrayContaining(['anna 1 1042 8', 'anna 2 1042 0', 'bert 1 1242 8']));
    expect(dissected(one, FIELDS, '-Y', 'icmp').every((line) => line.startsWith('bert '))).toBe(true);
    expect(dissected(own, FIELDS.slice(1), '-Y', 'icmp').map((line) => line.replace(/0x0+/, ''))).toEqual(
      expect.arrayContaining(['2 1042 8', '1 1042 0']),
    );
    const [hub4, own4] = [anna.link.hub4, anna.link.own4];
    const datagrams = dissected(
      wire,
      ['ip.src', 'ip.dst', 'udp.srcport', 'wg.type'],
      '-d',
      'udp.port==7667,wg',
    );
    expect(datagrams).toContain(`${own4} ${hub4} 7667 4`);
    expect(datagrams).toContain(`${hub4} ${own4} 7667 4`);
    expect(datagrams.join()).not.toContain(bert.link.own4);
    expect(run('tcpdump', '-nr', all)).toMatch(/10\.88\.0\.2 > 10\.88\.0\.1: ICMP echo request/);
    expect(run('tcpdump', '-nr', wire)).toContain(`IP ${own4}.7667 > ${hub4}.7667: UDP`);
  });
});

/** Runs a capture into another program, until that has shown a line of each kind while pings pass. */
async function streams(host: Host, from: readonly string[], into: readonly string[], ...shows: RegExp[]) {
  const script = `own=$1; shift; "$@" | $own`;
  const reader = host.start(['sh', '-c', script, '-', into.join(' '), ...cryptcab, 'capture', ...from]);
  for (const line of shows) await reader.prints(line, 60_000);
  expect(reader.running, reader.output).toBe(true); // it was shown while the capture went on, not at its end
}

test('while frames pass it goes straight into Wireshark and tcpdump, frames as well as datagrams', async () => {
  const { hub, clients } = await laid('native', ['anna']);
  const [anna] = clients as [Host];
  const ping = anna.start(['ping', '-n', '-i', '0.2', hub.inner]);
  const [hub4, own4] = [anna.link.hub4, anna.link.own4].map((one) => one.replaceAll('.', '\\.'));
  const [request, reply] = ['request', 'reply'].map((one) => new RegExp(`10\\.88.*Echo \\(ping\\) ${one}`));
  const tshark = ['tshark', '-n', '-l', '-i', '-'];
  await streams(hub, [], tshark, request as RegExp, reply as RegExp);
  await streams(hub, ['anna'], ['tcpdump', '-n', '-l', '-r', '-'], /ICMP echo request/, /ICMP echo reply/);
  const both = [`${own4}.*${hub4}`, `${hub4}.*${own4}`].map((way) => new RegExp(`${way}.*Transport Data`));
  await streams(hub, ['--wire'], [...tshark, '-d', 'udp.port==7667,wg'], ...both);
  await streams(
    hub,
    ['--wire', 'anna'],
    ['tcpdump', '-n', '-l', '-r', '-'],
    new RegExp(`IP ${own4}\\.7667 > ${hub4}\\.7667: UDP`),
  );
  expect(ping.running).toBe(true);
});

test('a reader that does not read costs the cable nothing, and is told what it missed', async () => {
  const { hub, clients } = await laid('native', ['anna']);
  const [anna] = clients as [Host];
  const [gate, file] = [join(lab.directory, 'gate'), join(lab.directory, 'late')];
  // It reads the first packets, and the others when the gate is there.
  const pid = join(lab.directory, 'pid');
  const own = `sh -c 'echo $$ > ${pid}; exec "$@"' - "$@"`;
  const reader = `${own} | { head -c 2000 > ${file}; while [ -d ${lab.directory} ] && [ ! -e ${gate} ]; do sleep 0.1; done; cat >> ${file}; }`;
  const capture = hub.start(['sh', '-c', reader, '-', ...cryptcab, 'capture']);
  await fills(anna, hub, file, 800);
  const flood = anna.start(['ping', '-f', '-q', '-n', '-c', '6000', '-s', '1300', hub.inner]);
  await flood.exited;
  expect(flood.output).toMatch(/6000 packets transmitted/);
  run('kill', '-INT', readFileSync(pid, 'utf8').trim());
  writeFileSync(gate, '');
  const [, captured, dropped] = await capture.prints(
    /captured (\d+) frames; (\d+) more were dropped, as they/,
  );
  await capture.exited;
  expect(Number(captured) + Number(dropped)).toBeGreaterThanOrEqual(2 * 6000);
  expect(dissected(file, ['frame.number'])).toHaveLength(Number(captured));
  // Nothing was lost where it matters.
  const status = hub.start([...cryptcab, 'status', '--json']);
  expect(await status.exited).toBe(0);
  const { dropped: lost } = JSON.parse(status.output) as EndStatus;
  expect(lost).toEqual({ bySwitch: 0, unopened: 0 });
});

test('a capture and a log that nobody reads any more end, though nothing passes', async () => {
  const { hub } = await laid('native', []);
  const read = async (command: string, ...args: string[]) => {
    const process = hub.start(['sh', '-c', `"$@" | ${command}`, '-', ...cryptcab, ...args]);
    return process.exited;
  };
  // A shell waits for all of a pipeline: here for those that write.
  expect(await read('head -c 10', 'capture')).toBe(0);
  expect(await read('head -n 1', 'log', '--follow')).toBe(0);
});

test('with a key log Wireshark decrypts', async () => {
  let [keys, file] = ['', ''];
  let capture: Process | undefined;
  const named = (directory: string) => {
    [keys, file] = [join(directory, 'keys'), join(directory, 'wire')];
    return ['--keylog', keys];
  };
  const { hub, clients } = await laid('native', ['anna'], named, async (host) => {
    capture = captures(host, file, '--wire', 'anna');
    await until('it has begun', () => existsSync(file) && readFileSync(file).length > 0);
  });
  expect(statSync(keys).mode & 0o777).toBe(0o600);
  const pings = clients[0]?.start(['ping', '-n', '-c', '3', '-i', '0.2', '-p', '5ca1ab1e', hub.inner]);
  expect(await pings?.exited).toBe(0);
  await until('it has them', () => dissected(file, ['frame.number']).length > 8, 30_000);
  expect(await capture?.stop('SIGINT')).toBe(0);
  const tshark = (...more: string[]) => run('tshark', '-r', file, '-d', 'udp.port==7667,wg', '-x', ...more);
  const decrypted = tshark('-o', `wg.keylog_file:${keys}`);
  expect(decrypted.split('Decrypted Packet').length).toBeGreaterThan(6);
  expect(decrypted).toContain('5c a1 ab 1e 5c a1 ab 1e');
  expect(tshark()).not.toContain('Decrypted Packet');
});

test('what cannot be captured is said in one line', async () => {
  const { hub } = await laid('native', []);
  const says = async (...args: string[]) => {
    const process = hub.start(['sh', '-c', `exec "$@" > /dev/null`, '-', ...cryptcab, 'capture', ...args]);
    expect(await process.exited).not.toBe(0);
    return process.output;
  };
  expect(await says('otto')).toBe('cryptcab: no peer is called otto: see cryptcab peers\n');
  expect(await says('a', 'b')).toMatch(/^cryptcab: capture takes .*: use cryptcab capture \[--wire\]/);
  const terminal = hub.start(['script', '-qec', [...cryptcab, 'capture'].join(' '), '/dev/null']);
  expect(await terminal.exited).toBe(2);
  expect(terminal.output).toContain('a capture is not text for a terminal');
});
