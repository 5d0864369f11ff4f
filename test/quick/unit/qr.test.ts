// The QR code of an invite, as a terminal shows it.
import decodeQR from 'qr/decode.js';
import { afterEach, expect, test } from 'vitest';
import { qrCode } from '../../../src/cli/qr.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();
const { columns } = process.stdout;
afterEach(() => {
  process.stdout.columns = columns;
});

/** Pixels for each of the code's. */
const SCALE = 4;
/** Of a character: its upper and its lower half, true where it is light. */
const HALVES: Readonly<Record<string, readonly boolean[]>> = {
  '█': [true, true],
  '▀': [true, false],
  '▄': [false, true],
  ' ': [false, false],
};

/** What a camera reads on that terminal. */
function readBack(shown: string): string {
  const lines = shown.trimEnd().split('\n');
  const light = lines.flatMap((line) => {
    // White on black, whatever the terminal's own colours are.
    const [before, after] = ['\x1b[40;97m', '\x1b[0m'];
    expect([line.startsWith(before), line.endsWith(after)]).toEqual([true, true]);
    const halves = [...line.slice(before.length, -after.length)].map((one) => HALVES[one] ?? []);
    return [halves.map(([upper]) => upper), halves.map(([, lower]) => lower)];
  });
  const [width, height] = [(light[0] as boolean[]).length * SCALE, light.length * SCALE];
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      data.fill(
        light[Math.floor(y / SCALE)]?.[Math.floor(x / SCALE)] ? 255 : 0,
        3 * (y * width + x),
        3 * (y * width + x + 1),
      );
  return decodeQR({ width, height, data });
}

test('a camera reads the line from it', async () => {
  process.stdout.columns = 200;
  const line = `cryptcab:1:${Buffer.from(bytes(150)).toString('base64url')}`;
  expect(readBack(await qrCode(line, () => expect.unreachable()))).toBe(line);
});

test('where it has no room it is not shown, and a line says how much it needs', async () => {
  const line = `cryptcab:1:${'x'.repeat(200)}`;
  const said: string[] = [];
  const shown = (columns: number) => {
    process.stdout.columns = columns;
    return qrCode(line, (one) => said.push(one));
  };
  expect(await shown(40)).toBe('');
  const [, needed] =
    /^no QR code is shown: it needs a terminal of (\d+) columns, and this one has 40$/.exec(said[0] ?? '') ??
    [];
  expect(await shown(Number(needed) - 1)).toBe('');
  expect(readBack(await shown(Number(needed)))).toBe(line);
  expect(said).toHaveLength(2);
});
