// `cryptcab serve` and `cryptcab connect` as somebody types them.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import type { Process } from '../../../lab/process.js';
import { startSshd } from '../../../lab/sshd.js';
import { randomness } from '../../support/seed.js';

let lab: Lab;
let hub: Host;
let client: Host;

beforeEach(async () => {
  lab = new Lab(2);
  [hub, client] = lab.hosts as [Host, Host];
  await Promise.all(lab.hosts.map((host) => host.startSwitch()));
});
afterEach(() => lab.close());

/** A command with the host's own switch. */
function command(host: Host, words: readonly string[], env: NodeJS.ProcessEnv = {}): Process {
  return host.start([...cryptcab, ...words, '-s', host.switchPath], env);
}

async function serve(...words: string[]): Promise<Process> {
  const server = command(hub, ['serve', '-v', ...words]);
  await server.prints(/waiting for clients/);
  return server;
}

test('a name of ssh’s configuration, behind a jump host: the secure cable, and no classic client', async () => {
  const sshd = await startSshd(lab, hub, client.link.hub4);
  const server = await serve();
  const [, alias = ''] = sshd.alias('jump').split(' ');
  const file = join(lab.directory, 'config');
  const jump = readFileSync(alias, 'utf8');
  writeFileSync(file, `${jump}${jump.replace('Host jump', 'Host far')}ProxyJump jump\n`);
  const cable = command(client, ['connect', 'far', '-v'], { SSH_EXTRA_OPTIONS: `-F ${file}` });
  await cable.prints(/the cable is up/, 60_000);
  await client.reaches(hub.inner);
  await server.prints(/peer is up, secure/);
  // sshd has had two logins of one client: the jump, and what comes from it.
  expect(new Set(sshd.output.match(/Accepted publickey for root from [\d.]+/g)).size).toBe(2);
  const old = client.cryptcab(['-c', client.link.hub4, '-x', '-v', '-p', '0']);
  await old.prints(/no answer|still trying/, 60_000);
  expect(server.output).not.toMatch(/client is up/);
  expect(await cable.stop()).toBe(0);
  await server.prints(/peer is gone|said goodbye|is gone/);
});

test('a key that an agent alone has, and status --watch while the client comes and goes', async () => {
  const sshd = await startSshd(lab, hub, client.link.hub4);
  const agent = join(lab.directory, 'agent');
  await client.start(['ssh-agent', '-D', '-a', agent]).prints(/SSH_AUTH_SOCK/);
  client.run('env', `SSH_AUTH_SOCK=${agent}`, 'ssh-add', '-q', join(lab.directory, 'ssh config/user'));
  const options = `-F none -p 2222 -o IdentityFile=none -o BatchMode=yes -o UserKnownHostsFile='"${sshd.knownHosts}"'`;
  await serve();
  const screen = hub.start(['script', '-qfc', [...cryptcab, 'status', '--watch'].join(' '), '/dev/null']);
  await screen.prints(/server on UDP port 7667, secure, up[\s\S]* no peers/);
  const lines = hub.start([...cryptcab, 'status', '--json', '--watch', '7667']);
  const connect = (env: NodeJS.ProcessEnv) =>
    command(client, ['connect', `root@${client.link.hub4}`, '-v'], { SSH_EXTRA_OPTIONS: options, ...env });
  const without = connect({ SSH_AUTH_SOCK: '' });
  expect(await without.exited).toBe(1);
  expect(without.output).toMatch(/Permission denied/);
  const cable = connect({ SSH_AUTH_SOCK: agent });
  await cable.prints(/the cable is up/, 60_000);
  await screen.prints(/\n\S+… +up +\d+ s +10\.77\.1\.2:/);
  await lines.prints(/"peers":\[\{[^\n]*"up":true/);
  expect(await cable.stop()).toBe(0);
  await screen.prints(/handshakes 1;[^\n]*\n +no peers/, 30_000, screen.printed); // its keys are gone with it
  for (const line of lines.output.trim().split('\n').slice(0, -1)) expect(JSON.parse(line).name).toBe('7667');
  screen.write('\u0003');
  await screen.exited;
});

test('the classic wire where it is asked for: ours and the C program beside a secure one', async () => {
  const key = lab.keyFile('key', randomness().bytes(24));
  const server = await serve('--classic', '-P', key);
  const cable = command(client, ['connect', client.link.hub4, '--classic', '-P', key, '-v']);
  await cable.prints(/the cable is up/, 30_000);
  await client.reaches(hub.inner);
  expect(await cable.stop()).toBe(0);
  const unasked = client.cryptcab(['-c', client.link.hub4, '-P', key, '-p', '0']);
  await unasked.prints(/this is the classic cable: cryptcab serve and cryptcab connect make the secure one/);
  expect(await unasked.stop()).toBe(0);
  expect(server.output + cable.output).not.toMatch(/this is the classic cable/);
  const original = client.original(['-c', client.link.hub4, '-P', key]);
  await client.reaches(hub.inner, 60_000);
  await original.stop();
  await server.prints(/leaving --classic out refuses them/);
});

test('the page, on another machine, with a password; and the log', async () => {
  const made = hub.start([...cryptcab, 'genpsk']);
  await made.exited;
  const token = join(lab.directory, 'token');
  writeFileSync(token, made.output, { mode: 0o600 });
  const server = await serve('--web', '0.0.0.0:8080', '--web-token', token);
  await server.prints(/the page is served/);
  const ask = (password: string) => {
    const headers = `{ authorization: 'Basic ' + btoa('me:' + ${JSON.stringify(password)}) }`;
    const url = `http://${client.link.hub4}:8080/`;
    const script = `fetch('${url}', { headers: ${headers} }).then(async (r) => console.log(r.status, await r.text()))`;
    return client.run(process.execPath, '-e', script);
  };
  expect(ask('no')).toMatch(/^401 /);
  expect(ask(made.output.trim())).toMatch(/^200 .*<h1>server on UDP port 7667<\/h1>/s);
  const log = hub.start([...cryptcab, 'log', '-f']);
  await log.prints(/waiting for clients/);
  expect(await server.stop()).toBe(0);
  expect(await log.exited).toBe(0);
  expect(log.output).toMatch(/ended by SIGTERM/);
  expect(`${server.output}${log.output}`).not.toContain(made.output.trim());
});

test('up, restart and down of cables that have a file', async () => {
  const files = join(lab.directory, 'configuration');
  mkdirSync(files);
  const run = async (host: Host, ...words: string[]) => {
    const process = host.start([...cryptcab, ...words], { CRYPTCAB_CONFIG_DIR: files });
    return { status: await process.exited, said: process.output.trim() };
  };
  const DONE = { status: 0, said: '' };
  const keys = new Map<string, string>();
  for (const end of ['server', 'client']) {
    const made = hub.start([...cryptcab, 'keygen']);
    await made.exited;
    writeFileSync(join(files, `${end}.key`), made.output, { mode: 0o600 });
    keys.set(end, hub.run('sh', '-c', `${cryptcab.join(' ')} pubkey < ${join(files, `${end}.key`)}`).trim());
  }
  writeFileSync(join(files, 'peers'), `${keys.get('client')} name=alice\n`);
  writeFileSync(join(files, 'hub.toml'), `on = "${hub.switchPath}"\nkey = "server.key"\npeers = "peers"\n`);
  const far = `connect = "${client.link.hub4}"\non = "${client.switchPath}"\n`;
  writeFileSync(join(files, 'far.toml'), `${far}key = "client.key"\npeer = "${keys.get('server')}"\n`);
  expect(await run(hub, 'up', 'hub')).toEqual(DONE);
  expect(await run(client, 'up', 'far')).toEqual(DONE);
  await client.reaches(hub.inner);
  expect(await run(hub, 'up', 'hub')).toEqual({
    status: 1,
    said: expect.stringMatching(/^cryptcab: hub is up already, as process \d+: use cryptcab restart hub/),
  });
  // A file that is wrong ends nothing.
  writeFileSync(join(files, 'far.toml'), `${far}kye = "client.key"\n`);
  expect(await run(client, 'restart', 'far')).toEqual({
    status: 2,
    said: expect.stringMatching(/far\.toml, line 3: 'kye' is no key: did you mean 'key'\?$/),
  });
  await client.reaches(hub.inner);
  writeFileSync(join(files, 'far.toml'), `${far}key = "client.key"\npeer = "${keys.get('server')}"\n`);
  expect(await run(client, 'restart', 'far')).toEqual(DONE);
  await client.reaches(hub.inner, 30_000);
  expect(await run(client, 'down', 'far')).toEqual(DONE);
  expect(await run(client, 'down', 'far')).toEqual({ status: 1, said: 'cryptcab: far is not up' });
  expect(await run(hub, 'down', 'hub')).toEqual(DONE);
  expect(readdirSync(hub.runtimeDirectory, { recursive: true })).toEqual(['cryptcab']);
});

test('at a terminal: up with what, gone and why, back; elsewhere lines of the log', async () => {
  const key = (name: string) => {
    const file = join(lab.directory, name);
    const [program, ...first] = cryptcab;
    writeFileSync(file, execFileSync(program as string, [...first, 'keygen']), { mode: 0o600 });
    const pub = execFileSync(program as string, [...first, 'pubkey'], { input: readFileSync(file) });
    return { file, pub: String(pub).trim() };
  };
  const [hubKey, clientKey] = [key('hub.key'), key('client.key')];
  const peers = join(lab.directory, 'peers');
  writeFileSync(peers, `${clientKey.pub} name=alice\n`);
  const atTerminal = (host: Host, ...words: string[]) =>
    host.start(['script', '-qfc', [...cryptcab, ...words, '-s', host.switchPath].join(' '), '/dev/null']);
  const serving = () => atTerminal(hub, 'serve', '--key', hubKey.file, '--peers', peers);
  const server = serving();
  await server.prints(/\] serving UDP port 7667 on /, 30_000);
  const words = ['connect', client.link.hub4, '--key', clientKey.file, '--peer', hubKey.pub];
  const cable = atTerminal(client, ...words);
  await cable.prints(
    /\] the cable is up: secure, 10\.77\.1\.1:7667, MTU 1500, [\d.]+ ms there and back/,
    30_000,
  );
  await server.prints(/\] alice is up: secure, 10\.77\.1\.2:\d+, MTU 1500, [\d.]+ ms there and back/, 30_000);
  await server.stop('SIGHUP');
  await cable.prints(/\] the cable is down: the server said goodbye; calling it again/, 30_000);
  const again = serving();
  await cable.prints(/\] the cable is back after \d+ s: secure, 10\.77\.1\.1:7667/, 60_000);
  await again.prints(/\] alice is up: secure/, 30_000);
  cable.write('\u0003');
  expect(await cable.exited).toBe(0);
  await again.prints(/\] alice is gone: it said goodbye/, 30_000);
  const quiet = command(client, words);
  await again.prints(/\] alice is back after \d+ s: secure/, 30_000);
  expect(await quiet.stop()).toBe(0);
  expect(quiet.output).toMatch(/^\{"level":30,[^\n]*"cipher":"secure","msg":"the cable is up"\}$/m);
  expect(quiet.output).not.toMatch(/^\[/m);
});
