import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PortableLink } from '../../../src/cable/portable/portable-link.js';
import { keyText, newPrivateKey } from '../../../src/keys/key-text.js';
import { publicKeyOf } from '../../../src/keys/public-key.js';
import { PACE } from '../../../src/protocol/secure/constants.js';
import { SecureMachine } from '../../../src/protocol/secure/machine.js';
import type { Peer } from '../../../src/protocol/secure/peer.js';
import { datagramsOf } from '../../support/datagrams-of.js';
import { rounds } from '../../support/rounds.js';
import { batch, End, join, LEFT, RIGHT, settle } from '../../support/secure-ends.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();
let left: End;
let right: End;

/** Time passes, in steps of a second unless told, with what comes of it. */
async function pass(seconds: number, step = 1_000): Promise<void> {
  for (let ms = 0; ms < 1_000 * seconds; ms += step) {
    vi.advanceTimersByTime(step);
    await settle(left, right);
  }
}

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval', 'Date'] });
  [left, right] = [new End(newPrivateKey(bytes)), new End(newPrivateKey(bytes))];
  await join(left, right);
});

afterEach(async () => {
  await Promise.all([left.side.close(), right.side.close()]);
  vi.useRealTimers();
});

test('keys that the core has are wiped where they came from', async () => {
  await pass(200); // what there was has gone
  left.plugAgain();
  const install = vi.spyOn(PortableLink.prototype, 'install');
  const frame = bytes(60);
  left.port.send(frame);
  await settle(left, right);
  const installed = install.mock.calls.map(([, keys]) => keys);
  install.mockRestore();
  expect(right.frames).toEqual([frame]); // they were good ones
  expect(installed).toHaveLength(2); // at either end
  for (const { send, receive } of installed) {
    expect(Buffer.from(send).toString('hex')).toBe('00'.repeat(32));
    expect(Buffer.from(receive).toString('hex')).toBe('00'.repeat(32));
  }
});

test('a session that one end has ended comes back at once: the other one was told', async () => {
  const peer = right.side.find(keyText(publicKeyOf(left.privateKey))) as Peer;
  right.side.disconnect(peer);
  await settle(left, right);
  expect([right.side.isUp(peer), right.downs, left.downs]).toEqual([false, 1, 1]);
  await pass(2, 100); // a call that is repeated within a step would take the place of the one that is answered
  expect(right.side.isUp(peer)).toBe(true);
  right.plugAgain();
  const frame = bytes(60);
  left.port.send(frame);
  await settle(left, right);
  expect(right.frames).toEqual([frame]);
});

test('a port of the switch stays over every change of keys, and no frame is lost', async () => {
  const before = left.called.length + right.called.length;
  for (let i = 0; i < 120; i++) {
    left.port.send(bytes(60));
    right.port.send(bytes(60));
    await batch();
    await pass(5);
  }
  expect([left.frames.length, right.frames.length]).toEqual([120, 120]);
  expect([left.ups, right.ups, left.downs, right.downs]).toEqual([1, 1, 0, 0]);
  expect(right.side.statistics()).toMatchObject([{ opened: 120n, sealed: 120n }]);
  expect(left.called.length + right.called.length - before).toBeGreaterThanOrEqual(4); // one every two minutes
});

test('a flood of strangers’ handshakes: little of it is answered, and the keys of who is up are renewed all the same', async () => {
  const { publicKey } = right.side;
  const strangers = Array.from({ length: 20 }, () => {
    const machine = new SecureMachine({ privateKey: bytes(32), random: bytes, unixTime: () => 1e12 });
    machine.wanted(0, machine.addPeer(0, { publicKey, endpoint: RIGHT }));
    return datagramsOf(machine)[0] as Uint8Array;
  });
  await pass(110);
  let answered = 0;
  let renewed = 0;
  const seconds = rounds(80, 30); // the keys are two minutes old after ten of them
  for (let second = 0; second < seconds; second++) {
    left.port.send(bytes(60));
    vi.advanceTimersByTime(1_000);
    for (let i = 0; i < PACE.rate + 500; i++) {
      const from = { address: `198.51.100.${i & 255}`, port: i };
      right.receive(strangers[i % strangers.length] as Uint8Array, from);
    }
    const sent = right.sent.splice(0);
    const others = sent.filter(([type]) => type !== 3);
    answered += sent.length - others.length;
    right.sent.push(...others);
    renewed += (await settle(left, right)).filter(([type]) => type === 2).length;
  }
  expect(answered).toBeLessThanOrEqual((seconds + 1) * PACE.rate);
  expect(answered).toBeGreaterThan(1_000);
  expect(renewed).toBe(1);
  expect([left.downs, right.downs, right.frames.length]).toEqual([0, 0, seconds]);
}, 60_000);

test('handshakes for another end are reported once in ten minutes, however many come', async () => {
  const machine = new SecureMachine({ privateKey: bytes(32), random: bytes, unixTime: () => 1e12 });
  machine.wanted(0, machine.addPeer(0, { publicKey: publicKeyOf(bytes(32)), endpoint: RIGHT }));
  const [call] = datagramsOf(machine) as [Uint8Array];
  for (let second = 0; second < 900; second++) {
    for (let i = 0; i < 10; i++)
      right.receive(call, { address: `198.51.100.${i}`, port: 1 + (second % 60_000) });
    vi.advanceTimersByTime(1_000);
  }
  expect(right.misdirected).toEqual([1, 6_000]);
  expect(right.side.refused.get('bad mac1')).toBe(9_000n);
});

test('quiet for long, it is down and gives its port back; a frame brings it up again, and is carried', async () => {
  await pass(200);
  expect([left.downs, right.downs]).toEqual([1, 1]);
  expect(right.side.statistics()).toEqual([]);
  right.port.send(bytes(60)); // its port is given back: nobody takes it
  const frame = bytes(62);
  left.plugAgain();
  left.port.send(frame);
  await settle(left, right);
  expect([left.ups, right.ups]).toEqual([2, 2]);
  expect(right.frames).toEqual([frame]);
});

test('nobody answers: what waits is let go after 90 s, and the next frame calls again', async () => {
  await pass(200);
  left.plugAgain();
  for (let i = 0; i < 3; i++) left.port.send(bytes(60));
  await batch();
  let calls = 0;
  for (let i = 0; i < 120; i++) {
    vi.advanceTimersByTime(1_000);
    calls += left.sent.splice(0).length;
  }
  expect(calls).toBeGreaterThanOrEqual(15);
  left.port.send(bytes(62));
  await settle(left, right);
  expect(right.frames.map(({ length }) => length)).toEqual([62]);
});

/** A third end, which calls the right one by a name with these addresses; what it asked, time after time. */
async function caller(names: (times: number) => string[]): Promise<{ end: End; asked: () => number }> {
  const end = new End(newPrivateKey(bytes));
  let times = 0;
  await end.open(LEFT, async () => names(times++));
  right.side.add({ publicKey: publicKeyOf(end.privateKey) });
  end.side.add({ publicKey: publicKeyOf(right.privateKey) }, { host: 'right.example', port: RIGHT.port });
  while (end.sent.length === 0) await batch();
  return { end, asked: () => times };
}

/** Time passes, and what an end sends is lost. */
async function lose(end: End, seconds: number): Promise<void> {
  for (let i = 0; i < seconds * 4; i++) {
    vi.advanceTimersByTime(250);
    await batch();
    end.sent.splice(0);
  }
}

test('of several addresses, each that is silent is followed by the next within a moment', async () => {
  const dead = ['192.0.2.7', '192.0.2.8'];
  const { end } = await caller(() => [...dead, RIGHT.address]);
  await lose(end, 0.25);
  expect(end.called).toEqual(dead);
  vi.advanceTimersByTime(250);
  await batch();
  expect(end.called).toEqual([...dead, RIGHT.address]);
  await settle(end, right);
  expect(end.ups).toBe(1);
  // It stays where it was answered, over the next keys.
  for (let i = 0; i < 30; i++) {
    end.port.send(bytes(60));
    for (let second = 0; second < 5; second++) {
      vi.advanceTimersByTime(1_000);
      await settle(end, right);
    }
  }
  expect(new Set(end.called.slice(2))).toEqual(new Set([RIGHT.address]));
  expect(end.called.length).toBeGreaterThan(3);
  await end.side.close();
});

test('a link that is up is called elsewhere as well, and stays where it is until another address answers', async () => {
  const other = '192.0.2.7';
  const { end } = await caller(() => [RIGHT.address, other]);
  await settle(end, right);
  for (let second = 0; second < 105; second++) {
    if (second % 5 === 0) end.port.send(bytes(60));
    vi.advanceTimersByTime(1_000);
    await settle(end, right);
  }
  end.called.length = 0;
  end.port.send(bytes(60));
  for (let i = 0; end.called.length < 4; i++) {
    expect(i).toBeLessThan(200);
    end.port.send(bytes(60));
    await lose(end, 0.25);
  }
  expect(end.called).toEqual([RIGHT.address, other, other, RIGHT.address]);
  expect(end.side.statistics()[0]?.address).toBe(`${RIGHT.address}:${RIGHT.port}`);
  await end.side.close();
});

test('a name without an address is asked for until it has one, and no more when its peer is removed', async () => {
  vi.useRealTimers();
  const end = new End(newPrivateKey(bytes));
  const failed = Object.assign(new Error('none'), { code: 'ENOTFOUND' });
  let asked = () => {};
  const once = new Promise<void>((resolve) => {
    asked = resolve;
  });
  await end.open(LEFT, async () => {
    asked();
    throw failed;
  });
  const peer = end.side.add({ publicKey: publicKeyOf(right.privateKey) }, { host: 'right.example', port: 1 });
  await once;
  await batch();
  expect(end.side.trouble(peer)).toBe('cannot resolve right.example yet (no such host)');
  await end.side.close(); // does not wait for the name
  expect(end.called).toEqual([]);
});

test('a way that drops large datagrams: the end that misses them says so, once a minute, and names the option', async () => {
  left.plugAgain();
  let hole = true;
  const narrow = async (seconds: number) => {
    for (let i = 0; i < seconds; i++) {
      left.port.send(bytes(1514));
      await batch();
      if (hole) left.sent.splice(0, left.sent.length, ...left.sent.filter(({ length }) => length <= 1372));
      await settle(left, right);
      vi.advanceTimersByTime(1_000);
      await settle(left, right);
    }
  };
  await narrow(8);
  expect([left.warned, right.warned]).toEqual([[], []]);
  await narrow(32);
  expect(left.warned).toEqual([]);
  expect(right.warned).toEqual([
    expect.stringMatching(/^large datagrams of .* do not arrive.* secure\.pathMtu 1280$/),
  ]);
  hole = false;
  await narrow(120);
  expect(right.warned).toHaveLength(1);
  expect(right.frames.length).toBe(120);
});
