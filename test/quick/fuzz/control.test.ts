import fc from 'fast-check';
import { expect } from 'vitest';
import { errorIn, parseEnrolled, parseRequest, parseStatus } from '../../../src/control/message.js';
import { AnswerFinder, parseIntroduction } from '../../../src/keys/enrolment.js';
import { keyText } from '../../../src/keys/key-text.js';
import { property } from './property.js';

const bytes = [32, 32, 32, 31, 33].map((length) => fc.uint8Array({ minLength: length, maxLength: length }));
const key = fc.oneof(...bytes).map(keyText);
const value = fc.oneof(
  key,
  fc.constantFrom('enrol', 'status', 'kick', 'rename', 'add', 'ping', 'capture', 'x'),
  fc.integer({ min: -1, max: 65_536 }),
  fc.jsonValue(),
);
const name = fc.constantFrom(
  'do',
  'publicKey',
  'presharedKey',
  'port',
  'peers',
  'error',
  'peer',
  'name',
  'wire',
  'x',
);
const json = fc.dictionary(name, value).map((fields) => JSON.stringify(fields));
const likely = fc
  .record({ do: fc.constant('enrol'), publicKey: key, presharedKey: key })
  .map((fields) => JSON.stringify(fields));
const words = fc
  .tuple(key, fc.oneof(key, fc.nat({ max: 70_000 }).map(String)), fc.constantFrom('', '', '\n', ' ', 'x'))
  .map(([one, other, more]) => `${one} ${other}${more}`);
const lines = fc.oneof(
  json,
  likely,
  words,
  fc.jsonValue().map((any) => JSON.stringify(any)),
  fc.string({ unit: 'binary' }),
  fc.tuple(likely, fc.nat({ max: 120 })).map(([line, at]) => line.slice(0, at)),
);
const seen = { requests: 0, refused: 0, introductions: 0, enrolled: 0 };

property(
  'any line at the control socket, or by ssh, is understood or refused, and no key of it is repeated',
  3_000,
  fc.property(lines, (line) => {
    const request = parseRequest(Buffer.from(line));
    if (typeof request === 'string') {
      seen.refused++;
      expect(request).toMatch(/^[^\n]{1,120}$/);
      expect(line.match(/[A-Za-z0-9+/]{20,}/g)?.some((one) => request.includes(one)) ?? false).toBe(false);
    } else {
      seen.requests++;
      if (request.do === 'enrol')
        expect([request.publicKey.length, request.presharedKey.length]).toEqual([32, 32]);
    }
    const introduction = parseIntroduction(Buffer.from(line));
    if (introduction !== undefined) {
      seen.introductions++;
      expect([introduction.publicKey.length, introduction.presharedKey.length]).toEqual([32, 32]);
    }
    const finder = new AnswerFinder();
    finder.push(line);
    for (const enrolled of [parseEnrolled(line), finder.end()]) {
      if (enrolled === undefined) continue;
      seen.enrolled++;
      expect(enrolled.publicKey).toHaveLength(32);
      expect(enrolled.port > 0 && enrolled.port < 65_536).toBe(true);
    }
    expect(['string', 'undefined']).toContain(typeof errorIn(line));
    expect(['object', 'undefined']).toContain(typeof parseStatus(line));
  }),
  () => expect(Math.min(...Object.values(seen))).toBeGreaterThan(20),
);
