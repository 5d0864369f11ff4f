// The log of two ends that do not come up: one line for each thing, whatever goes on for how long.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { keyText, newPrivateKey } from '../../../src/keys/key-text.js';
import { publicKeyOf } from '../../../src/keys/public-key.js';
import { SecureMachine } from '../../../src/protocol/secure/machine.js';
import { datagramsOf } from '../../support/datagrams-of.js';
import { batch, End, LEFT, RIGHT, settle } from '../../support/secure-ends.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();
let ends: End[] = [];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval', 'Date'] });
});

afterEach(async () => {
  await Promise.all(ends.map(({ side }) => side.close()));
  ends = [];
  vi.useRealTimers();
});

/** Two ends, the left one of which calls; `pass` lets time pass. */
async function open(keys: { left?: Uint8Array; right?: Uint8Array } = {}) {
  const [left, right] = [new End(newPrivateKey(bytes)), new End(newPrivateKey(bytes))];
  ends = [left, right];
  await left.open(LEFT);
  await right.open(RIGHT);
  const psk = (key: Uint8Array | undefined) => (key === undefined ? {} : { presharedKey: key });
  right.side.add({ publicKey: publicKeyOf(left.privateKey), name: 'left', ...psk(keys.right) });
  left.side.add(
    { publicKey: publicKeyOf(right.privateKey), name: 'right', ...psk(keys.left) },
    { host: RIGHT.address, port: RIGHT.port },
  );
  while (left.sent.length === 0) await batch(); // its address is looked up
  await settle(left, right);
  const pass = async (seconds: number) => {
    for (let i = 0; i < seconds; i++) {
      vi.advanceTimersByTime(1_000);
      await settle(left, right);
    }
  };
  return { left, right, pass };
}

test.each([
  ['the caller has one', true, false],
  ['the called has one', false, true],
  ['they differ', true, true],
])('a preshared key, %s: each end says it once a minute', async (_, mine, theirs) => {
  const { left, right, pass } = await open({
    ...(mine && { left: bytes(32) }),
    ...(theirs && { right: bytes(32) }),
  });
  await pass(50);
  expect(left.warned).toEqual([
    expect.stringMatching(/^right \(.{8}…\) answers with another preshared key: give both ends the same/),
  ]);
  expect(right.warned).toEqual([
    expect.stringMatching(/^left \(.{8}…\) does not finish the handshake: its preshared key is another one/),
  ]);
  expect([left.ups, right.ups]).toEqual([0, 0]);
});

test('a clock that is behind after a restart: one line a minute', async () => {
  const { left, right, pass } = await open();
  expect(right.ups).toBe(1);
  await left.side.close();
  const again = new SecureMachine({
    privateKey: left.privateKey,
    random: bytes,
    unixTime: () => Date.now() - 3_600_000,
  });
  const peer = again.addPeer(0, { publicKey: right.side.publicKey, endpoint: RIGHT });
  for (let i = 0; i < 24; i++) {
    again.wanted(performance.now(), peer);
    for (const datagram of datagramsOf(again)) right.receive(datagram, LEFT);
    await batch();
    await pass(5);
    again.tick(performance.now());
  }
  expect(right.warned).toHaveLength(2);
  for (const line of right.warned)
    expect(line).toMatch(/^the clock of left \(.{8}…\) is behind by about 1 hour, .* set it \(NTP\)/);
});

test("a stranger's key goes to the owner of the side, in full", async () => {
  const { right, pass } = await open();
  const stranger = new SecureMachine({ privateKey: bytes(32), random: bytes, unixTime: Date.now });
  const peer = stranger.addPeer(0, { publicKey: right.side.publicKey, endpoint: RIGHT });
  for (let i = 0; i < 20; i++) {
    stranger.wanted(performance.now(), peer);
    for (const datagram of datagramsOf(stranger)) right.receive(datagram, { address: '192.0.2.9', port: 9 });
    await batch();
    await pass(6);
  }
  expect(right.strangers).toEqual([`${keyText(stranger.publicKey)} 192.0.2.9`]);
});
