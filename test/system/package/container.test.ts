// packaging/Containerfile, without an engine: its steps are carried out on a copy of this system that stays in memory, with no network, and
// its entry point is then run as an engine would run it, as its user and with no capability.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from '../../../lab/lab.js';
import { run } from '../../../lab/process.js';
import { temporaryDirectory } from '../../../lab/temporary.js';

const directory = temporaryDirectory('container');
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The instructions of a recipe. */
function read(path: string): (readonly [kind: string, rest: string])[] {
  const text = readFileSync(path, 'utf8').replace(/^\s*#.*\n/gm, '');
  const lines = text.replace(/\\\n\s*/g, '').split('\n');
  return lines
    .filter((line) => line !== '')
    .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]);
}

const recipe = read(join(root, 'packaging/Containerfile'));
const only = (kind: string) => {
  const found = recipe.filter(([one]) => one === kind);
  expect(found, kind).toHaveLength(1);
  return found[0]?.[1] as string;
};

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;
const words = (list: string) => (JSON.parse(list) as string[]).map(quoted).join(' ');

let said: string;
/** What stands between two marks of the script below. */
const part = (name: string) => new RegExp(`^=== ${name}\n(.*?)^=== `, 'ms').exec(said)?.[1] ?? '';

beforeAll(async () => {
  process.env.DEBEMAIL = 'maker@cryptcab.example.net';
  const { layOut, pack } = await import(new URL('../../../scripts/deb.mjs', import.meta.url).href);
  // In the place of the one file, which takes minutes to make.
  const program = join(directory, 'program');
  writeFileSync(program, '#!/bin/sh\nexec /opt/node /opt/cryptcab/dist/command/main.js "$@"\n');
  const [main] = await layOut(join(directory, 'tree'), program);
  const architecture = run('dpkg', '--print-architecture').trim();
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  // Called as npm run deb calls it, so that COPY has to find that name.
  const built = `build/deb/cryptcab_${version}_${architecture}.deb`;
  run('mkdir', '-p', join(directory, 'context/build/deb'));
  pack(main, join(directory, 'context', built));

  const [from, to] = only('COPY').split(' ');
  const engine = '--bounding-set=-all --inh-caps=-all --no-new-privs --clear-groups';
  const user = only('USER');
  const as = `setpriv --reuid=${user} --regid=${user} ${engine} --`;
  const entry = words(only('ENTRYPOINT'));
  const inside = [
    'set -e',
    'unset XDG_RUNTIME_DIR RUNTIME_DIRECTORY STATE_DIRECTORY',
    'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/ DEBIAN_FRONTEND=noninteractive',
    'rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*', // what it installs is here: nothing is fetched
    ...recipe.filter(([kind]) => kind === 'RUN').map(([, command]) => `(${command}\n) >&2`),
    'echo "=== left in /tmp"; ls -A /tmp',
    `echo "=== usual"; ${as} ${entry} ${words(only('CMD'))}`,
    // As docs/recipes/containers.md has it.
    'vde_switch -s /run/vde.ctl -m 666 -d',
    'install -d /keys; cryptcab keygen > /keys/private.key; : > /keys/peers',
    `chown ${user} /keys/private.key; chmod 600 /keys/private.key`,
    `${as} ${entry} serve -s /run/vde.ctl --key /keys/private.key --peers /keys/peers 2> /log & cable=$!`,
    `tries=0; until ${as} cryptcab status > /status || [ $((tries += 1)) -gt 300 ]; do sleep 0.1; done`,
    'echo "=== status"; cat /status; echo "=== log"; cat /log',
    `echo "=== who"; grep -E '^(Uid|CapEff|CapBnd)' /proc/$cable/status; echo ${user} is $(id -u ${user})`,
    'kill $cable; wait $cable; echo "=== ended"; echo "status $?"; echo "=== "',
  ].join('\n');
  const outside = [
    'set -e',
    'ip link set lo up',
    'mount -t tmpfs tmpfs /mnt && mkdir /mnt/new /mnt/work /mnt/root',
    'mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/new,workdir=/mnt/work /mnt/root',
    'cd /mnt/root && mkdir -p opt/cryptcab && : > opt/node',
    'mount -t tmpfs -o mode=755 tmpfs run && mount -t tmpfs -o mode=1777 tmpfs tmp', // what else runs here changes these
    'mount -t proc proc proc && mount --rbind /dev dev',
    'rm -f var/lib/man-db/auto-update', // such an image has no index of manual pages, which takes half a minute here
    `mount --bind ${quoted(root)} opt/cryptcab && mount --bind ${quoted(process.execPath)} opt/node`,
    `cp ${quoted(join(directory, 'context'))}/${from} .${to}`,
    'exec chroot . sh -c "$1"',
  ].join('\n');
  said = run(
    ...([
      'unshare',
      '--mount',
      '--pid',
      '--net',
      '--fork',
      '--kill-child',
      'sh',
      '-c',
      outside,
      'sh',
    ] as const),
    inside,
  );
}, 120_000);

test('has no other instruction than those that are tried here', () => {
  const kinds = [...new Set(recipe.map(([kind]) => kind))].sort();
  expect(kinds).toEqual(['CMD', 'COPY', 'ENTRYPOINT', 'EXPOSE', 'FROM', 'RUN', 'USER']);
  expect(only('FROM')).toMatch(/^debian:1[23]-slim$/); // what the package is for
  expect(only('EXPOSE')).toBe('7667/udp');
});

test('its steps leave no package behind', () => {
  expect(part('left in /tmp')).toBe('');
});

test('by itself it prints what there is', () => {
  expect(part('usual')).toMatch(/^Usage: cryptcab [\s\S]*\n {2}serve /);
});

test('a server for a switch of the host is up, as its user and with no capability; its status is a health check', () => {
  expect(part('status')).toMatch(/^7667: server on UDP port 7667, secure, up\n/);
  expect(part('log')).not.toMatch(/"level":(40|50)/);
  const [, uid] = /is (\d+)$/m.exec(part('who')) ?? [];
  expect(uid).not.toBe('0');
  expect(part('who')).toMatch(new RegExp(`^Uid:(\\t${uid}){4}$`, 'm'));
  for (const set of ['CapEff', 'CapBnd']) expect(part('who')).toMatch(new RegExp(`^${set}:\t0+$`, 'm'));
  expect(part('ended')).toBe('status 0\n');
});
