// Steps of the Montgomery ladder, with the names of RFC 7748 §5: of one computation, and of two side by side. Constant-time, as field.ts is.
import { add, ELEMENT, exchanged, multiply, multiplyBy, scale, square } from './field';
import { FIXED, ROOM } from './handshake-layout';

/** (486662 - 2) / 4 */
export const A24: f64 = 121665;
/** Between the limbs of a number. */
const LIMB: usize = 16;
/** What follows is of one limb; a step does it to all twelve, three in a turn, as a turn has a price of its own. */
const TURN: usize = 3 * LIMB;

/** x + z and x - z. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function sumFirst(pair: v128): v128 {
  return f64x2.add(v128.xor(pair, i64x2(0, i64.MIN_VALUE)), exchanged(pair));
}

/** x - z and x + z. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function sumLast(pair: v128): v128 {
  return f64x2.add(v128.xor(exchanged(pair), i64x2(i64.MIN_VALUE, 0)), pair);
}

// Of one computation, an element has two numbers that are treated alike.
export const X2Z2: usize = ROOM;
export const X3Z3: usize = ROOM + ELEMENT;
/** A and B, then AA and BB. */
const AB: usize = ROOM + 2 * ELEMENT;
/** D and C, then DA and CB, then what becomes X3 and Z3. */
export const DC: usize = ROOM + 3 * ELEMENT;
/** (DA - CB)² and E, then Z3 and a24 · E. */
export const LATE: usize = ROOM + 4 * ELEMENT;
/** Factors of X2 and Z2. */
const LEFT: usize = ROOM + 5 * ELEMENT;
const RIGHT: usize = ROOM + 6 * ELEMENT;

/** Exchanges the two points where mask is -1, and makes A, B, C and D. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function begin(at: usize, mask: v128): void {
  const two = v128.load(X2Z2 + at);
  const three = v128.load(X3Z3 + at);
  const difference = v128.and(mask, v128.xor(two, three));
  v128.store(AB + at, sumFirst(v128.xor(two, difference)));
  v128.store(DC + at, sumLast(v128.xor(three, difference)));
}

/** Makes DA + CB and DA - CB. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function combine(at: usize): void {
  v128.store(DC + at, sumFirst(v128.load(DC + at)));
}

/** Makes what is multiplied by X1 and a24, and AA and E. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function subtractSquares(at: usize): void {
  const squares = v128.load(AB + at);
  const e = f64x2.sub(squares, exchanged(squares)); // and its negative
  v128.store(LATE + at, i64x2.shuffle(v128.load(DC + at), e, 1, 2));
  v128.store(LEFT + at, i64x2.shuffle(squares, e, 0, 2));
}

/** Makes BB and AA + a24 · E, and X3 and Z3. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function end(at: usize): void {
  const late = v128.load(LATE + at);
  v128.store(RIGHT + at, f64x2.add(exchanged(v128.load(AB + at)), v128.and(late, i64x2(0, -1))));
  v128.store(X3Z3 + at, i64x2.shuffle(v128.load(DC + at), late, 0, 2));
}

/** One step of the ladder. @param swap -1 where the two points are exchanged before it, otherwise 0 */
export function step(swap: i64): void {
  const mask = i64x2.splat(swap);
  for (let at: usize = 0; at < ELEMENT; at += TURN) {
    begin(at, mask);
    begin(at + LIMB, mask);
    begin(at + 2 * LIMB, mask);
  }
  multiply(DC, DC, AB);
  square(AB, AB);
  for (let at: usize = 0; at < ELEMENT; at += TURN) {
    combine(at);
    combine(at + LIMB);
    combine(at + 2 * LIMB);
  }
  square(DC, DC);
  for (let at: usize = 0; at < ELEMENT; at += TURN) {
    subtractSquares(at);
    subtractSquares(at + LIMB);
    subtractSquares(at + 2 * LIMB);
  }
  multiplyBy(LATE, LATE, FIXED);
  for (let at: usize = 0; at < ELEMENT; at += TURN) {
    end(at);
    end(at + LIMB);
    end(at + 2 * LIMB);
  }
  multiply(X2Z2, LEFT, RIGHT);
}

// Of two computations, an element has a number of either.
export const X2: usize = ROOM;
export const Z2: usize = ROOM + ELEMENT;
export const X3: usize = ROOM + 2 * ELEMENT;
export const Z3: usize = ROOM + 3 * ELEMENT;
export const A: usize = ROOM + 4 * ELEMENT;
export const B: usize = ROOM + 5 * ELEMENT;
const C: usize = ROOM + 6 * ELEMENT;
const D: usize = ROOM + 7 * ELEMENT;
const E: usize = ROOM + 8 * ELEMENT;

/** As begin() does. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function beginBoth(at: usize, mask: v128): void {
  let x2 = v128.load(X2 + at);
  let z2 = v128.load(Z2 + at);
  let x3 = v128.load(X3 + at);
  let z3 = v128.load(Z3 + at);
  const x = v128.and(mask, v128.xor(x2, x3));
  const z = v128.and(mask, v128.xor(z2, z3));
  x2 = v128.xor(x2, x);
  z2 = v128.xor(z2, z);
  x3 = v128.xor(x3, x);
  z3 = v128.xor(z3, z);
  v128.store(A + at, f64x2.add(x2, z2));
  v128.store(B + at, f64x2.sub(x2, z2));
  v128.store(C + at, f64x2.add(x3, z3));
  v128.store(D + at, f64x2.sub(x3, z3));
}

/** Makes DA + CB, DA - CB and E. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function combineBoth(at: usize): void {
  const da = v128.load(D + at);
  const cb = v128.load(C + at);
  v128.store(X3 + at, f64x2.add(da, cb));
  v128.store(Z3 + at, f64x2.sub(da, cb));
  v128.store(E + at, f64x2.sub(v128.load(A + at), v128.load(B + at)));
}

/** One step of two ladders. @param first, second as step() takes it */
export function stepBoth(first: i64, second: i64): void {
  const mask = i64x2.replace_lane(i64x2.splat(first), 1, second);
  for (let at: usize = 0; at < ELEMENT; at += TURN) {
    beginBoth(at, mask);
    beginBoth(at + LIMB, mask);
    beginBoth(at + 2 * LIMB, mask);
  }
  multiply(D, D, A); // DA
  multiply(C, C, B); // CB
  square(A, A); // AA
  square(B, B); // BB
  for (let at: usize = 0; at < ELEMENT; at += TURN) {
    combineBoth(at);
    combineBoth(at + LIMB);
    combineBoth(at + 2 * LIMB);
  }
  square(X3, X3);
  square(Z3, Z3);
  scale(Z2, E, A24);
  multiply(X2, A, B);
  add(Z2, Z2, A);
  multiplyBy(Z3, Z3, FIXED);
  multiply(Z2, Z2, E);
}

