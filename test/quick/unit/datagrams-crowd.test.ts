// More datagrams than there is time for, in any order: on the native path, with a C library that is a double.
import { afterEach, expect, test, vi } from 'vitest';
import { rounds } from '../../support/rounds.js';
import { randomness } from '../../support/seed.js';
import { type End, scene } from './datagrams-scene.js';

afterEach(() => {
  vi.restoreAllMocks();
});

test('when there is no time for all, a peer that brings too much loses its own, before they are opened', async () => {
  const { peers, kernel, datagrams, pump, clock } = await scene(3);
  const [victim, ...greedy] = peers as [End, ...End[]];
  const { below } = randomness();
  // Each ms there is time for ten receives, and more than that comes.
  for (let now = 0; now < rounds(1_000, 100); now++) {
    clock.mockReturnValue(now);
    const bring = [victim, ...greedy.flatMap((one) => Array.from({ length: 150 }, () => one))];
    for (let i = bring.length - 1; i > 0; i--) {
      const j = below(i + 1);
      [bring[i], bring[j]] = [bring[j] as End, bring[i] as End];
    }
    for (const one of bring) one.send(1);
    kernel.incoming.splice(2_000);
    for (let receives = 0; receives < 10 && kernel.incoming.length > 0; receives++) {
      datagrams.receive();
      pump();
    }
  }
  expect(victim.counted().lost).toBe(0);
  for (const one of greedy) expect(one.counted().unopened).toBeGreaterThan(rounds(10_000, 1_000));
});
