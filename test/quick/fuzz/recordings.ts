import fc from 'fast-check';
import type { Keying } from '../../../src/core/terms.js';
import { TYPE } from '../../../src/protocol/classic/constants.js';
import {
  authOk,
  challenge as challengeOf,
  keepalive,
  login,
} from '../../../src/protocol/classic/messages.js';
import blowfish from '../../../vectors/foreign/capture-blowfish.json' with { type: 'json' };
import mbedtls from '../../../vectors/foreign/capture-chacha-mbedtls.json' with { type: 'json' };
import wolfssl from '../../../vectors/foreign/capture-chacha-wolfssl.json' with { type: 'json' };
import { randomnessOf } from '../../support/randomness.js';
import { numbered } from '../protocol/examples.js';
import { hex, makeCore, unhex } from '../unit/core/harness.js';
import { Cable, ChaChaCable } from '../unit/core/twins.js';

/** What a body that was sealed under the key carries. */
export interface Genuine {
  readonly frame: Uint8Array;
  /** Undefined where there is none (`-x`). */
  readonly counter: bigint | undefined;
}

/** Everything that two ends sent each other, from the LOGIN on. */
export interface Recording {
  readonly name: string;
  readonly keying: Keying;
  readonly id: string;
  readonly challenge: Uint8Array;
  /** Without its type byte. */
  readonly response: Uint8Array;
  readonly datagrams: readonly Uint8Array[];
  /** Each body that opens as DATA, by its hexadecimal digits. */
  readonly genuine: ReadonlyMap<string, Genuine>;
  /** For a counterexample. */
  readonly [fc.toStringMethod]: () => string;
}

/** The counter of a sealed body (classic.md §3). */
function counterOf(keying: Keying, datagram: Uint8Array): bigint | undefined {
  if (keying.suite === 'plain') return undefined;
  if (keying.suite === 'chacha20') return Buffer.from(datagram).readBigUInt64LE(datagram.length - 8);
  return new Cable(keying.key).read(datagram).counter;
}

async function recording(name: string, keying: Keying, datagrams: readonly Uint8Array[]): Promise<Recording> {
  const ofType = (type: number) => datagrams.find((datagram) => datagram[0] === type) as Uint8Array;
  const { core, session, open } = await makeCore();
  const genuine = new Map<string, Genuine>();
  const response = ofType(TYPE.RESPONSE);
  for (const datagram of datagrams) {
    // With ChaCha20 a RESPONSE has the form of DATA (§3.3), and is opened as such: §5.1 says so.
    const asData = datagram === response && keying.suite === 'chacha20';
    if (datagram[0] !== TYPE.DATA && !asData) continue;
    const number = session();
    core.keySession(number, keying);
    const { status, bytes } = open(number, datagram);
    if (status !== 'ok') throw new Error(`${name} holds DATA that does not open: ${status}`);
    genuine.set(hex(datagram.slice(1)), { frame: bytes, counter: counterOf(keying, datagram) });
  }
  return {
    name,
    keying,
    id: Buffer.from(ofType(TYPE.LOGIN).slice(1)).toString('latin1').replace(/\0+$/, ''),
    challenge: ofType(TYPE.CHALLENGE).slice(1),
    response: response.slice(1),
    datagrams,
    genuine,
    [fc.toStringMethod]: () => `'${name}'`,
  };
}

/** What two ends of the C program sent each other. */
function captured(file: typeof blowfish, keyingOf: (key: Uint8Array) => Keying): Promise<Recording> {
  const [group] = file.testGroups;
  if (group === undefined) throw new Error('the capture is empty');
  return recording(
    group.source.version,
    keyingOf(Uint8Array.from(unhex(group.key))),
    group.tests.map(({ datagram }) => unhex(datagram)),
  );
}

/** What two ends of ours would send each other, with frames of all sizes that differ in kind. */
async function ours(name: string, keying: Keying): Promise<Recording> {
  const { bytes } = randomnessOf(1);
  const [client, server] = [await makeCore(), await makeCore()];
  const [id, question] = ['vde_0123456789a', bytes(128)];
  const datagrams = [
    login(id),
    challengeOf(question),
    client.core.sealResponse(keying, question),
    authOk(),
    keepalive(),
  ];
  for (const end of [client, server]) end.core.keySession(end.session(), keying);
  for (const length of [14, 15, 21, 22, 60, 116, 128, 300, 1_514, 9_215, 9_216]) {
    for (const { seal } of [client, server]) datagrams.push(seal(1, bytes(length)).bytes);
  }
  // Well sealed, and nothing that is carried.
  const unfit = [0, 13, 9_217, 9_220].map((length, i) => sealed(keying, bytes(length), BigInt(100 + i)));
  const recorded = await recording(name, keying, datagrams);
  return { ...recorded, datagrams: [...datagrams, ...unfit] };
}

/** DATA of any frame. */
function sealed(keying: Keying, frame: Uint8Array, counter: bigint): Uint8Array {
  if (keying.suite === 'plain') return Uint8Array.of(TYPE.DATA, ...frame);
  return keying.suite === 'blowfish'
    ? new Cable(keying.key).data(frame, counter)
    : new ChaChaCable(keying.key.subarray(0, 32), keying.block).seal(TYPE.DATA, frame, counter);
}

const key = numbered(44, 100);
const RECORDINGS: readonly Recording[] = await Promise.all([
  captured(blowfish, (bytes) => ({ suite: 'blowfish', key: bytes })),
  captured(wolfssl, (bytes) => ({ suite: 'chacha20', key: bytes, block: 12 })),
  captured(mbedtls, (bytes) => ({ suite: 'chacha20', key: bytes, block: 0 })),
  ours('ours, blowfish', { suite: 'blowfish', key }),
  ours('ours, chacha20 from block 12', { suite: 'chacha20', key, block: 12 }),
  ours('ours, chacha20 from block 0', { suite: 'chacha20', key, block: 0 }),
  ours('ours, plain', { suite: 'plain' }),
]);

export const anyRecording = fc.constantFrom(...RECORDINGS);
