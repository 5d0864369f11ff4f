// What vectors of the classic protocol do with the program, to be made and to be checked.
import type { Keying } from '../core/terms.js';
import { ClassicClient } from '../protocol/classic/client.js';
import { ClassicServer } from '../protocol/classic/server.js';
import type { Random } from '../protocol/classic/session-key.js';
import type { Remote } from '../protocol/remote.js';
import { copyKey } from '../protocol/secret.js';
import { FieldError, type Fields } from './fields.js';
import type { Tools } from './tools.js';

/** Addresses kept for examples (RFC 5737). */
export const CLIENT: Remote = { address: '192.0.2.2', port: 40000 };

/** How a test's datagrams are sealed: `suite`, and for it `key` (that is: the key file) and `block`. */
export function keyingOf(fields: Fields): Keying {
  const suite = fields.text('suite');
  if (suite === 'plain') return { suite };
  const key = fields.bytes('key');
  if (suite === 'blowfish' && key.length >= 24) return { suite, key };
  const block = suite === 'chacha20' && key.length >= 32 ? fields.number('block') : undefined;
  if (block === 0 || block === 12) return { suite: 'chacha20', key, block };
  throw new FieldError('lacks a suite (blowfish, chacha20 or plain) with its key and block');
}

/** One end's counter of datagrams, where both ends of a test run on one core. */
export class Counter {
  #next = 1n;

  /** Has the core go on from this end's counter while it works. */
  lend<T>(tools: Tools, work: () => T): T {
    tools.nextCounter = this.#next;
    const done = work();
    this.#next = tools.nextCounter;
    return done;
  }
}

export interface Parties {
  readonly suite: Keying['suite'];
  /** Key files; undefined where nothing is encrypted; a server whose client encrypts may have none. */
  readonly clientKey: Uint8Array | undefined;
  readonly serverKey: Uint8Array | undefined;
  readonly clientRandom: Random;
  readonly serverRandom: Random;
  /** Of the server's side, for a ChaCha20 client that has to be told by a DENY: which RESPONSE it believes. */
  readonly serverBlock: number | undefined;
  /** Sent when the cable is up. */
  readonly frames: readonly Sent[];
}

export interface Sent {
  readonly from: 'client' | 'server';
  readonly bytes: Uint8Array;
}

/** A client logs in at a server, and frames go back and forth, while no time passes and nothing is lost. */
export function handshake(
  tools: Tools,
  { suite, clientKey, serverKey, clientRandom, serverRandom, serverBlock, frames }: Parties,
): { readonly datagrams: Sent[]; readonly refused: string | undefined } {
  const { core } = tools;
  const counters = { client: new Counter(), server: new Counter() };
  const client = new ClassicClient({
    mode: clientKey === undefined ? { kind: 'plain' } : { kind: 'preshared', key: copyKey(clientKey) },
    cipher: suite === 'chacha20' ? 'chacha20' : 'blowfish',
    keepalive: false,
    random: clientRandom,
    sealResponse: (keying, challenge) =>
      counters.client.lend(tools, () => core.sealResponse(keying, challenge)),
  });
  const server = new ClassicServer({
    random: serverRandom,
    keyFor: () => (serverKey !== undefined ? copyKey(serverKey) : suite === 'plain' ? 'none' : undefined),
    verifyResponse: (keying, response, challenge) =>
      (keying.suite !== 'chacha20' || serverBlock === undefined || keying.block === serverBlock) &&
      core.verifyResponse(keying, response, challenge),
  });
  const datagrams: Sent[] = [];
  const keyings: Partial<Record<Sent['from'], Keying>> = {};
  let refused: string | undefined;
  const run = () => {
    for (let busy = true; busy; ) {
      busy = false;
      for (const effect of client.take()) {
        busy = true;
        if (effect.do === 'resolve') client.resolved(0, 1);
        if (effect.do === 'up' || effect.do === 'trial') keyings.client = effect.keying;
        // What a client without encryption sends from then on is no handshake any more.
        if (effect.do !== 'send' || keyings.client?.suite === 'plain') continue;
        datagrams.push({ from: 'client', bytes: effect.datagram });
        server.receive(0, CLIENT, effect.datagram);
      }
      for (const effect of server.take()) {
        busy = true;
        if (effect.do === 'plug') keyings.server = effect.keying;
        if (effect.do === 'refused') refused = effect.why;
        if (effect.do !== 'send') continue;
        datagrams.push({ from: 'server', bytes: effect.datagram });
        // A DENY ends it here: what the client makes of it takes time, and is in the traces.
        if (refused === undefined) client.receive(0, effect.datagram);
      }
    }
  };
  client.happen(0, 'start');
  run();
  for (const { from, bytes } of frames) {
    const keying = keyings[from];
    if (keying === undefined) break;
    datagrams.push({
      from,
      bytes: tools.session((session) => {
        core.keySession(session, keying);
        return counters[from].lend(tools, () => tools.seal(session, bytes));
      }),
    });
  }
  client.end();
  server.end();
  return { datagrams, refused };
}
