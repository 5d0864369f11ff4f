// A client and a server of ours, with somebody between them who hands on what he likes, and his own besides.
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import type { ClientMode } from '../../../src/protocol/classic/client-terms.js';
import { ANSWER_RATE, CHALLENGE_BYTES } from '../../../src/protocol/classic/constants.js';
import { classify, deny } from '../../../src/protocol/classic/messages.js';
import { CIPHERS } from '../../../src/protocol/classic/session-key.js';
import { numbered } from '../protocol/examples.js';
import { Network, SimulatedClient, SimulatedServer } from '../protocol/simulated.js';
import { mutate, mutation } from './mutations.js';
import { anySeed, property } from './property.js';

const MINUTE = 60_000;
const ATTACK_MS = 10_000;

const attack = fc.record({
  /** When, ms after the attack began, and how often again. */
  at: fc.nat(ATTACK_MS),
  every: fc.constantFrom(ATTACK_MS, ATTACK_MS, 5_000, 2_000, 800, 300, 100),
  /** Changes to what was sent last, and to two DENYs; of these, so many from there on are sent. */
  mutations: fc.array(mutation, { maxLength: 4 }),
  first: fc.oneof(fc.constant(0), fc.nat(20)),
  count: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 5 })),
  to: fc.constantFrom('client', 'server'),
  /** In the name of the other end, or of a stranger, whom a client does not hear. */
  stranger: fc.boolean(),
});

const anything = fc.record({
  mode: fc.constantFrom('preshared', 'random'),
  cipher: fc.constantFrom(...CIPHERS),
  attacks: fc.array(attack, { maxLength: 12 }),
  loss: fc.constantFrom(0, 0, 0.3),
  /** How long a datagram takes at most, ms. */
  slowest: fc.constantFrom(10, 300),
  /** Since when the client is up, ms; before that it may believe a DENY and give up. */
  quiet: fc.constantFrom(2_000, 30_000),
  from: anySeed,
});

describe('a client and a server with an attacker between them', () => {
  const seen = { forged: 0, downs: 0 };
  property(
    'send no more than is answered once, and are up when he is gone',
    40,
    fc.property(anything, ({ mode, cipher, attacks, loss, slowest, quiet, from }) => {
      const net = new Network(from, { loss: 0, duplication: 0, delay: [1, 30] });
      const key = mode === 'preshared' ? numbered(44) : undefined;
      const own: ClientMode = key ? { kind: 'preshared', key: numbered(44) } : { kind: 'random' };
      const server = new SimulatedServer(net, key);
      const client = new SimulatedClient(net, server, { mode: own, cipher });
      const talk = () => {
        client.data();
        net.after(1_000, talk);
      };
      talk();
      net.run(quiet);
      expect(client.connected).toBe(true);

      let forged = 0;
      net.faults = { loss, duplication: loss / 3, delay: [1, slowest] };
      const begun = net.sent.length;
      const ups = client.ups;
      for (const { at, every, mutations, first, count, to, stranger } of attacks) {
        const strike = () => {
          const known = [deny(1), deny(137), ...net.sent.slice(-18).map(({ datagram }) => datagram)];
          const [here, there] = to === 'client' ? [server, client] : [client, server];
          const source = stranger ? { address: '203.0.113.9', port: 9 } : here.remote;
          const changed = mutate(known, mutations);
          const from = first % (changed.length + 1);
          for (const datagram of changed.slice(from, from + count)) {
            net.deliver(datagram, source, there.remote);
            forged++;
          }
        };
        for (let when = at; when < ATTACK_MS; when += every) net.after(when, strike);
      }
      net.run(ATTACK_MS + 1_000);
      const sent = net.sent.slice(begun);
      const count = (message: string) => sent.filter(({ datagram }) => classify(datagram) === message).length;
      const handshakes = 2 + (ATTACK_MS + 1_000) / 1_000;
      // A client logs in once a second at most; each LOGIN draws one encryption, sent again each second.
      expect(count('login')).toBeLessThanOrEqual(handshakes);
      expect(count('response')).toBeLessThanOrEqual(2 * handshakes);
      // A server answers each datagram once at most, whoever it is from; a source has its rate of CHALLENGEs.
      const { rate, burst } = ANSWER_RATE.source;
      expect(count('challenge')).toBeLessThanOrEqual(2 * (burst + 11 * rate));
      expect(sent.length).toBeLessThanOrEqual(2 * (forged + 6 * handshakes));
      const bytes = sent.reduce((sum, { datagram }) => sum + datagram.length, 0);
      expect(bytes).toBeLessThanOrEqual(sent.length * (2 + CHALLENGE_BYTES + 12));

      net.faults = { loss: 0, duplication: 0, delay: [1, 30] };
      expect(net.run(3 * MINUTE, () => client.connected)).toBe(true);
      // And it stays: nothing of the attack is left to happen.
      net.run(MINUTE);
      expect([client.connected, client.failed]).toEqual([true, undefined]);
      seen.forged += forged;
      if (client.ups > ups) seen.downs++;
    }),
    () => expect(Math.min(seen.forged, seen.downs)).toBeGreaterThan(0),
  );
});
