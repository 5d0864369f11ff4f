// Commands that ask at a control socket, and the socket of a server.
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { enroll, sshClient, wishedPort } from '../../../src/cli/commands/enroll.js';
import { cancel, invite } from '../../../src/cli/commands/invite.js';
import { choose, ping } from '../../../src/cli/commands/peers.js';
import { roundText, status } from '../../../src/cli/commands/status.js';
import { LogHistory } from '../../../src/cli/log/history.js';
import { speak } from '../../../src/cli/names.js';
import { openEndControl } from '../../../src/cli/run/control.js';
import { ask } from '../../../src/control/ask.js';
import { parseStatus } from '../../../src/control/message.js';
import { controlPlace, controlSockets } from '../../../src/control/path.js';
import { NobodyThere } from '../../../src/ends/pings.js';
import type { RunningServer } from '../../../src/ends/server.js';
import { CryptcabError } from '../../../src/error.js';
import { introductionLine } from '../../../src/keys/enrolment.js';
import { keyText } from '../../../src/keys/key-text.js';
import { optionName } from '../../../src/options/name.js';
import { endStatus, peerStatus } from '../../support/status.js';
import {
  controls,
  directory,
  log,
  me,
  open,
  pathOf,
  place,
  presharedKey,
  publicKey,
  raw,
  said,
  serverKey,
  useControls,
} from './control-fixture.js';

useControls();

const other = new Uint8Array(32).fill(2);

beforeEach(() => speak('options'));

describe('the port that a client asks a forced command for', () => {
  test.each([
    ['cryptcab enroll --port 2100', 2100],
    ['cryptcab enrol --port=2100', 2100],
    ['sudo /opt/bin/cryptcab enroll --port 65535', 65_535],
    ['/home/me/my cryptcab/run enroll --port 1', 1],
    ['cryptcab enroll', undefined],
    ['cryptcab enroll --port 0', undefined],
    ['cryptcab enroll --port 65536', undefined],
    ['cryptcab enroll --port 2100; reboot', undefined],
    ['cryptcab enroll --port $(reboot)', undefined],
    ['cryptcab enroll --port 2100\n', undefined],
    ['cryptcab enroll --port -1', undefined],
    ['reboot', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%j', (command, port) => expect(wishedPort(command)).toBe(port));
});

test('who enrols a client is whom sshd says', () => {
  expect(sshClient({ SSH_CONNECTION: '192.0.2.1 5 192.0.2.2 22', USER: 'foo' })).toEqual({
    user: 'foo',
    address: '192.0.2.1',
  });
  expect(sshClient({ LOGNAME: 'foo' })).toEqual({ user: 'foo' });
  expect(sshClient({})).toEqual({});
});

describe('enroll', () => {
  const input = (text: string) => {
    const stream = new PassThrough();
    stream.end(text);
    return stream;
  };
  const introduction = Buffer.from(introductionLine({ publicKey, presharedKey })).toString();

  test('gives the key and the port of the server that runs', async () => {
    await open(2100);
    expect(await enroll(input(introduction), undefined, {}, place)).toBe(`${keyText(serverKey)} 2100\n`);
    expect(await enroll(input(introduction), 2100, {}, place)).toBe(`${keyText(serverKey)} 2100\n`);
  });

  test('takes the line when it comes; the stream need not end', async () => {
    await open(7);
    const stream = new PassThrough();
    const answer = enroll(stream, 7, {}, place);
    stream.write(introduction.slice(0, 50));
    stream.write(introduction.slice(50));
    expect(await answer).toBe(`${keyText(serverKey)} 7\n`);
  });

  test('no server, the wrong port, and several', async () => {
    const none = /^no secure server is run by this user here/;
    await expect(enroll(input(introduction), undefined, {}, place)).rejects.toThrow(none);
    await open(7);
    await open(8);
    await expect(enroll(input(introduction), 9, {}, place)).rejects.toThrow(
      /^no secure server on UDP port 9 is/,
    );
    await expect(enroll(input(introduction), undefined, {}, place)).rejects.toThrow(
      'several servers run here, on UDP ports 7, 8: choose one with cryptcab connect USER@HOST:PORT',
    );
    expect(await enroll(input(introduction), 8, {}, place)).toBe(`${keyText(serverKey)} 8\n`);
  });

  test.each(['', '\n', keyText(publicKey), `${introduction.trim()} more\n`, 'x'.repeat(2_000), 'a b\n'])(
    'no introduction: %.60j',
    async (text) => {
      const refused = enroll(input(text), undefined, {}, place);
      await expect(refused).rejects.toThrow(/^enroll reads a line PUBLIC-KEY PRESHARED-KEY/);
      await expect(refused).rejects.not.toThrow(keyText(publicKey));
    },
  );
});

describe('several servers on one port', () => {
  const input = () => {
    const stream = new PassThrough();
    stream.end(introductionLine({ publicKey, presharedKey }));
    return stream;
  };
  const at = [{ host: '192.0.2.1' }];
  const invited: string[] = [];

  beforeEach(async () => {
    invited.length = 0;
    for (const id of [1, 2])
      await open(7 + id, {
        status: () => endStatus({ name: `7-${id}`, port: 7 }),
        invite({ name }) {
          invited.push(`${name} at 7-${id}`);
          return { publicKey: serverKey, port: 7, until: 1e9, addresses: [] };
        },
        cancelInvites: () => id,
      });
  });

  test('an invite is for the one that is named', async () => {
    const several = 'several servers run here (7-1, 7-2): choose one with --end';
    for (const end of [undefined, '7'])
      await expect(invite({ name: 'alice', at, end }, place)).rejects.toThrow(several);
    await invite({ name: 'alice', at, end: '7-2' }, place);
    expect(invited).toEqual(['alice at 7-2']);
    await expect(cancel(undefined, 'alice', place)).rejects.toThrow(several);
    expect(await cancel('7-2', 'alice', place)).toMatch(/2/);
    await expect(invite({ name: 'alice', at, end: '7-3' }, place)).rejects.toThrow(
      /^no secure server called 7-3 is run by this user here/,
    );
  });

  test('a client that enrols cannot name one', async () => {
    for (const port of [undefined, 7])
      await expect(enroll(input(), port, {}, place)).rejects.toThrow(
        'several servers run here, on UDP port 7, and nobody can enrol by ssh at one of them: connect with --key and --peer',
      );
  });
});

describe('status', () => {
  test('is a page of all ends, or of the one that is named', async () => {
    await open(7, {
      status: () => endStatus({ name: '7', port: 7, peers: [peerStatus({ port: 'tap0' })] }),
    });
    const refused = { 'policy: mac': 3, 'policy: broadcast': 70, replayed: 1 };
    await open(8);
    await open(9, {
      status: () => endStatus({ name: '9', peers: [peerStatus({ policy: 'macs=1 guard', refused })] }),
    });
    const { out, faults, status: all } = await status({}, place);
    expect(out).toMatch(/^ {2}policy {5}alice \(AQEBAQEB…\): macs=1 guard; refused 3 mac, 70 broadcast$/m);
    expect(out.match(/^ {2}policy/gm)).toHaveLength(1);
    expect(out).toMatch(/^7: server on UDP port 7, secure, up\n/);
    expect(out).toMatch(/\nalice \(AQEBAQEB…\) {2}up .* 192\.0\.2\.1:7667 {2}tap0 {2}1\.5 ms {2}0 % /);
    expect(out).toMatch(/\n8: server on UDP port 8, secure, up\n(?: .*\n)+ {2}no peers\n/);
    expect({ faults, all }).toEqual({ faults: [], all: 0 });
    expect((await status({ name: '8' }, place)).out).toMatch(/^8: /);
    const { out: json } = await status({ name: '8', json: true }, place);
    expect(JSON.parse(json)).toEqual(endStatus({ name: '8', port: 8 }));
  });

  test('is 3 where an end is down, does not answer, or does not run', async () => {
    await open(7, { status: () => endStatus({ name: '7', up: false, why: 'its switch is gone' }) });
    await open(8);
    expect((await status({ name: '8' }, place)).status).toBe(0);
    const { out, status: down } = await status({}, place);
    expect(out).toMatch(/^7: .*, down: its switch is gone\n/);
    expect(down).toBe(3);
    expect(await status({ name: 'x' }, place)).toEqual({
      out: '',
      faults: ['no end called x runs here: cryptcab status lists those that do'],
      status: 3,
    });
    expect((await status({}, { user: me, roots: [] })).faults).toEqual([
      'no cable is run by this user here: start one, or be the user who did',
    ]);
    await open(9, { status: () => ({ ...endStatus(), version: 2 as 1 }) });
    expect(await status({ name: '9' }, place)).toMatchObject({
      faults: [expect.stringMatching(/9\.sock does not answer as this program does: restart it$/)],
      status: 3,
    });
  });

  test('says that a classic cable is not encrypted', async () => {
    await open(7, { status: () => endStatus({ name: '7', mode: 'classic', plain: true }) });
    await open(8, { status: () => endStatus({ name: '8', mode: 'both', plain: true }) });
    const { out } = await status({}, place);
    expect(out).toMatch(/^7: server on UDP port 7667, classic, not encrypted, up\n/);
    expect(out).toMatch(/^8: server on UDP port 7667, secure, and classic without encryption, up\n/m);
  });

  test('of --watch: rounds that go to a pipe have an empty line between them', () => {
    const one = { out: 'a\n', faults: ['b'] };
    expect(roundText(one, {}, '')).toBe('a\nb\n');
    expect(roundText(one, {}, '\n')).toBe('\na\nb\n');
    expect(roundText(one, { json: true }, '\n')).toBe('a\n');
  });

  test('finds a client by its server, and an end by its process', async () => {
    const server = 'lab.example.org:7667';
    await open(7, { status: () => endStatus({ name: 'client-12', pid: 12, role: 'client', server }) });
    for (const name of [server, 'lab.example.org', '12', 'client-12'])
      expect((await status({ name }, place)).out, name).toMatch(/^client-12: client of lab/);
    expect((await status({ name: '7667' }, place)).status).toBe(3); // the port of its server
  });

  test('finds a client by its server as that was named, with user and port or without', async () => {
    const own = { server: '127.0.0.1:3100', called: 'root@lab:3100', peers: [peerStatus()] };
    const client = endStatus({ name: 'client-12', role: 'client', ...own });
    await open(7, { status: () => client });
    for (const name of ['root@lab:3100', 'lab:3100', 'root@lab', 'lab', '127.0.0.1']) {
      expect((await status({ name }, place)).status, name).toBe(0);
      expect(choose([{ path: '', status: client }], name).status.peer, name).toBe(peerStatus().peer);
    }
    for (const name of ['root', 'la', '3100', 'foo@lab', 'lab:7667'])
      expect((await status({ name }, place)).status, name).toBe(3);
  });

  test('so do the commands about its peer, by IPv6 as well', async () => {
    const at = (server: string) => [
      { path: '', status: endStatus({ role: 'client', server, peers: [peerStatus()] }) },
    ];
    for (const name of ['[fd00::7]:7667', '[fd00::7]', 'fd00::7'])
      expect(choose(at('[fd00::7]:7667'), name).status.peer, name).toBe(peerStatus().peer);
    for (const name of ['lab.example.org:7667', 'lab.example.org'])
      expect(choose(at('lab.example.org:7667'), name).status.peer, name).toBe(peerStatus().peer);
    for (const name of ['fd00', '[fd00:', '7667'])
      expect(() => choose(at('[fd00::7]:7667'), name), name).toThrow(/^no peer is called/);
  });

  test('nothing that an end says drives the terminal', async () => {
    const peer = 'x\x1b[2J\n';
    await open(7, { status: () => endStatus({ io: peer, peers: [peerStatus({ peer, address: peer })] }) });
    expect((await status({}, place)).out).not.toMatch(/[^\P{Cc}\n]/u);
  });
});

describe('ping', () => {
  test('of a peer that is down is one line and status 3, and the end is not asked', async () => {
    await open(7, {
      status: () =>
        endStatus({
          name: '7',
          peers: [
            peerStatus({ up: false, why: 'goodbye' }),
            peerStatus({
              peer: 'ben (AgICAgIC…)',
              name: 'ben',
              publicKey: keyText(other),
              why: 'no port',
              up: false,
            }),
          ],
        }),
      ping: async () => 2,
    });
    expect(await ping('alice', { count: 1 }, place)).toEqual({
      out: '',
      faults: ['no answer from alice (AQEBAQEB…), which is down: said goodbye'],
      status: 3,
    });
    // It has no port of the switch, and answers.
    expect(await ping('ben', { count: 1 }, place)).toMatchObject({ faults: [], status: 0 });
  });
});

describe('a server', () => {
  const history = new LogHistory(() => '');
  const running = {
    local: { address: '::', port: 7 },
    io: 'native',
    enrol: () => ({ publicKey: serverKey, port: 7 }),
    ping: async (peer: string) => {
      throw new (peer === 'away' ? NobodyThere : CryptcabError)(`${peer} gives no answer`);
    },
    report() {
      const { version: _1, name: _2, program: _3, pid: _4, ...report } = endStatus({ port: 7 });
      return report;
    },
  } as unknown as RunningServer;
  const start = async (at = place) => {
    const control = await openEndControl(running, log, history, at);
    if (control !== undefined) controls.push(control);
  };
  test('that is asked for an answer of a peer which has just gone says that there is none, and warns of nothing', async () => {
    await start();
    const pinged = (peer: string) => ask(pathOf(7), { do: 'ping', peer });
    expect(JSON.parse((await pinged('away')) as string)).toMatchObject({ roundTrip: null });
    const warnings = () => said.filter((line) => line.startsWith('warn '));
    expect(warnings()).toEqual([]);
    await expect(pinged('nobody')).rejects.toThrow('nobody gives no answer');
    expect(warnings()).toHaveLength(1);
  });

  const without = (why: string) => [
    `warn no control socket, so clients cannot enrol by ssh, and cryptcab status does not show this end: ${why} {}`,
  ];

  test('has its control socket where one can be', async () => {
    // In the first of them a file is in the way that is no socket, and cannot be taken away.
    const blocked = join(directory, 'blocked');
    mkdirSync(join(blocked, 'cryptcab/7.sock/x'), { recursive: true });
    await start({ user: me, roots: [blocked, directory] });
    expect(said).toEqual([expect.stringMatching(/^info this end can be asked through this control socket/)]);
    expect((await status({ name: '7' }, place)).status).toBe(0);
  });

  test('has it again when its directory was removed', async () => {
    await start();
    rmSync(join(directory, 'cryptcab'), { recursive: true });
    await vi.waitFor(async () => expect((await status({ name: '7' }, place)).status).toBe(0), {
      timeout: 20_000,
    });
    expect(statSync(join(directory, 'cryptcab/7.sock')).mode & 0o777).toBe(0o600);
    await Promise.all(controls.splice(0).map((control) => control.close()));
    expect(readdirSync(join(directory, 'cryptcab'))).toEqual([]);
  });

  test('of a client is called by its process, and has no peers to change', async () => {
    const { enrol: _, ...client } = running;
    const control = await openEndControl(client as unknown as RunningServer, log, history, place);
    if (control !== undefined) controls.push(control);
    const path = join(directory, `cryptcab/client-${process.pid}.sock`);
    await expect(ask(path, { do: 'kick', peer: 'a' })).rejects.toThrow(
      /^this end is a client, whose one peer/,
    );
  });

  test('of a unit lies in its directory, and is called as that is', async () => {
    const unit = join(directory, 'cryptcab/lab');
    mkdirSync(unit, { recursive: true });
    const at = controlPlace({ RUNTIME_DIRECTORY: `${unit}:/else`, XDG_RUNTIME_DIR: directory }, me);
    expect(at.unit).toBe(unit);
    await start({ ...at, roots: [directory] });
    const path = join(unit, 'lab.sock');
    expect(await ask(path, { do: 'status' })).toMatch(/"name":"lab"/);
    expect(controlSockets({ user: me, roots: [directory] })).toEqual([{ name: 'lab', path }]);
  });

  test('calls options as the command line does', async () => {
    const trouble = `name another with ${optionName('plug')}`;
    const report = () => ({ ...running.report(), plug: { locator: 'x', open: false, trouble } });
    const kick = () => {
      throw new CryptcabError(`start it with ${optionName('secure.peers')}`);
    };
    const told = { ...running, report, peers: { kick } } as unknown as RunningServer;
    const control = await openEndControl(told, log, history, place);
    if (control !== undefined) controls.push(control);
    const path = pathOf(7);
    expect(parseStatus((await ask(path, { do: 'status' })) as string)?.plug.trouble).toBe(
      'name another with -s',
    );
    expect(await raw(path, '{"do":"kick","peer":"a"}\n')).toMatch(/"start it with --peers"/);
  });

  test('runs without where there is no place', async () => {
    await start({ user: me, roots: [join(directory, 'none')] });
    expect(said).toEqual(without('set XDG_RUNTIME_DIR to a directory of your own'));
  });

  test("says in one line that XDG_RUNTIME_DIR is another user's", async () => {
    const fault = 'XDG_RUNTIME_DIR is /run/user/7, which belongs to another user (7)';
    await start({ user: me, roots: [join(directory, 'none')], fault });
    expect(said.splice(0)).toEqual(without(`${fault}: set it to a directory of your own`));
    await start({ user: me, roots: [directory], fault });
    const path = join(directory, 'cryptcab/7.sock');
    expect(said.filter((line) => line.startsWith('warn'))).toEqual([
      `warn ${fault}: the control socket is ${path} {}`,
    ]);
    const { faults } = await status({}, { user: me, roots: [], fault });
    expect(faults).toEqual([expect.stringContaining(`who did (${fault})`)]);
  });

  test('runs without where it cannot be made', async () => {
    mkdirSync(join(directory, 'cryptcab/7.sock/x'), { recursive: true });
    await start();
    expect(said).toEqual([
      expect.stringMatching(/^warn no control socket, .*: cannot make the control socket \S+: /),
    ]);
  });

  test('runs without where another server has it, and takes no second place for it', async () => {
    const path = await open(7);
    const second = join(directory, 'second');
    mkdirSync(second);
    await start({ user: me, roots: [directory, second] });
    expect(said).toEqual(
      without(`another end has the control socket ${path}: end it, or choose another port with -p`),
    );
    expect(readdirSync(second)).toEqual([]);
  });
});
