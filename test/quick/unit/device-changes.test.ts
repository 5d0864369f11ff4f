// What people change about a stock WireGuard device while its server runs: by commands, and by its line.
import { beforeEach, expect, test } from 'vitest';
import type { OpenPlug } from '../../../src/cable/plug/plug.js';
import { ListedPeers } from '../../../src/ends/peers/listed.js';
import { PeerPolicies } from '../../../src/ends/peers/peer-policies.js';
import { People } from '../../../src/ends/peers/people.js';
import type { SecureSide } from '../../../src/ends/secure-side.js';
import { keyText, newPrivateKey } from '../../../src/keys/key-text.js';
import { publicKeyOf } from '../../../src/keys/public-key.js';
import { type HostFields, parseHostText } from '../../../src/network/host.js';
import type { Remote } from '../../../src/protocol/remote.js';
import type { Peer } from '../../../src/protocol/secure/peer.js';
import { quiet } from '../../support/quiet.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();
const publicKey = publicKeyOf(newPrivateKey(bytes));
const key = keyText(publicKey);
const where = 'line 1 of the peers file';
const network = {} as OpenPlug['network'];
const plug = Object.assign(() => expect.unreachable(), { network }) as unknown as OpenPlug;

/** Peers that there are, and calls to them. */
const peers = new Map<Peer, HostFields | undefined>();
const calls: [Peer, Remote][] = [];
const side = {
  add(options: object, _: unknown, host: HostFields | undefined) {
    const peer = { name: '', endpoint: undefined, ...options } as unknown as Peer;
    peers.set(peer, host);
    return peer;
  },
  remove: (peer: Peer) => peers.delete(peer),
  recall: (peer: Peer, to: Remote) => calls.push([peer, to]),
  rename() {},
  linkOf: () => undefined,
  find: (text: string) => [...peers.keys()].find((peer) => keyText(peer.publicKey) === text),
  hostOf: (peer: Peer) => peers.get(peer),
  peers: () => [...peers.keys()].map((peer) => ({ peer, up: true })),
} as unknown as SecureSide;
const policies = new PeerPolicies({}, undefined, quiet);
const people = new People(
  () => ({
    ...{ side, plug, policies, log: quiet, store: undefined, directory: undefined },
    ...{ keeps: () => true, isListed: () => false, reload() {}, changed() {} },
    ...{ readOnly: () => undefined, untilListed() {}, lookout: undefined as never },
  }),
  () => false,
);

beforeEach(() => {
  peers.clear();
  calls.length = 0;
});

const host = (text: string) => parseHostText(text) as HostFields;

test('a device whose line changes is called where it was, as it does not know that its keys are gone', () => {
  const listed = new ListedPeers(side, policies, plug, quiet, true);
  const says = (ip: string) => listed.one(key, { where, publicKey, host: host(ip) });
  says('ip=10.0.0.7/24');
  says('ip=10.0.0.8/24');
  expect(calls).toEqual([]); // it has never been there
  const at = { address: '192.0.2.1', port: 40_000 };
  const [before] = peers.keys();
  (before as { endpoint?: Remote }).endpoint = at;
  says('ip=10.0.0.8/24'); // nothing has changed
  expect(calls).toEqual([]);
  says('ip=10.0.0.9/24');
  expect([...peers.keys()]).toEqual([calls[0]?.[0]]);
  expect(calls).toMatchObject([[{ publicKey }, at]]);
  expect(calls[0]?.[0]).not.toBe(before);
  listed.one(key, undefined);
  expect(calls).toHaveLength(1);
});

test.each(['mac=02:00:00:00:00:09', 'mac=', 'mac=no', 'isolated mac='])(
  'the MAC address of a device is no limit that can be set: %s',
  async (fields) => {
    side.add({ publicKey, name: 'phone' }, undefined, host('ip=10.0.0.7/24'));
    await expect(people.limit(key, fields)).rejects.toThrow(
      /^phone .* whose mac= is its own MAC address: change its line/,
    );
  },
);

test('of any other peer it is one, as the other fields are of a device', async () => {
  const peer = side.add({ publicKey, name: 'alice' });
  expect(await people.limit(key, 'mac=02:00:00:00:00:09')).toMatchObject({ policy: 'mac=02:00:00:00:00:09' });
  side.remove(peer);
  side.add({ publicKey, name: 'phone' }, undefined, host('ip=10.0.0.7/24'));
  expect(await people.limit(key, 'isolated')).toMatchObject({ policy: 'isolated' });
});

test('a name that is taken is refused, and what frees it is named', async () => {
  side.add({ publicKey, name: 'phone' });
  const other = { publicKey: keyText(publicKeyOf(newPrivateKey(bytes))), name: 'phone' };
  await expect(people.add(other)).rejects.toThrow(
    /^phone .* is called phone: choose another name, or first .* cryptcab peers remove phone$/,
  );
});
