import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { TYPE } from '../../../src/protocol/classic/constants.js';
import { classify, login, loginId, MESSAGES } from '../../../src/protocol/classic/messages.js';
import { mutate, mutation } from './mutations.js';
import { property } from './property.js';
import { anyRecording } from './recordings.js';

describe('any bytes', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .tuple(fc.constantFrom(...Object.values(TYPE)), fc.uint8Array({ maxLength: 150 }))
      .map(([type, body]) => Uint8Array.of(type, ...body)),
    fc.string({ maxLength: 20 }).map((id) => Uint8Array.of(TYPE.LOGIN, ...Buffer.from(id.padEnd(16, '\0')))),
  );
  const ids = new Set<string>();

  function check(datagram: Uint8Array): void {
    const message = classify(datagram);
    const id = loginId(datagram);
    expect(MESSAGES).toContain(message);
    expect(message === 'login').toBe(id !== undefined);
    if (id === undefined) return;
    expect(id).toMatch(/^\w{1,16}$/);
    expect(login(id)).toEqual(datagram);
    ids.add(id);
  }

  property(
    'are one of the messages, and a LOGIN only with an id that is safe in a file name',
    2_000,
    fc.property(bytes, check),
    () => expect(ids.size).toBeGreaterThan(0),
  );

  property(
    'that once were a handshake are one of the messages as well',
    10,
    fc.property(anyRecording, fc.array(mutation, { maxLength: 30 }), ({ datagrams }, mutations) => {
      for (const datagram of mutate(datagrams, mutations)) check(datagram);
    }),
  );
});
