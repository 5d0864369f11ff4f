// `cryptcab doctor`: what it finds on a machine, and on the way to a server, each as it should be and not.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { type Sshd, startSshd } from '../../../lab/sshd.js';

let lab: Lab;
let hub: Host;
let client: Host;

beforeEach(() => {
  lab = new Lab(2);
  [hub, client] = lab.hosts as [Host, Host];
});
afterEach(() => lab.close());

/** What it prints, and its status. */
async function doctor(host: Host, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const process = host.start([...cryptcab, 'doctor', ...args], env);
  const status = await process.exited;
  return { status, lines: process.output.trimEnd().split('\n') };
}

const matching = (...patterns: RegExp[]) => patterns.map((pattern) => expect.stringMatching(pattern));

test('on a machine', async () => {
  await hub.startSwitch();
  const well = await doctor(hub, ['--on', hub.switchPath, '--port', '7667']);
  expect(well.lines).toEqual(
    matching(
      /^✓ \S+ [\d.]+ runs the core$/,
      /^✓ frames are moved by native \(/,
      /^✓ the switch at \S+ gives a port$/,
      /^✓ \/dev\/net\/tun can be opened, for taps$/,
      /^✓ the control socket can be \S+\/cryptcab\/7667.sock$/,
      /^✓ UDP port 7667 is free$/,
    ),
  );
  expect(well.status).toBe(0);
  const server = hub.cryptcab(['-x', '-v']);
  await server.prints(/waiting for clients/);
  const ill = await doctor(hub, ['--on', '/none', '--port', '7667'], { XDG_RUNTIME_DIR: '' });
  expect(ill.status).toBe(1);
  expect(ill.lines).toEqual(
    expect.arrayContaining(
      matching(
        /^✗ no switch to plug into at \/none .*: start vde_switch -s \/none, or name another with -s$/,
        /^✗ UDP port 7667 is in use: .*choose one with -p PORT$/,
      ),
    ),
  );
});

const login = () => `root@${client.link.hub4}`;
async function farDoctor(sshd: Sshd, target = login(), env: NodeJS.ProcessEnv = {}) {
  return doctor(client, [target], { SSH_EXTRA_OPTIONS: sshd.strictOptions, ...env });
}

async function farServer() {
  const [sshd] = await Promise.all([startSshd(lab, hub, client.link.hub4), hub.startSwitch()]);
  const serve = async () => {
    const server = hub.cryptcab(['--secure', '--no-classic', '-v']);
    await server.prints(/waiting for clients/);
    return server;
  };
  return { sshd, serve };
}

test('on the way to a server where all is well', async () => {
  const { sshd, serve } = await farServer();
  const none = await farDoctor(sshd);
  expect(none.lines.at(-1)).toBe(
    '✗ no secure server is run there by root: start one there with cryptcab serve',
  );
  expect(none.status).toBe(1);
  const server = await serve();
  const well = await farDoctor(sshd);
  expect(well.lines).toEqual(
    matching(
      /^✓ ssh root@10\.77\.1\.1 logs in$/,
      /^✓ cryptcab \S+ is there, as here$/,
      /^✓ the clocks agree$/,
      /^✓ packets of 1500 bytes come through to 10\.77\.1\.1$/,
      /^✓ packets of 1500 bytes come through from 10\.77\.1\.1$/,
      /^✓ a server runs there on UDP port 7667, with 0 peers$/,
      /^✓ UDP port 7667 is open there and back: 10\.77\.1\.1:7667 answers, in \d+ ms$/,
      /^✓ the switch there gives a port$/,
    ),
  );
  expect(well.status).toBe(0);
  await server.prints(/forgot an enrolled peer/); // nothing is left of it
});

test('on the way to a server, each thing that is not well', async () => {
  const { sshd, serve } = await farServer();
  await serve();
  // A narrow way, and a closed port: what comes there gets no answer back, or does not come.
  client.run('ip', 'link', 'set', client.device, 'mtu', '1400');
  const rule = (chain: string, what: string) =>
    client.run(
      'nft',
      `add table inet f; add chain inet f ${chain} { type filter hook ${chain} priority 0; }; add rule inet f ${chain} ${what} drop`,
    );
  rule('input', 'udp sport 7667');
  const back = await farDoctor(sshd);
  expect(back.lines).toEqual(
    expect.arrayContaining(
      matching(
        /^✗ packets of 1400 bytes come through to 10\.77\.1\.1, larger ones do not: .*--path-mtu 1400/,
        /^✗ datagrams to UDP port 7667 arrive there, from 10\.77\.1\.2:\d+, but no answer comes back: open /,
      ),
    ),
  );
  rule('output', 'udp dport 7667');
  const there = await farDoctor(sshd);
  expect(there.lines.at(-1)).toMatch(
    /^✗ datagrams to 10\.77\.1\.1, UDP port 7667, do not arrive there: open that port/,
  );
  const peers = hub.start([...cryptcab, 'peers']);
  await peers.exited;
  expect(peers.output).toBe('nobody may connect yet\n'); // no key of a doctor is left
  const wrong = await farDoctor(sshd, `${login()}:7000`);
  expect(wrong.lines.at(-1)).toMatch(
    /^✗ no secure server on UDP port 7000 is run there by root; there are servers on 7667: /,
  );
  // The program is not there, or the login fails.
  const missing = await farDoctor(sshd, login(), { CRYPTCAB_REMOTE: 'nocryptcab' });
  expect(missing.lines.slice(0, 2)).toEqual(
    matching(
      /^✓ ssh root@10\.77\.1\.1 logs in$/,
      /^✗ there is no nocryptcab for root@10\.77\.1\.1 .*: install it there/,
    ),
  );
  await sshd.stop();
  const closed = await farDoctor(sshd);
  expect(closed.lines[0]).toMatch(
    /^✗ ssh root@10\.77\.1\.1 does not log in \(.*refused\): see that 'ssh root@10\.77\.1\.1' works/,
  );
  expect(closed.status).toBe(1);
  const named = await farDoctor(sshd, 'no-such-host.invalid');
  expect(named.lines[0]).toMatch(
    /^✗ .*: see that (the name is right, or give an address|a name server answers)$/,
  );
}, 240_000); // eight logins, and two waits for an answer that does not come
