// The page of a running end: what it says, to whom, and that nothing of another end's is markup there.
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SILENT } from '../../../src/log.js';
import type { Served } from '../../../src/metrics/http.js';
import { html } from '../../../src/metrics/page/html.js';
import { documentOf, endPage, peerNamed, peerPage } from '../../../src/metrics/page/page.js';
import { RateHistory, SAMPLE_MS } from '../../../src/metrics/page/plot.js';
import { openPage } from '../../../src/metrics/page/server.js';
import { isLoopback } from '../../../src/protocol/address-scope.js';
import { endStatus, peerStatus } from '../../support/status.js';

const EVIL = `<img src=x onerror=alert(1)>"'&`;
const open: Served[] = [];
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cryptcab-page-'));
});
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(open.splice(0).map((one) => one.close()));
  rmSync(directory, { recursive: true });
});

async function start(more: Partial<Parameters<typeof openPage>[0]> = {}): Promise<number> {
  const place = { host: '127.0.0.1', port: 0 };
  const report = () => endStatus({ peers: [peerStatus()] });
  const served = await openPage({ place, token: undefined, report, program: '1', log: SILENT, ...more });
  open.push(served);
  return Number(served.at.replace(/.*:/, ''));
}

interface Asked {
  readonly port?: number;
  readonly socketPath?: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

function get(asked: Asked, enough = (_: string) => false) {
  return new Promise<{
    status: number | undefined;
    headers: NodeJS.Dict<string | string[]>;
    text: string;
  }>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', ...asked }, (answer) => {
      let text = '';
      const done = () => resolve({ status: answer.statusCode, headers: answer.headers, text });
      answer.setEncoding('utf8').on('data', (piece) => {
        text += piece;
        if (!enough(text)) return;
        done();
        sent.destroy();
      });
      answer.on('end', done);
    });
    sent.on('error', reject).end();
  });
}

describe('what it says', () => {
  const plot = html`<p>plot</p>`;

  test('an end and its peers; a text is never markup', () => {
    const peers = [
      peerStatus({ peer: EVIL, publicKey: null, address: EVIL, policy: EVIL, portTrouble: EVIL }),
      peerStatus({ up: false, why: 'goodbye' }),
    ];
    const end = endStatus({
      ...{ peers, why: EVIL, up: false, role: 'client', server: EVIL },
      plug: { locator: EVIL, open: false, trouble: EVIL },
      refused: { frames: { [EVIL]: 1 }, handshakes: { 'bad mac1': 2, none: 0 } },
      pending: [
        { publicKey: EVIL, address: EVIL, first: endStatus().time, last: endStatus().time, times: 3 },
      ],
    });
    const text = documentOf(EVIL, endPage(end, plot), EVIL);
    expect(text).toContain('<p>plot</p>');
    expect(text).toContain('1 of 2');
    expect(text).toContain('<span class="down">said goodbye</span>');
    expect(text).toContain('<th scope="row">bad mac1</th><td data-head="how often">2</td>');
    expect(text).not.toContain('>none<');
    for (const all of [text, peerPage(end, peers[0] as (typeof peers)[0]).text]) {
      expect(all).not.toContain('<img');
      expect(all).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;');
    }
    expect(peerNamed(end, EVIL)).toBe(peers[0]);
    expect(text).toContain(`href="?peer=${encodeURIComponent(EVIL).replaceAll("'", '&#39;')}"`);
  });

  test('a peer, and whose MAC address one is', () => {
    const macs = [{ mac: '02:00:00:00:00:07', seen: '2025-12-31T23:59:57.000Z' }];
    const peer = peerStatus({ macs });
    expect(peerPage(endStatus({ peers: [peer] }), peer).text).toContain('02:00:00:00:00:07 (3 s ago)');
  });

  test('rates of ten minutes, the newest at the right', () => {
    const rates = new RateHistory();
    for (let i = 0; i <= 400; i++)
      rates.take({ in: { frames: 0, bytes: i * 1_000 }, out: { frames: 0, bytes: 0 } });
    const { text } = rates.markup();
    const [, points = ''] = /class="in" points="([^"]*)"/.exec(text) ?? [];
    expect(points.split(' ')).toHaveLength(300);
    expect(points).toMatch(/^0\.0,[\d.]+ .* 600\.0,0\.0$/);
    expect(text).toContain('at most 400 kB/s in the last 10 min');
  });
});

describe('to whom', () => {
  test('to everybody on this machine, where a browser asks for this machine', async () => {
    const port = await start();
    const page = await get({ port, path: '/' });
    expect(page.status).toBe(200);
    expect(page.text).toContain('alice (AQEBAQEB…)');
    expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self';/);
    for (const host of ['localhost:80', '127.0.0.1', '[::1]:8080'])
      expect((await get({ port, path: '/', headers: { host } })).status).toBe(200);
    for (const host of ['evil.example', 'evil.example:80', '127.0.0.1.evil.example', 'localhost.evil'])
      expect((await get({ port, path: '/', headers: { host } })).status).toBe(421);
  });

  test('to who has the password, where there is one', async () => {
    const token = 'AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=';
    const port = await start({ token });
    const as = (password: string) => ({
      headers: {
        host: 'server.example',
        authorization: `Basic ${Buffer.from(`me:${password}`).toString('base64')}`,
      },
    });
    for (const path of ['/', '/events', '/style.css', '/live.js', '/none']) {
      const refused = await get({ port, path });
      expect(refused.status).toBe(401);
      expect(refused.headers['www-authenticate']).toMatch(/^Basic /);
      expect(refused.text).not.toContain('alice');
      for (const wrong of ['', 'x', token.slice(1), `${token}=`])
        expect((await get({ port, path, ...as(wrong) })).status).toBe(401);
    }
    expect((await get({ port, path: '/', ...as(token) })).status).toBe(200);
  });

  test('at a socket, by whatever name', async () => {
    const path = join(directory, 'page');
    await start({ place: { path } });
    const headers = { host: 'status.example' };
    expect((await get({ socketPath: path, path: '/', headers })).status).toBe(200);
  });

  test.each([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['0.0.0.0', false],
    ['::', false],
    ['192.0.2.1', false],
    ['::ffff:127.0.0.1', false],
  ])('%s is this machine alone: %s', (host, alone) => {
    expect(isLoopback(host)).toBe(alone);
  });
});

test.each(['/', '/?peer=x', '/style.css', '/live.js'])('%s can be read, and nothing else', async (path) => {
  const port = await start();
  expect((await get({ port, path })).status).toBe(200);
  expect((await get({ port, path, method: 'HEAD' })).text).toBe('');
  for (const method of ['POST', 'PUT', 'DELETE'])
    expect((await get({ port, path, method })).status).toBe(405);
});

test.each(['/none', '//', '/../etc/passwd', '/%00', '*'])('%s is not there', async (path) => {
  const port = await start();
  expect([400, 404]).toContain((await get({ port, path })).status); // a runtime may refuse `*` itself, as Bun does
});

test('what goes on comes by itself; a report that fails costs one answer', async () => {
  vi.useFakeTimers({ toFake: ['setInterval'] });
  let times = 0;
  let fails = false;
  const report = () => {
    if (fails) throw new Error('no report');
    return endStatus({ peers: [peerStatus({ name: null, peer: `look ${times++}` })] });
  };
  const port = await start({ report });
  const events = get({ port, path: '/events' }, (text) => (text.match(/\n\n/g) ?? []).length === 3);
  await vi.waitFor(() => expect(times).toBe(2));
  vi.advanceTimersByTime(2 * SAMPLE_MS);
  const { text, headers } = await events;
  expect(headers['content-type']).toMatch(/^text\/event-stream/);
  expect(text.match(/look \d/g)).toEqual(['look 1', 'look 2', 'look 3']);
  fails = true;
  vi.advanceTimersByTime(SAMPLE_MS);
  expect((await get({ port, path: '/' })).status).toBe(500);
  fails = false;
  expect((await get({ port, path: '/' })).status).toBe(200);
});
