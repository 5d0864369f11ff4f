// Keys that clients send by scp: a LOGIN, which anybody can forge, takes no file away; the proof of a key takes its own.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { until } from '../../../lab/process.js';
import { startSshd } from '../../../lab/sshd.js';

let lab: Lab;
let hub: Host;
let client: Host;

beforeEach(async () => {
  lab = new Lab(2);
  [hub, client] = lab.hosts as [Host, Host];
  await Promise.all(lab.hosts.map((host) => host.startSwitch()));
});

afterEach(() => lab.close());

/** Sends a LOGIN from a host of no program's. */
async function logIn(from: Host, to: string, id: string): Promise<void> {
  const datagram = `A${id}${'\\0'.repeat(16 - id.length)}`;
  await from.start(['bash', '-c', `printf '${datagram}' > /dev/udp/${to}/7667`]).exited;
}

test.each(['portable', 'native'])('a LOGIN leaves the file that it names, %s', async (io) => {
  // In what is /tmp there.
  const name = (what: string) => `vde_${what}`;
  const path = (what: string) => join(hub.temporaryDirectory, `.${name(what)}.key`);
  const lengths = { key: 24, chacha: 44, half: 20, other: 3000 };
  try {
    for (const [what, length] of Object.entries(lengths))
      writeFileSync(path(what), new Uint8Array(length).fill(7), { mode: 0o600 });
    const server = hub.cryptcab(['-vv', '--io', io]);
    await server.prints(/waiting for clients/);
    for (const what of ['half', 'other']) {
      await logIn(client, client.link.hub4, name(what));
      await server.prints(
        new RegExp(
          `no session key: /tmp/.${name(what)}.key has ${lengths[what as 'half']} bytes: a key has 24 or 44`,
        ),
      );
    }
    // Each is challenged, and does not answer.
    const sent = server.printed;
    for (const what of ['key', 'chacha']) await logIn(client, client.link.hub4, name(what));
    await logIn(client, client.link.hub4, name('nothing'));
    await server.prints(/no session key: there is no/, 30_000, sent);
    for (const [what] of Object.entries(lengths)) expect(existsSync(path(what)), what).toBe(true);
  } finally {
    for (const what of Object.keys(lengths)) rmSync(path(what), { force: true });
  }
});

test('--key-dir: keys lie there, and go when they are proved', async () => {
  const directory = join(lab.directory, 'keys');
  mkdirSync(directory, { mode: 0o700 });
  chmodSync(lab.directory, 0o711);
  const { options } = await startSshd(lab, hub);
  const other = join(directory, '.other.key');
  writeFileSync(other, new Uint8Array(24));
  const server = hub.cryptcab(['-v', '--key-dir', directory]);
  await server.prints(/waiting for clients/);
  const cable = client.cryptcab(['-c', `root@${client.link.hub4}`, '--key-dir', directory], {
    SCP_EXTRA_OPTIONS: options,
  });
  await client.reaches(hub.inner, 30_000);
  expect(readdirSync(directory)).toEqual(['.other.key']);
  expect(await cable.stop()).toBe(0);
});

/** A scp that gets nowhere; gives its process id when it runs. */
function stuckScp(): { env: NodeJS.ProcessEnv; pid: () => Promise<number> } {
  const started = join(lab.directory, 'scp started');
  const script = `#!/bin/sh\necho $$ > '${started}.new'; mv '${started}.new' '${started}'\nexec sleep 60\n`;
  writeFileSync(join(lab.directory, 'scp'), script, { mode: 0o755 });
  return {
    env: { PATH: `${lab.directory}:${process.env.PATH}` },
    async pid() {
      await until('scp runs', () => existsSync(started));
      return Number(readFileSync(started, 'utf8'));
    },
  };
}

/** What is in a host's directory for temporary files, except for what the lab shows there. */
const temporary = (host: Host) =>
  readdirSync(host.temporaryDirectory).filter(
    (name) => name.startsWith('cryptcab-') && !name.includes('lab'),
  );

const alive = (pid: number) => existsSync(`/proc/${pid}`);

test('a terminal that is closed while -d sends a key leaves neither key nor scp', async () => {
  const scp = stuckScp();
  const words = [...cryptcab, '-s', client.switchPath, '-c', client.link.hub4, '-d'];
  const status = join(lab.directory, 'status');
  // The signal goes to who leads the session, here a shell, which hands it on and waits for the end.
  const started = `${words.map((word) => `'${word}'`).join(' ')} & cable=$!`;
  const command = `${started}; trap 'kill -HUP $cable' HUP; wait $cable; wait $cable; echo $? > '${status}'`;
  const terminal = client.start(['script', '-qfc', command, '/dev/null'], scp.env);
  const pid = await scp.pid();
  expect(temporary(client)).toHaveLength(1);
  terminal.signal('SIGKILL');
  await until('both have ended', () => !alive(pid) && existsSync(status));
  expect(readFileSync(status, 'utf8')).toBe('1\n');
  expect(temporary(client)).toEqual([]);
});

test('SIGHUP without a terminal ends no -d that sends a key, and the end leaves none', async () => {
  const scp = stuckScp();
  const cable = client.cryptcab(['-c', client.link.hub4, '-d'], scp.env);
  const pid = await scp.pid();
  cable.signal('SIGHUP');
  cable.signal('SIGTERM');
  expect(await cable.exited).toBe(1);
  expect(cable.output).toMatch(/^\S+: ended by SIGTERM\n$/);
  expect(alive(pid)).toBe(false);
  expect(temporary(client)).toEqual([]);
});

test('--key-dir of a server has to be there', async () => {
  const server = hub.cryptcab(['--key-dir', join(lab.directory, 'nowhere')]);
  expect(await server.exited).toBe(1);
  expect(server.output).toMatch(
    /^\S+: cannot look for keys in \S+nowhere: [^\n]+; name another with --key-dir\n$/,
  );
});
