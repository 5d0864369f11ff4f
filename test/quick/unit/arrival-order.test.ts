// Which datagrams of one receive go first, by the rule alone.
import { expect, test } from 'vitest';
import { ArrivalOrder, NOBODY } from '../../../src/cable/native/thread/arrival-order.js';
import { SHARE_MIN } from '../../../src/protocol/fair-share.js';

const MOST = 8;
const PIECE = 40;

/** Messages as [session, datagrams]: the order in which they are worked on. */
function arranged(order: ArrivalOrder, messages: readonly (readonly [number, number])[]): number[] {
  order.begin();
  for (const [session, datagrams] of messages) order.note(session, datagrams);
  order.arrange();
  return messages.map((_, place) => order.at(place));
}

test('who brings few goes before who brings many, and each in the order of its own', () => {
  const order = new ArrivalOrder(MOST);
  const few = [2, 1] as const;
  const many = [1, PIECE] as const;
  expect(arranged(order, [many, few, many, [3, SHARE_MIN], many, few])).toEqual([1, 3, 5, 0, 2, 4]);
});

test('few is what a session brings in all its messages together', () => {
  const half = [1, SHARE_MIN / 2] as const;
  const order = new ArrivalOrder(MOST);
  expect(arranged(order, [[2, PIECE], half, half])).toEqual([1, 2, 0]);
  expect(arranged(order, [[2, PIECE], half, half, half])).toEqual([0, 1, 2, 3]);
});

test('what is no datagram of a link goes before none of them', () => {
  const order = new ArrivalOrder(MOST);
  expect(
    arranged(order, [
      [NOBODY, 1],
      [NOBODY, 1],
      [1, 1],
    ]),
  ).toEqual([2, 0, 1]);
});

test('it is as they came until it is arranged, and again with the next ones', () => {
  const order = new ArrivalOrder(MOST);
  arranged(order, [
    [1, PIECE],
    [2, 1],
  ]);
  order.begin();
  order.note(1, 1);
  order.note(2, PIECE);
  expect([order.at(0), order.at(1)]).toEqual([0, 1]);
  order.arrange();
  expect([order.at(0), order.at(1)]).toEqual([0, 1]);
});
