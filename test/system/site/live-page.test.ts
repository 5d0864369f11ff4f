// The page of a running end, in Chromium: of a real cable, at the sizes of a telephone and a desk, light and dark.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { launchChromium } from '../../../lab/chromium.js';
import { until } from '../../../lab/process.js';
import type { EndReport } from '../../../src/control/status.js';
import {
  type Client,
  connect,
  keyText,
  type MemoryPort,
  memoryPort,
  newPrivateKey,
  publicKeyOf,
  type Server,
  serve,
} from '../../../src/index.js';
import { SILENT } from '../../../src/log.js';
import type { Served } from '../../../src/metrics/http.js';
import { SAMPLE_MS } from '../../../src/metrics/page/plot.js';
import { openPage } from '../../../src/metrics/page/server.js';
import { endStatus, peerStatus } from '../../support/status.js';

const pictures = fileURLToPath(new URL('../../../build/site-pictures', import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser: Browser;
let page: Page;
let served: Served;
let report: EndReport;
const complaints: string[] = [];
const asked: string[] = [];

beforeAll(async () => {
  mkdirSync(pictures, { recursive: true });
  browser = await launchChromium();
});
afterAll(() => browser?.close());
beforeEach(async () => {
  complaints.length = 0;
  asked.length = 0;
  report = busy();
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  served = await openPage({
    ...{ place: { host: '127.0.0.1', port: 0 }, token: undefined, program: '1.2.3', log: SILENT },
    report: () => ({ ...report, time: new Date().toISOString() }),
  });
});
afterEach(async () => {
  vi.useRealTimers();
  await page?.context().close();
  await served?.close();
});

async function openIt(path = '', options: Parameters<Browser['newPage']>[0] = {}): Promise<void> {
  page = await browser.newPage(options);
  page.on('request', (request) => asked.push(request.url()));
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(`http://${served.at}/${path}`);
}

/** Lets so many looks at the rates pass, which come and go. */
function busyFor(looks: number): void {
  for (let i = 0; i < looks; i++) {
    const rates = {
      in: bytes(1e6 * (1 + Math.sin(i / 9))),
      out: bytes(4e5 * (1 + Math.cos(i / 5))),
    };
    report = { ...report, rates: { over5s: rates, over60s: rates } };
    vi.advanceTimersByTime(SAMPLE_MS);
  }
}

const bytes = (amount: number) => ({ frames: amount / 1_000, bytes: amount });

/** A server with something of everything. */
function busy(): EndReport {
  const rates = { in: bytes(1_250_000), out: bytes(320_000) };
  const peers = Array.from({ length: 12 }, (_, i) =>
    peerStatus({
      peer: `student-${i} (AQEBAQE${i % 10}…)`,
      publicKey: keyText(new Uint8Array(32).fill(i + 1)),
      ...(i % 4 === 3 && { up: false, why: 'goodbye', roundTrip: null, loss: null }),
      address: i % 2 === 0 ? '192.0.2.17:51820' : '[2001:db8:1234:5678::9abc]:51820',
      rates: { over5s: rates, over60s: rates },
      refused: i === 2 ? { replayed: 14, 'policy: mac': 3 } : {},
      policy: 'isolated rate=20mbit guard',
    }),
  );
  return endStatus({
    ...{ peers, carried: { in: bytes(7_654_321_000), out: bytes(1_234_567_000) } },
    rates: { over5s: rates, over60s: rates },
    refused: { frames: { replayed: 14, 'policy: mac': 3 }, handshakes: { 'bad mac1': 2 } },
    pending: [
      {
        publicKey: keyText(new Uint8Array(32).fill(99)),
        address: '198.51.100.7:40000',
        first: '2026-01-01T00:00:00.000Z',
        last: '2026-01-01T00:00:00.000Z',
        times: 5,
      },
    ],
  });
}

const LOOKS = [390, 1280].flatMap((width) =>
  (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })),
);

test.each(LOOKS)(
  'at $width px, $colorScheme: all is there for everybody, nothing is cut off',
  async (look) => {
    const { width, colorScheme } = look;
    busyFor(100);
    for (const path of ['', `?peer=${encodeURIComponent(report.peers[2]?.publicKey ?? '')}`]) {
      await openIt(path, { viewport: { width, height: 900 }, colorScheme, bypassCSP: true });
      await page.screenshot({
        path: join(pictures, `live-${path === '' ? 'end' : 'peer'}-${width}-${colorScheme}.png`),
        fullPage: true,
      });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      await page.addScriptTag({ content: axe });
      const { violations } = await page.evaluate(() =>
        (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
      );
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual(
        [],
      );
      expect(complaints).toEqual([]);
      if (path === '') await page.context().close();
    }
  },
);

test('it keeps itself new; what has the focus keeps it; when the end has gone that is said', async () => {
  await openIt();
  const [first] = report.peers;
  const link = page.locator('tbody a').first();
  await link.focus();
  report = {
    ...report,
    up: false,
    why: 'no switch',
    peers: [peerStatus({ ...first, up: false, why: 'silent' })],
  };
  busyFor(1);
  await page.locator('.down', { hasText: 'silent' }).waitFor();
  expect(await page.textContent('dl')).toContain('down: no switch');
  expect(await page.locator('tbody').first().locator('tr').count()).toBe(1);
  expect(await link.evaluate((element) => element === document.activeElement)).toBe(true);
  expect(await page.isVisible('#lost')).toBe(false);
  expect(new Set(asked.map((url) => new URL(url).pathname))).toEqual(
    new Set(['/', '/style.css', '/live.js', '/events']),
  );
  expect(complaints).toEqual([]);
  await served.close();
  await page.locator('#lost').waitFor();
});

test('without its script it shows the same, once', async () => {
  await openIt('', { javaScriptEnabled: false });
  expect(await page.locator('tbody').first().locator('tr').count()).toBe(12);
  await page.locator('tbody a').first().click();
  expect(await page.textContent('h1')).toContain('student-0');
});

test('a real cable: its client is up, what it sends is drawn, and it is gone', async () => {
  vi.useRealTimers();
  const [mine, theirs] = [newPrivateKey(), newPrivateKey()];
  const common = { io: 'portable', bind: '127.0.0.1' } as const;
  const far: MemoryPort = memoryPort(() => {});
  const near: MemoryPort = memoryPort(() => {});
  const peers = [{ publicKey: keyText(publicKeyOf(theirs)), name: 'anna' }];
  const end: Server = await serve({
    ...{ ...common, port: 0, plug: far.open, classic: false, secure: { privateKey: mine, peers } },
  });
  let client: Client | undefined;
  try {
    const live = await openPage({
      ...{ place: { host: '127.0.0.1', port: 0 }, token: undefined, program: '1', log: SILENT },
      report: () => end.report(),
    });
    await served.close();
    served = live;
    await openIt();
    await page.locator('.down', { hasText: 'not yet up' }).waitFor();
    client = await connect({
      ...{ ...common, host: '127.0.0.1', port: end.local.port, plug: near.open },
      secure: { privateKey: theirs, serverPublicKey: keyText(publicKeyOf(mine)) },
    });
    await page.locator('tbody .up').waitFor();
    await until('it is drawn', async () => {
      for (let i = 0; i < 50; i++) near.send(new Uint8Array(1_000).fill(2));
      return /[\d.]+ [kMG]B\/s/.test((await page.textContent('.key.in')) ?? '');
    });
    await client.close();
    await page.locator('.down', { hasText: 'said goodbye' }).waitFor();
    expect(complaints).toEqual([]);
  } finally {
    await client?.close();
    await end.close();
  }
});
