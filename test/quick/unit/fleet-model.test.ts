// The model of many servers, held to what can be said without it.
import { expect, test } from 'vitest';
import { type FleetInputs, simulate } from '../../../bench/fleet-model.js';
import { randomness } from '../../support/seed.js';

const { next } = randomness();
const inputs: FleetInputs = {
  ...{ servers: 3, clients: 3_000, handshakes: 2_000, arrival: 0, cores: 1, queue: 2_000 },
  ...{ noticed: [3, 4], again: [0.4, 0.7], renewed: 120, random: next },
};

test('servers with time enough have all clients as soon as these notice', () => {
  const { renewing, half, all } = simulate({ ...inputs, clients: 600 });
  expect(renewing).toBeCloseTo(600 / 3 / 120 / 2_000, 9);
  expect(half).toBeGreaterThan(3.4);
  expect(half).toBeLessThan(3.7);
  expect(all).toBeGreaterThan(3.9);
  expect(all).toBeLessThan(4.1);
});

test('where many call at once, most have to call again with a cookie', () => {
  const { half, all } = simulate(inputs);
  expect(half).toBeGreaterThan(3.7);
  expect(all).toBeGreaterThan(4.2);
  expect(all).toBeLessThan(5.5);
});

test('what a client costs besides its handshake counts, and more cores do more', () => {
  const arrival = 0.02;
  const { all } = simulate({ ...inputs, arrival });
  const least = 3 + (3_000 / 3 / 2) * (arrival + 1 / 2_000);
  expect(all).toBeGreaterThan(least);
  // Late calls are skipped: answers are to calls that wait for them still.
  expect(all).toBeLessThan(1.5 * least);
  expect(simulate({ ...inputs, arrival, cores: 4 }).all).toBeLessThan(all - 3);
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
