import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseOptions } from '../../../src/cli/options.js';
import { keyText } from '../../../src/keys/key-text.js';
import { numbered } from '../protocol/examples.js';

const KEY = keyText(numbered(32));
const parse = (line: string) => parseOptions('cable', '9.8.7', line.split(' '));

describe('options of the secure cable', () => {
  test('a client', () => {
    const { secure, classic } = parse(`--secure --key k --peer ${KEY} --psk p -c h`);
    expect(secure).toEqual({
      keyFile: resolve('k'),
      presharedKeyFile: resolve('p'),
      peer: numbered(32),
      peersFile: undefined,
      enrolledMax: undefined,
      path: 1452,
    });
    expect(classic).toBe(true);
  });

  test('a server', () => {
    const { secure, classic, keyFile } = parse('--secure --key k --peers p -P old');
    expect(secure).toEqual({
      keyFile: resolve('k'),
      presharedKeyFile: undefined,
      peer: undefined,
      peersFile: resolve('p'),
      enrolledMax: undefined,
      path: 1452,
    });
    expect({ classic, keyFile }).toEqual({ classic: true, keyFile: 'old' });
    expect(parse('--secure --key k --peers p --no-classic').classic).toBe(false);
  });

  test.each([
    [576, 528],
    [1280, 1232],
    [1500, 1452],
    [9299, 9251],
  ])('a path of %d bytes takes a UDP payload of %d', (mtu, path) => {
    expect(parse(`--secure --key k --peers p --path-mtu ${mtu}`).secure?.path).toBe(path);
  });

  const client = `--secure --key k --peer ${KEY} -c h`;
  const server = '--secure --key k --peers p';
  test.each([
    ['--key k', '--key', '--secure'],
    [`--peer ${KEY} -c h`, '--peer', '--secure'],
    ['--psk k -c h', '--psk', '--secure'],
    ['--peers p', '--peers', '--secure'],
    ['--path-mtu 1400', '--path-mtu', '--secure'],
    ['--enrolled-max 9', '--enrolled-max', '--secure'],
    [`${client} --enrolled-max 9`, '--enrolled-max', '-c'],
    ['--no-classic', '--no-classic', '--secure'],
    [`${client} -x`, '--secure', '-x'],
    [`${server} -x`, '--secure', '-x'],
    [`${client} -P k`, '--secure', '-P'],
    [`${client} --cipher chacha20`, '--secure', '--cipher'],
    [`${client} --peers p`, '--peers', '-c'],
    [`${client} --no-classic`, '--no-classic', '-c'],
    [`--secure -c h --peer ${KEY}`, '--peer', '--key'],
    ['--secure -c h --key k', '--key', '--peer'],
    [`${server} --peer ${KEY}`, '--peer', '-c'],
    [`${server} --psk k`, '--psk', '-c'],
    [`${server} --no-classic -P k`, '--no-classic', '-P'],
    [`${server} -k`, '-k', '-c'],
  ])('%s: named are %s and %s', (line, one, other) => {
    let message = '';
    try {
      parse(line);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toMatch(new RegExp(`(^| )${one}\\b.* ${other}\\b`));
    expect(message).not.toContain('\n');
  });

  test.each(['--secure', '--secure -c h', '--secure --key k'])('%s: clients enrol by ssh', (line) => {
    expect(parse(line).secure).toMatchObject({ path: 1452 });
  });

  test.each(['575', '9300', '1e3', '', '-1'])('a path of %j is refused', (mtu) => {
    expect(() => parse(`--secure --key k --peers p --path-mtu ${mtu}`)).toThrow(/--path-mtu .*576 to 9299/);
  });

  test('what is no public key is not repeated: it may be a private one', () => {
    const secret = KEY.slice(1);
    const attempt = () => parse(`--secure --key k --peer ${secret} -c h`);
    expect(attempt).toThrow(/--peer .*44 characters.*cryptcab pubkey/);
    expect(attempt).not.toThrow(secret);
  });

  test('peers that have enrolled, at a time', () => {
    for (const max of [0, 1, 60_000])
      expect(parse(`--secure --enrolled-max ${max}`).secure?.enrolledMax).toBe(max);
    for (const wrong of ['60001', '-1', '1e3', 'many', ' '])
      expect(() => parse(`--secure --enrolled-max=${wrong}`)).toThrow(/--enrolled-max .*0 to 60000/);
  });
});
