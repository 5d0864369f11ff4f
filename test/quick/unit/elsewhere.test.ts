// Whether a silent server answers at another of its addresses: on sockets and a clock of the test's own.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Elsewhere } from '../../../src/cable/udp/elsewhere.js';
import type { OpenUdp, UdpEvents } from '../../../src/cable/udp/udp.js';
import { deny } from '../../../src/protocol/classic/messages.js';
import { ATTEMPT_DELAY } from '../../../src/protocol/race.js';
import type { Remote } from '../../../src/protocol/remote.js';

interface Socket {
  readonly events: UdpEvents;
  readonly bind: string | undefined;
  to?: Remote;
  sent: number[];
  open: boolean;
}

const sockets: Socket[] = [];
const OTHERS = ['192.0.2.1', '2001:db8::1', '192.0.2.2'].map((address) => ({ address, port: 7667 }));
const NO_WAY = OTHERS[1] as Remote;
const told = vi.fn();
let elsewhere: Elsewhere;

const openUdp: OpenUdp = async (port, events, wish) => {
  expect(port).toBe(0);
  const socket: Socket = { events, bind: wish?.bind, sent: [], open: true };
  sockets.push(socket);
  return {
    local: { address: '::', port: 1 },
    async connect(to) {
      if (to === NO_WAY) throw new Error('no route');
      socket.to = to;
      return to;
    },
    send: (bytes, start, length) => socket.sent.push(...bytes.subarray(start, start + length)),
    async close() {
      socket.open = false;
    },
  };
};

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const asked = () => sockets.map(({ to }) => to?.address);
const open = () => sockets.filter((socket) => socket.open).length;

beforeEach(() => {
  sockets.length = 0;
  told.mockClear();
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
  elsewhere = new Elsewhere(openUdp, '::', told);
});

afterEach(async () => {
  await elsewhere.close();
  vi.useRealTimers();
  expect(open()).toBe(0);
});

test('asks one after the other, each by a KEEPALIVE from a socket of its own', async () => {
  elsewhere.ask(OTHERS);
  await pass(ATTEMPT_DELAY - 1);
  expect(asked()).toEqual([]);
  await pass(1);
  expect(asked()).toEqual(['192.0.2.1']);
  await pass(2 * ATTEMPT_DELAY);
  expect(asked()).toEqual(['192.0.2.1', undefined, '192.0.2.2']); // there is no way to the second
  expect(sockets.map(({ sent, bind }) => [sent, bind])).toEqual([
    [[0x4f], '::'],
    [[], '::'],
    [[0x4f], '::'],
  ]);
  await pass(60_000);
  expect([sockets.length, open(), told.mock.calls.length]).toEqual([3, 2, 0]);
});

test('the first that answers is told, once; nobody is asked any more', async () => {
  elsewhere.ask(OTHERS);
  await pass(3 * ATTEMPT_DELAY);
  const [first, , last] = sockets as [Socket, Socket, Socket];
  last.events.datagram(deny(1), last.to as Remote);
  expect(elsewhere.answered).toBe(OTHERS[2]);
  first.events.datagram(deny(1), first.to as Remote);
  await pass(60_000);
  expect([elsewhere.answered, told.mock.calls.length, sockets.length, open()]).toEqual([OTHERS[2], 1, 3, 0]);
});

test('an answer ends the asking before all were asked', async () => {
  elsewhere.ask(OTHERS);
  await pass(ATTEMPT_DELAY);
  sockets[0]?.events.datagram(deny(1), OTHERS[0] as Remote);
  await pass(60_000);
  expect([elsewhere.answered, sockets.length]).toEqual([OTHERS[0], 1]);
});

test('when it is told to stop it asks nobody and hears nothing', async () => {
  elsewhere.ask(OTHERS);
  await pass(ATTEMPT_DELAY);
  elsewhere.stop();
  sockets[0]?.events.datagram(deny(1), OTHERS[0] as Remote);
  await pass(60_000);
  expect([elsewhere.answered, told.mock.calls.length, sockets.length, open()]).toEqual([undefined, 0, 1, 0]);
});

test('asks anew, of others; what was asked before counts no more', async () => {
  elsewhere.ask(OTHERS);
  await pass(ATTEMPT_DELAY);
  const before = sockets[0] as Socket;
  elsewhere.ask([OTHERS[2] as Remote]);
  before.events.datagram(deny(1), OTHERS[0] as Remote);
  expect(elsewhere.answered).toBeUndefined();
  await pass(ATTEMPT_DELAY);
  expect(asked()).toEqual(['192.0.2.1', '192.0.2.2']);
});

test('where there is no other address there is nobody to ask', async () => {
  elsewhere.ask([]);
  await pass(60_000);
  expect(sockets).toEqual([]);
});
