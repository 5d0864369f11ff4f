import { Core } from '../../../../src/core/core.js';
import { STATUS, type Status } from '../../../../src/core/status.js';
import { instantiate, newMemory } from '../../../../src/core/wasm.js';
import { same } from '../../../support/same.js';
import { streamOf } from './twins.js';

/** The numbers of the memory map: constants of the module, the same in each instance. */
export const { layout } = await instantiate();

/** Compared as hex: faster than element by element, and a difference can be read. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

export const unhex = (digits: string): Buffer => Buffer.from(digits, 'hex');

/** What became of a slot; the bytes are a copy. */
export interface Result {
  index: number;
  session: number;
  sealed: boolean;
  status: Status;
  bytes: Buffer;
}

/** A core of its own, and its memory. */
export async function makeCore(memory = newMemory()) {
  const core = await Core.load(memory);
  const { ring } = core;
  const view = new DataView(memory.buffer);

  /** A session, keyed with 24 bytes, plain, or without a key. */
  const session = (key?: Uint8Array | 'plain'): number => {
    const number = core.openSession();
    if (number === undefined) throw new Error('no memory for a session');
    if (key === 'plain') core.keySession(number, { suite: 'plain' });
    else if (key !== undefined) core.keySession(number, { suite: 'blowfish', key });
    return number;
  };

  const push = (number: number, ...datagrams: Uint8Array[]): void => {
    for (const datagram of datagrams) same(ring.push(number, datagram), true);
  };

  /** Puts frames into the ring, to be sealed. */
  const pushFrames = (number: number, ...frames: Uint8Array[]): void => {
    for (const frame of frames) same(core.readStream(number, streamOf([frame])), 2 + frame.length);
  };

  /** The next batch, oldest first; nothing is released. */
  const batch = (): Result[] => {
    const count = ring.process();
    return Array.from({ length: count }, (_, i) => {
      const { index, session: number, sealed, status, address, length } = ring.processed(count - 1 - i);
      const bytes = Buffer.from(ring.bytes.slice(address, address + length));
      return { index, session: number, sealed, status: STATUS[status] as Status, bytes };
    });
  };

  /** All that waits, oldest first; every slot is released. */
  const drain = (): Result[] => {
    const results: Result[] = [];
    for (let next = batch(); next.length > 0; next = batch()) {
      for (const { index } of next) ring.release(index);
      results.push(...next);
    }
    return results;
  };

  const one = (): Result => {
    const [result, ...more] = drain();
    if (result === undefined || more.length > 0) throw new Error('not exactly one slot');
    return result;
  };

  return {
    core,
    memory,
    view,
    ring,
    session,
    push,
    pushFrames,
    batch,
    drain,
    open: (number: number, datagram: Uint8Array): Result => {
      push(number, datagram);
      return one();
    },
    seal: (number: number, frame: Uint8Array): Result => {
      pushFrames(number, frame);
      return one();
    },
    /** The counter that the next sealed frame gets. */
    setNextCounter: (next: bigint): void => view.setBigUint64(layout.SEND_COUNTER, next - 1n, true),
    /** The address of a slot's bytes: of its frame, or of its datagram's body. */
    bodyOf: (index: number): number => layout.SLOTS + index * layout.SLOT_BYTES + layout.SLOT_BODY,
    /** The whole memory as it is now. */
    snapshot: (): Buffer => Buffer.from(new Uint8Array(memory.buffer)),
  };
}

export type TestCore = Awaited<ReturnType<typeof makeCore>>;

/** The primitives by themselves. */
export async function makePrimitives() {
  const { functions, memory } = await instantiate();
  const bytes = new Uint8Array(memory.buffer);
  const at = layout.STAGE_IN;
  const iv = layout.STAGE_OUT;
  const put = (input: Uint8Array): void => bytes.set(input, at);
  const get = (length: number): Buffer => Buffer.from(bytes.slice(at, at + length));
  return {
    setKey: (key: Uint8Array): void => {
      put(key);
      functions.sessionKeyBlowfish(0, at, key.length);
    },
    encrypt: (clear: Uint8Array): Buffer => {
      put(clear);
      functions.blowfishEncrypt(at, clear.length / 8);
      return get(clear.length);
    },
    decrypt: (cipher: Uint8Array): Buffer => {
      put(cipher);
      functions.blowfishDecrypt(at, cipher.length / 8);
      return get(cipher.length);
    },
    cbcSeal: (vector: Uint8Array, clear: Uint8Array): Buffer => {
      put(clear);
      bytes.set(vector, iv);
      return get(functions.cbcSeal(at, clear.length, iv));
    },
    cbcOpen: (vector: Uint8Array, cipher: Uint8Array): Buffer | undefined => {
      put(cipher);
      bytes.set(vector, iv);
      const length = functions.cbcOpen(at, cipher.length, iv);
      return length < 0 ? undefined : get(length);
    },
    /** @param offset where the bytes are put: at any alignment */
    crc32: (input: Uint8Array, offset = 0): number => {
      bytes.set(input, at + offset);
      return functions.crc32(at + offset, input.length) >>> 0;
    },
  };
}
