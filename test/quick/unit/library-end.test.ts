// An end of a cable as an object, round a cable that is only told of: what becomes of it, and in which order.
import { expect, test } from 'vitest';
import { deferred } from '../../../src/deferred.js';
import type { Captures } from '../../../src/ends/capture/captures.js';
import type { Running } from '../../../src/ends/running.js';
import { CryptcabError } from '../../../src/error.js';
import { begin, CableEnd } from '../../../src/library/end.js';
import type { AnyCableEvent, Notices } from '../../../src/library/events.js';
import { optionName } from '../../../src/options/name.js';
import { endStatus } from '../../support/status.js';

class TestEnd extends CableEnd {}

/** A cable that works and fails when it is told to. */
function cable() {
  const ready = deferred();
  const ended = deferred();
  const state = { closed: 0, notices: undefined as Notices | undefined };
  const running: Running = {
    local: { address: '::', port: 1 },
    io: 'none',
    trouble: () => undefined,
    ready: ready.promise.then(() => undefined),
    ended: ended.promise,
    statistics: () => [],
    refusals: () => new Map([['bad mac1', 2n ** 63n]]),
    report: () => ({ ...endStatus(), plug: { locator: 'x', open: false, trouble: optionName('plug') } }),
    ping: () => expect.unreachable(),
    captures: undefined as unknown as Captures,
    async close() {
      state.closed++;
      ended.resolve();
    },
  };
  const start = (signal?: AbortSignal) =>
    begin(
      TestEnd,
      async (notices) => {
        state.notices = notices;
        return running;
      },
      (one) => one.ready,
      signal,
    );
  return { start, ready, ended, state };
}

const turn = () => new Promise<void>((resolve) => setTimeout(resolve));
const PEER = { peer: 'a', address: 'a:1', cipher: 'plain' } as const;

function heard(end: CableEnd): AnyCableEvent[] {
  const events: AnyCableEvent[] = [];
  for (const type of ['up', 'down', 'close'] as const)
    end.addEventListener(type, (event) => events.push(event));
  return events;
}

test('what happens while it starts is told when somebody can listen, in order', async () => {
  const { start, ready, state } = cable();
  const starting = start();
  await turn();
  state.notices?.up(PEER);
  ready.resolve();
  const end = await starting;
  state.notices?.down({ peer: 'a' }, 'expired');
  const events = heard(end);
  expect(events).toEqual([]);
  await turn();
  expect(events.map(({ type, detail }) => [type, detail])).toEqual([
    ['up', PEER],
    ['down', { peer: 'a', why: 'expired' }],
  ]);
});

test('one that cannot go on is taken down, and says why', async () => {
  const { start, ready, ended, state } = cable();
  ready.resolve();
  const end = await start();
  const events = heard(end);
  const error = new CryptcabError('the I/O thread has ended');
  ended.reject(error);
  await expect(end.closed).rejects.toBe(error);
  expect(state.closed).toBe(1);
  await turn();
  expect(events.map(({ type, detail }) => [type, detail])).toEqual([['close', { error }]]);
});

test('closing twice is closing once; what came before is told, and nothing after but the close', async () => {
  const { start, ready, state } = cable();
  ready.resolve();
  const end = await start();
  const events = heard(end);
  state.notices?.up(PEER);
  const closing = [end.close(), end[Symbol.asyncDispose]()];
  state.notices?.down({ peer: 'a' }, 'removed');
  await Promise.all([...closing, end.closed]);
  await turn();
  expect(state.closed).toBe(1);
  expect(events.map(({ type }) => type)).toEqual(['up', 'close']);
});

test.each<[string, (start: ReturnType<typeof cable>, abort: AbortController) => void, string]>([
  ['its plug fails', ({ ready }) => ready.reject(new CryptcabError('no switch')), 'no switch'],
  ['it cannot go on', ({ ended }) => ended.reject(new CryptcabError('no more')), 'no more'],
  ['it is aborted', (_cable, abort) => abort.abort(new Error('enough')), 'enough'],
])('nothing is left running when %s while it starts', async (_what, happen, why) => {
  const fake = cable();
  const abort = new AbortController();
  const starting = fake.start(abort.signal);
  await turn();
  happen(fake, abort);
  await expect(starting).rejects.toThrow(why);
  expect(fake.state.closed).toBe(1);
});

test('once it has ended, its signal is of no account', async () => {
  const { start, ready, state } = cable();
  const abort = new AbortController();
  ready.resolve();
  const end = await start(abort.signal);
  await end.close();
  abort.abort();
  expect(state.closed).toBe(1);
});

test('a listener can be taken away; counts are 64 bits wide', async () => {
  const { start, ready, state } = cable();
  ready.resolve();
  const end = await start();
  await turn();
  let times = 0;
  const listener = () => times++;
  end.addEventListener('up', listener);
  state.notices?.up(PEER);
  end.removeEventListener('up', listener);
  state.notices?.up(PEER);
  expect(times).toBe(1);
  expect(end.stats()).toEqual({ peers: [], refused: { 'bad mac1': 2n ** 63n } });
});

test('what it says of itself calls options as the library does', async () => {
  const { start, ready, state } = cable();
  ready.resolve();
  const end = await start();
  expect(end.report().plug.trouble).toBe('plug');
  await end.close();
  expect(state.closed).toBe(1);
});
