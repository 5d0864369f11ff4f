// The model of many servers, held to what can be said without it.
import { expect, test } from 'vitest';
import { type FleetInputs, simulate } from '../../../bench/fleet-model.js';
import { randomness } from '../../support/seed.js';

const { next } = randomness();
const inputs: FleetInputs = {
  ...{ servers: 3, clients: 3_000, handshakes: 2_000, queue: 300 },
  ...{ noticed: [3, 4], again: [0.4, 0.7], renewed: 120, random: next },
};

test('servers with time enough have all clients as soon as these notice', () => {
  const { renewing, half, all } = simulate(inputs);
  expect(renewing).toBeCloseTo(3_000 / 3 / 120 / 2_000, 9);
  expect(half).toBeGreaterThan(3.4);
  expect(half).toBeLessThan(3.7);
  expect(all).toBeGreaterThan(3.9);
  expect(all).toBeLessThan(4.8);
});

test('where handshakes are what takes the time, it is as long as they take, and longer by calls in vain', () => {
  const clients = 90_000;
  const { all } = simulate({ ...inputs, clients });
  const least = clients / 3 / (2 * (2_000 - clients / 2 / 120));
  expect(all).toBeGreaterThan(least);
  expect(all).toBeLessThan(3 * least + 4);
});

test('servers that have no time left get nobody back', () => {
  expect(simulate({ ...inputs, clients: 600_000 }).all).toBeNaN();
});
