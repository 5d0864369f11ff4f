// Commands that are run when peers come up and go.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { until } from '../../../lab/process.js';
import { temporaryDirectory } from '../../../lab/temporary.js';
import { Hooks } from '../../../src/ends/hooks.js';
import { SILENT } from '../../../src/log.js';
import { optionName } from '../../../src/options/name.js';

let directory: string;
let warned: string[];

beforeEach(() => {
  directory = temporaryDirectory('hooks');
  warned = [];
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(directory, { recursive: true, force: true });
});

const log = { ...SILENT, warn: (_fields: object, text: string) => warned.push(text) };
const file = () => join(directory, 'said');
/** The lines written so far: none between the file's making and its first line. */
const said = () => (existsSync(file()) ? readFileSync(file(), 'utf8').split('\n').slice(0, -1) : []);
const peer = (name: string) => ({ peer: `${name} (key…)`, name, publicKey: `${name}-key` });
const up = (name: string) => ({
  ...peer(name),
  address: '192.0.2.1:7667',
  cipher: 'secure' as const,
  device: 'br0p0',
});

test('each has the peer in its environment', async () => {
  const words = ['PEER', 'PUBLIC_KEY', 'ADDRESS', 'DEVICE', 'SWITCH', 'REASON'];
  const say = (event: string) =>
    `echo "${event} ${words.map((word) => `$CRYPTCAB_${word}`).join('|')}" >> ${file()}`;
  const hooks = new Hooks({ up: say('up'), down: say('down') }, 'bridge://br0', log);
  hooks.up(up('anna'));
  hooks.down(peer('anna'), 'goodbye');
  hooks.down(peer('nobody'), 'expired');
  await until('both have run', () => said().length === 2);
  hooks.up({ peer: '192.0.2.2:5', address: '192.0.2.2:5', cipher: 'plain' });
  await until('the third has run', () => said().length === 3);
  await hooks.close('ended');
  expect(said()).toEqual([
    'up anna|anna-key|192.0.2.1:7667|br0p0|bridge://br0|',
    'down anna|anna-key|192.0.2.1:7667|br0p0|bridge://br0|goodbye',
    'up 192.0.2.2:5||192.0.2.2:5||bridge://br0|',
    'down 192.0.2.2:5||192.0.2.2:5||bridge://br0|ended',
  ]);
  expect(warned).toEqual([]);
});

test('of one peer one after the other, and of several at once', async () => {
  const gate = join(directory, 'gate');
  const wait = `echo begin $CRYPTCAB_PEER >> ${file()}; [ $CRYPTCAB_PEER = b ] || until [ -e ${gate} ]; do sleep 0.02; done; echo end $CRYPTCAB_PEER >> ${file()}`;
  const hooks = new Hooks({ up: wait, down: `echo down $CRYPTCAB_PEER >> ${file()}` }, '', log);
  hooks.up(up('a'));
  hooks.down(peer('a'), 'expired');
  hooks.up(up('b'));
  await until('b has not waited for a', () => said().includes('end b'));
  expect(said()).not.toContain('down a');
  // Comes back and goes while its command runs: that is one going.
  hooks.up(up('a'));
  hooks.down(peer('a'), 'expired');
  writeFileSync(gate, '');
  await until('a is down', () => said().includes('down a'));
  await hooks.close('ended');
  expect(said().filter((line) => line.endsWith(' a'))).toEqual(['begin a', 'end a', 'down a']);
  expect(said().at(-1)).toBe('down b');
});

test('one that fails is logged with its first line, and the next one is run all the same', async () => {
  const hooks = new Hooks(
    { up: 'echo it is no use >&2; echo more >&2; exit 3', down: `echo down >> ${file()}` },
    '',
    log,
  );
  hooks.up(up('anna'));
  hooks.down(peer('anna'), 'expired');
  await hooks.close('ended');
  expect(warned).toEqual([`${optionName('up')} failed with status 3: it is no use`]);
  expect(said()).toEqual(['down']);
});

test('one that takes longer than 10 s is killed, with what it has started', async () => {
  const hooks = new Hooks({ up: `sleep 600 & echo $! > ${file()}; wait` }, '', log);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  hooks.up(up('anna'));
  while (said().length === 0) await setImmediate();
  vi.advanceTimersByTime(9_999);
  const [pid] = said();
  expect(isAlive(Number(pid))).toBe(true);
  vi.advanceTimersByTime(1);
  vi.useRealTimers();
  await until('it is killed', () => warned.length > 0);
  expect(warned).toEqual([`${optionName('up')} was killed, as it took more than 10 s`]);
  await until('its child is gone', () => !isAlive(Number(pid)));
  await hooks.close('ended');
});

/** Whether a process is there, and no zombie. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
