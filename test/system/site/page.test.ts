import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../../../lab/chromium.js';
import manifest from '../../../package.json' with { type: 'json' };
import blowfish from '../../../vectors/foreign/capture-blowfish.json' with { type: 'json' };
import wolfssl from '../../../vectors/foreign/capture-chacha-wolfssl.json' with { type: 'json' };
import { Cable } from '../../quick/unit/core/twins.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const url = pathToFileURL(join(root, 'build/site/index.html')).href;
const pictures = join(root, 'build/site-pictures');

let browser: Browser;
let folder: string;
beforeAll(async () => {
  execFileSync(process.execPath, [join(root, 'scripts/site.mjs')], { stdio: 'inherit' });
  mkdirSync(pictures, { recursive: true });
  folder = mkdtempSync(join(tmpdir(), 'cryptcab-site-'));
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

/** What the page asked for, and what it complained of. */
let asked: string[] = [];
let complaints: string[] = [];
let page: Page;

async function openPage(options: BrowserContextOptions = {}): Promise<void> {
  asked = [];
  complaints = [];
  page = await browser.newPage(options);
  page.on('request', (request) => asked.push(request.url()));
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(url);
  await page.waitForFunction(() => document.querySelector('#verdict')?.textContent !== '');
}

afterEach(async () => {
  await page?.context().close();
  expect(asked).toEqual([url]);
  expect(complaints).toEqual([]);
});

const textOf = async (selector: string): Promise<string> => (await page.textContent(selector)) ?? '';
const hexBuilt = (): Promise<string> => page.inputValue('#built-hex');
const byte = (at: number) => page.locator('#flips button').nth(at);

interface Capture {
  readonly testGroups: readonly { key: string; tests: readonly { datagram: string }[] }[];
}

const keyIn = ({ testGroups }: Capture): string => testGroups[0]?.key ?? '';
/** The DATA of a capture. */
const dataOf = ({ testGroups }: Capture): string[] =>
  testGroups
    .flatMap(({ tests }) => tests.map(({ datagram }) => datagram))
    .filter((hex) => hex.startsWith('20'));

describe('the page, opened from the disk', () => {
  it('builds what the C program sent, and shows how', async () => {
    await openPage();
    const datagram = dataOf(blowfish)[0] as string;
    const { frame, counter } = new Cable(Buffer.from(keyIn(blowfish), 'hex')).read(
      Buffer.from(datagram, 'hex'),
    );
    await page.fill('#frames', Buffer.from(frame).toString('hex'));
    await page.fill('#key', keyIn(blowfish));
    await page.fill('#counter', String(counter));
    expect(await hexBuilt()).toBe(datagram);
    expect(await page.inputValue('#iv')).toBe(keyIn(blowfish).slice(32));
    expect(await page.inputValue('#ethertype')).toBe('0800');
    expect(await textOf('#built-verdict')).toBe(`The core sealed the same ${datagram.length / 2} bytes.`);
    expect(await page.locator('.block').count()).toBe((datagram.length - 2) / 16);
    // Each block is mixed with the ciphertext of the one before.
    const lines = await page.locator('.block dd').allTextContents();
    expect(lines[5]?.replace(/.* {2}|chained /, '')).toBe(lines[3]?.replace('cipher ', ''));
    expect(await textOf('#verdict')).toBe(`Opened: a frame of ${frame.length} bytes.`);
    expect(await textOf('#again')).toContain('refused, replayed');
  });

  it('says which core it runs', async () => {
    await openPage();
    const digest = createHash('sha256');
    for (const name of ['cryptcab', 'handshake'])
      digest.update(readFileSync(join(root, `build/${name}.wasm`)));
    expect(await textOf('#digest')).toBe(digest.digest('hex'));
    expect(await textOf('#version')).toBe(manifest.version);
  });

  it('tells of a mistake beside the field, and keeps what was good', async () => {
    await openPage();
    const before = await hexBuilt();
    await page.fill('#destination', '52:54:zz:00:00:02');
    expect(await textOf('#destination-error')).toBe("'z' is no hex digit: take 0-9 and a-f");
    expect(await page.getAttribute('#destination', 'aria-invalid')).toBe('true');
    expect(await page.isVisible('#build-note')).toBe(true);
    expect(await hexBuilt()).toBe(before);
    await page.fill('#destination', '52:54:00:00:00:03');
    expect(await textOf('#destination-error')).toBe('');
    expect(await page.isVisible('#build-note')).toBe(false);
    expect(await page.inputValue('#frames')).toMatch(/^525400000003/);
    await page.fill('#text', 'x'.repeat(9300));
    expect(await textOf('#frames-error')).toBe('a frame has 14 to 9216 bytes; this has 9314');
    await page.fill('#text', 'shorter');
    expect(await textOf('#frames-error')).toBe('');
    expect(await page.inputValue('#frames')).toMatch(/^525400000003.*73686f72746572$/);
    await page.fill('#counter', '0');
    expect(await textOf('#counter-error')).toContain('the core seals nothing with this counter');
    await page.fill('#counter', '1');
    await page.fill('#key', '00');
    expect(await textOf('#key-error')).toBe('the key has 24 bytes; this has 1');
  });

  it('opens what was pasted, and refuses it when a bit is flipped', async () => {
    await openPage();
    await page.check('input[value="chacha20"]');
    const datagram = dataOf(wolfssl)[3] as string;
    await page.fill('#o-datagram', datagram);
    await page.fill('#o-key', keyIn(wolfssl));
    expect(await page.isChecked('#follow')).toBe(false);
    expect(await textOf('#verdict')).toBe(`Opened: a frame of ${datagram.length / 2 - 13} bytes.`);
    await byte(5).click();
    expect(await textOf('#verdict')).toMatch(/^Refused: bad checksum\./);
    expect(await page.locator('#reading mark').count()).toBe(1); // a stream cipher: the one bit alone
    await byte(5).click();
    expect(await textOf('#verdict')).toMatch(/^Opened/);
    await byte(0).click();
    expect(await textOf('#verdict')).toMatch(/^Refused: other type\./);
    await page.click('#restore');
    expect(await textOf('#verdict')).toMatch(/^Opened/);
    await page.selectOption('#o-block', '0');
    expect(await textOf('#verdict')).toMatch(/^Refused: bad checksum\./);
  });

  it('packs frames into one message of the secure cable, and refuses all of it for one bit, by keyboard', async () => {
    await openPage();
    await page.check('input[value="secure"]');
    const frames = await page.inputValue('#frames');
    await page.fill('#frames', `${frames}\n${frames}00\n`);
    expect(await textOf('#verdict')).toContain('2 frames go to the switch');
    await byte(0).focus();
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    expect(await textOf('#verdict')).toMatch(/^Refused: decrypt failed\./);
    expect(await textOf('#reading-note')).toBe('Nothing. What has no good tag is not decrypted.');
    await page.keyboard.press('Space');
    await page.keyboard.press('Home');
    for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    expect(await textOf('#verdict')).toMatch(/^Refused: unknown receiver index\./);
    await page.check('input[value="blowfish"]');
    expect(await textOf('#frames-error')).toBe('a classic datagram holds one frame: leave one line');
  });

  it('goes through its vectors, and none fails', async () => {
    await openPage();
    await page.click('#run');
    await page.waitForFunction(() => !(document.querySelector('#run') as HTMLButtonElement).disabled);
    expect(await textOf('#tally')).toMatch(/^[1-9][0-9]* passed, 0 failed$/);
    expect(await page.locator('#failures li').count()).toBe(0);
    expect(await page.locator('#results tbody').count()).toBe(await page.locator('[data-vectors]').count());
  });

  it('goes through a file of the visitor’s, and tells what fails', async () => {
    await openPage();
    const test = (tcId: number, crc: string) => ({
      tcId,
      comment: `c${tcId}`,
      msg: '313233343536373839',
      crc,
      result: 'valid',
    });
    const tests = [test(1, 'cbf43926'), test(2, 'cbf43927')];
    const good = join(folder, 'own.json');
    writeFileSync(
      good,
      JSON.stringify({
        algorithm: 'CRC-32',
        numberOfTests: 2,
        testGroups: [{ type: 'ChecksumTest', tests }],
      }),
    );
    const bad = join(folder, 'bad.json');
    writeFileSync(bad, '{');
    await page.setInputFiles('#own', [good, bad]);
    await page.waitForFunction(() => document.querySelector('#tally')?.textContent?.includes('could not'));
    expect(await textOf('#tally')).toBe('1 passed, 1 failed; 1 file could not be checked');
    expect(await page.locator('#failures li').allTextContents()).toEqual([
      'own.json, test 2 (c2): the checksum is cbf43926, not cbf43927',
    ]);
    expect(await textOf('#results')).toContain('no test vectors: this is no JSON');
  });

  it.each([
    ['desktop', 1280, 900, 'light'],
    ['desktop', 1280, 900, 'dark'],
    ['phone', 360, 740, 'light'],
    ['phone', 360, 740, 'dark'],
  ] as const)('fits a %s, %i × %i, %s', async (name, width, height, colorScheme) => {
    await openPage({ viewport: { width, height }, colorScheme });
    await byte(7).click();
    await page.click('#run');
    await page.waitForFunction(() => !(document.querySelector('#run') as HTMLButtonElement).disabled);
    for (const kind of ['blowfish', 'chacha20', 'secure']) {
      await page.check(`input[value="${kind}"]`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(wide).toBeLessThanOrEqual(width);
      const contrasts = await page.evaluate(poorContrast);
      expect(contrasts).toEqual([]);
      await page.screenshot({ path: join(pictures, `${name}-${colorScheme}-${kind}.png`), fullPage: true });
    }
  });
});

/** Run in the page: texts whose contrast with what is behind them is below WCAG's 4.5. */
function poorContrast(): string[] {
  const light = (colour: number[]): number => {
    const [r, g, b] = colour.slice(0, 3).map((part) => {
      const x = part / 255;
      return x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
    }) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const numbers = (colour: string): number[] => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const behind = (element: Element | null): number[] => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour[3] !== 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = new Set<string>();
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim());
    if (!own || element.closest(':disabled, .stale, script') !== null) continue;
    if (element.getClientRects().length === 0) continue;
    const [a, b] = [light(numbers(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) poor.add(`${element.tagName} .${element.className}: ${contrast.toFixed(2)}`);
  }
  return [...poor];
}
