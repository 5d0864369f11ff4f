// What `--peers` may be followed by, and who is asked.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askUrl } from '../../../src/ends/peers/asks.js';
import { readPeersSource } from '../../../src/ends/peers/peers-option.js';

describe('a source of peers', () => {
  test.each([
    ['peers', { kind: 'file', path: 'peers' }],
    ['/etc/cryptcab/peers', { kind: 'file', path: '/etc/cryptcab/peers' }],
    ['C:/peers', { kind: 'file', path: 'C:/peers' }],
    ['./ftp://x', { kind: 'file', path: './ftp://x' }],
    ['exec:ask --for "$CRYPTCAB_PUBLIC_KEY"', { kind: 'exec', command: 'ask --for "$CRYPTCAB_PUBLIC_KEY"' }],
    ['https://directory/peers?of=x', { kind: 'https', url: 'https://directory/peers?of=x' }],
    ['http://127.0.0.1:8080/', { kind: 'https', url: 'http://127.0.0.1:8080/' }],
    ['http://[::1]/', { kind: 'https', url: 'http://[::1]/' }],
    ['etcd://one/net', { kind: 'etcd', hosts: [{ host: 'one', port: 2379 }], prefix: 'net' }],
    [
      'etcd://10.0.0.1:1,[fd00::1]:2/a/b/?options=/etc/e',
      {
        kind: 'etcd',
        hosts: [
          { host: '10.0.0.1', port: 1 },
          { host: 'fd00::1', port: 2 },
        ],
        prefix: 'a/b',
        options: '/etc/e',
      },
    ],
  ])('%s', (text, source) => {
    expect(readPeersSource(text)).toEqual(source);
  });

  test.each([
    ['exec: ', /names no command/],
    [
      'ftp://anna:secret@directory/',
      /^is no source that can be asked: give a file or a directory, or exec:COMMAND, /,
    ],
    ['HTTPS://directory/', /^is no source that can be asked: .* https:\/\/URL or etcd:/],
    ['https://', /is no URL/],
    ['https://anna:secret@directory/', /^has a password in it/],
    ['http://directory/', /without encryption/],
    ['http://127.0.0.1.example.com/', /without encryption/],
    ['etcd://one', /is no place of etcd/],
    ['etcd:///net', /is no place of etcd/],
    ['etcd://root:secret@one/net', /^has a user in it/],
    ['etcd://one:0/net', /has a host that is none/],
    ['etcd://[one]/net', /has a host that is none/],
    ['etcd://one/n et', /has a prefix/],
    ['etcd://one/net?user=x', /is no place of etcd/],
  ])('%s is none', (text, why) => {
    const source = readPeersSource(text);
    expect(source).toMatch(why);
    expect(source).not.toContain('secret');
  });
});

describe('a URL is asked', () => {
  let server: Server;
  let answer: { status: number; text: string; headers?: Record<string, string> };
  let asked: string[];
  beforeEach(async () => {
    asked = [];
    server = createServer((request, response) => {
      asked.push(request.url as string);
      response.writeHead(answer.status, answer.headers).end(answer.text);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));
  const ask = () =>
    askUrl(`http://127.0.0.1:${(server.address() as AddressInfo).port}/peers?of=x`)('a+b/c=', '192.0.2.1:7');

  test('with the public key and the address', async () => {
    answer = { status: 200, text: 'a line\n' };
    expect(await ask()).toEqual({ failure: undefined, printed: 'a line\n' });
    expect(asked).toEqual(['/peers?of=x&publicKey=a%2Bb%2Fc%3D&address=192.0.2.1%3A7']);
  });

  test.each([404, 204])('status %d is nobody', async (status) => {
    answer = { status, text: '' };
    expect(await ask()).toEqual({ failure: undefined, printed: '' });
  });

  test.each([500, 403, 201])('status %d is no answer', async (status) => {
    answer = { status, text: 'a line\n' };
    expect(await ask()).toEqual({ failure: `answers with status ${status}`, printed: '' });
  });

  test('nor is another place', async () => {
    answer = { status: 302, text: '', headers: { location: 'http://127.0.0.1:1/' } };
    expect((await ask()).failure).toMatch(/^does not answer: /);
  });

  test('no more is read of it than a line may have', async () => {
    answer = { status: 200, text: 'x'.repeat(10_000_000) };
    expect((await ask()).printed).toHaveLength(4_000);
  });
});

test('nobody there is no answer', async () => {
  expect((await askUrl('http://127.0.0.1:1/')('k', 'a')).failure).toMatch(/^does not answer: /);
});
