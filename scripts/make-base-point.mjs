// Writes assembly/base-point-table.ts: multiples of X25519's base point, as assembly/base-point.ts wants them. They are computed from
// the curve's equation, so that nobody has to trust 36 KiB of numbers.
import { writeFileSync } from 'node:fs';

const P = 2n ** 255n - 19n;
const ROWS = 32;
const COLUMNS = 8;

const mod = (number) => ((number % P) + P) % P;

function power(base, exponent) {
  let result = 1n;
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n, square = mod(square * square))
    if (rest & 1n) result = mod(result * square);
  return result;
}

const inverse = (number) => power(number, P - 2n);
const D = mod(-121665n * inverse(121666n));

/** On -x² + y² = 1 + d·x²·y² (RFC 8032 §5.1), in affine coordinates. */
function sum([x1, y1], [x2, y2]) {
  const all = mod(D * mod(x1 * x2) * mod(y1 * y2));
  return [
    mod((x1 * y2 + x2 * y1) * inverse(mod(1n + all))),
    mod((y1 * y2 + x1 * x2) * inverse(mod(1n - all))),
  ];
}

/** The point whose u is 9, which is y = 4/5, with the even x (RFC 8032 §5.1). */
function basePoint() {
  const y = mod(4n * inverse(5n));
  const square = mod((y * y - 1n) * inverse(mod(D * y * y + 1n)));
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x) !== square) x = mod(x * power(2n, (P - 1n) / 4n));
  return [x & 1n ? P - x : x, y];
}

/** The limbs of a number as assembly/field.ts has them, each as a multiple of its place: 22, 21, 21 and 21 bits in turn, with a sign. */
function limbs(number) {
  let rest = number;
  return Array.from({ length: 12 }, (_, i) => {
    if (i === 11) return rest;
    const width = i % 4 === 0 ? 22 : 21;
    const limb = BigInt.asIntN(width, rest);
    rest = (rest - limb) >> BigInt(width);
    return limb;
  });
}

/** @param {string} path the file to write */
export function writeBasePoint(path) {
  const lines = [];
  let first = basePoint();
  for (let row = 0; row < ROWS; row++) {
    let point = first;
    for (let column = 0; column < COLUMNS; column++) {
      const [x, y] = point;
      for (const number of [mod(y + x), mod(y - x), mod(2n * D * mod(x * y))])
        lines.push(`  ${limbs(number).join(', ')},`);
      point = sum(point, first);
    }
    for (let i = 0; i < 8; i++) first = sum(first, first); // 256 times
  }
  writeFileSync(
    path,
    `// Made by scripts/make-base-point.mjs; not kept in git.\n// For each of 32 powers of 256 its multiples 1 to 8: y + x, y - x, 2d·x·y.\nexport const BASE_TABLE: usize = memory.data<i32>(\n  [\n${lines.join('\n')}\n  ],\n  16,\n);\n\nexport const TWICE_D: usize = memory.data<i32>([${limbs(mod(2n * D)).join(', ')}], 16);\n`,
  );
}
