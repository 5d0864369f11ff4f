// The memory map as assembly/layout.ts has it, and what nobody may write: the gaps, which get a pattern.
import { readFileSync } from 'node:fs';
import { newMemory } from '../../../src/core/wasm.js';
import { layout } from '../unit/core/harness.js';

const source = readFileSync(new URL('../../../assembly/layout.ts', import.meta.url), 'utf8');

/** The numbers of the map, also those that the module does not export. */
export const map: Readonly<Record<string, number>> = (() => {
  const numbers: Record<string, number> = {};
  for (const [, name, sum] of source.matchAll(/^export const (\w+): \w+ = (.*);$/gm)) {
    const terms = (sum as string).replaceAll(/[A-Z]\w*/g, (known) => `${numbers[known]}`);
    if (!/^[\d\sa-fx()+*/-]+$/.test(terms)) throw new Error(`what is ${name} in the memory map? ${sum}`);
    numbers[name as string] = Number(new Function(`return ${terms}`)());
  }
  return numbers;
})();

/** A number of the map. */
export function at(name: string): number {
  const number = map[name];
  if (number === undefined) throw new Error(`the memory map has no ${name}`);
  return number;
}

export const hexOf = (address: number) => `0x${address.toString(16)}`;

/** Where the body of a slot begins. */
export const slotStart = (slot: number) => layout.SLOTS + slot * layout.SLOT_BYTES + layout.SLOT_BODY;

/** Words, from the first to before the last. */
export type Span = readonly [number, number];

/** Whole words between two addresses. */
const span = (from: number, to: number): Span => [(from + 3) >> 2, to >> 2];

/** Largest datagram that the host puts into a slot: it begins one byte before the body. */
const SLOT_END = at('SLOT_BODY') - 1 + at('DATAGRAM_MAX');
const FETCHED_END = at('FETCHED_FRAME') + at('FRAME_MAX');
/** A super-frame of the largest IP packet behind two tags, after the 16 bytes that are before TAP_FRAME. */
const TAP_END = 16 + 14 + 8 + 0xffff;
const LANE_SCRATCH_END = at('LANE_SPANS') + at('RING_BATCH') * at('LANE_SPAN_BYTES');
/** A buffer of fragments.ts: 12 bytes say whose it is, and its table begins at 256. */
const BUFFER_GAP = [12, 256] as const;
const STATUSES_END = at('SESSION_STATUS') + 8 * layout.STATUS_COUNT;

const times = (count: number, each: (i: number) => Span[]): Span[][] =>
  Array.from({ length: count }, (_, i) => each(i));

/** The gap behind each slot of the ring, up to where the next one's bytes begin. */
export const slotGaps = times(at('RING_SLOTS'), (i) => {
  const slot = at('SLOTS') + i * at('SLOT_BYTES');
  const last = i + 1 === at('RING_SLOTS');
  const begins = at('SLOT_BODY') - at('TRANSPORT_HEADER');
  return [span(slot + SLOT_END, slot + at('SLOT_BYTES') + (last ? 0 : begins))];
});

/** The gap of each buffer for frames that lack fragments. */
export const bufferGaps = times(at('INCOMPLETE_COUNT'), (i) => {
  const buffer = at('INCOMPLETE') + i * at('INCOMPLETE_BYTES');
  return [span(buffer + BUFFER_GAP[0], buffer + BUFFER_GAP[1])];
});

/** Where the last field of a record ends that is before what is secret; none has more than 8 bytes there. */
const COUNTS_END =
  8 +
  Math.max(
    ...Object.entries(map)
      .filter(([name, offset]) => name.startsWith('SESSION_') && offset < at('SESSION_REPLAY'))
      .map(([, offset]) => offset),
  );

/** The gaps of a session's record. */
export function sessionGaps(session: number): Span[] {
  const record = at('SESSIONS') + session * at('SESSION_BYTES');
  return [
    span(record + 16, record + 24),
    span(record + 60, record + 64),
    span(record + STATUSES_END, record + at('SESSION_DROPPED_BY_SWITCH')),
    span(record + COUNTS_END, record + at('SESSION_REPLAY')),
    span(record + at('SESSION_PARTIAL') + 2 + at('FRAME_MAX'), record + at('SESSION_SOURCES')),
    span(record + at('SESSION_SOURCES') + 8 * at('SOURCES_COUNT'), record + at('SESSION_SEEN')),
    span(record + at('SESSION_SEEN') + at('SEEN_BYTES') * at('SEEN_COUNT'), record + at('SESSION_BYTES')),
  ];
}

/** What of a secure session's record nobody writes but to wipe it, with all its keys. */
export function wipedGaps(session: number): Span[] {
  const record = at('SESSIONS') + session * at('SESSION_BYTES');
  const keypairs = record + at('SESSION_KEYPAIRS');
  const end = keypairs + at('KEYPAIRS') * at('KEYPAIR_BYTES');
  const window = at('KEYPAIR_REPLAY') + 8 + 1024;
  return [
    ...times(at('KEYPAIRS'), (i) => {
      const keypair = keypairs + i * at('KEYPAIR_BYTES');
      return [
        span(keypair + 12, keypair + 16),
        span(keypair + 24, keypair + 32),
        span(keypair + 96, keypair + 128),
        span(keypair + window, keypair + at('KEYPAIR_BYTES')),
      ];
    }).flat(),
    span(end, record + at('SESSION_INCOMPLETE')),
    span(record + at('SESSION_INCOMPLETE') + 64 * 16, record + at('SESSION_LISTENS')),
    span(record + at('SESSION_LISTENS') + 256, record + at('SESSION_PARTIAL')),
  ];
}

/** Small gaps that are of no slot, buffer or session. */
export const fixedGaps: Span[] = [
  span(0, 0x400),
  span(at('RING_HEAD') + 4, at('RING_DONE')),
  span(at('RING_DONE') + 4, at('RING_TAIL')),
  span(at('RING_TAIL') + 4, at('SEND_COUNTER')),
  span(at('SEND_COUNTER') + 8, at('LOCK_NEXT')),
  span(at('LOCK_SERVING') + 4, at('LANE_HALVES')),
  span(at('TAP_HEADER') + 12, at('LANE_SPANS')),
  span(LANE_SCRATCH_END, at('OWN_PORT')),
  span(at('OWN_FRAGMENT_NEXT') + 4, at('OWN_FRAGMENTS')),
  span(at('OWN_FRAGMENTS') + 8 * at('OWN_FRAGMENTS_COUNT'), at('INTAKE_HEAD')),
  span(at('INTAKE_HEAD') + 128, at('CONTROLS_COUNT')),
  span(at('HOST_KEPT_COUNT') + 4, at('CONTROL_SPAN')),
  span(at('CONTROL_DATA') + 4, at('CONTROLS')),
  span(at('CONTROLS') + at('CONTROLS_MAX') * at('CONTROLS_BYTES'), at('DESCRIPTORS')),
  span(at('KEY_SLOTS') + 5 * at('KEY_SLOT_BYTES'), at('STAGE_IN')),
  span(at('SLOTS'), at('SLOTS') + at('SLOT_BODY') - at('TRANSPORT_HEADER')),
];

/** Large ones, which are far from all that a program works on. */
export const farGaps: Span[] = [
  ...times(at('ARRIVALS_COUNT'), (i) => {
    const arrival = at('ARRIVALS') + i * at('ARRIVAL_BYTES');
    return [span(arrival + 0x10000, arrival + at('ARRIVAL_BYTES'))];
  }).flat(),
  span(at('ARRIVALS') + at('ARRIVALS_COUNT') * at('ARRIVAL_BYTES'), at('OWN_NOTES')),
  span(at('OWN_NOTES') + 8 * at('OWN_NOTES_COUNT'), at('CHACHA_STREAM')),
  span(at('CHACHA_STREAM') + at('CHACHA_STREAM_BYTES'), at('FRAMES')),
  span(at('ASSEMBLY') + at('FRAME_MAX'), at('FETCHED')),
  ...times(at('FETCHED_COUNT'), (i) => {
    const fetched = at('FETCHED') + i * at('FETCHED_BYTES');
    return [
      span(fetched + 4, fetched + at('FETCHED_FRAME')),
      span(fetched + FETCHED_END, fetched + at('FETCHED_BYTES')),
    ];
  }).flat(),
  span(at('FETCHED') + at('FETCHED_COUNT') * at('FETCHED_BYTES'), at('TAP_STAGE')),
  span(at('TAP_STAGE') + TAP_END, at('HOST_KEPT')),
  ...times(at('HOST_KEPT_MAX'), (i) => {
    const kept = at('HOST_KEPT') + i * at('HOST_KEPT_BYTES');
    const end = kept + at('HOST_KEPT_FRAME') + at('FRAME_MAX');
    return [span(kept + 12, kept + at('HOST_KEPT_FRAME')), span(end, kept + at('HOST_KEPT_BYTES'))];
  }).flat(),
  span(at('HOST_KEPT') + at('HOST_KEPT_MAX') * at('HOST_KEPT_BYTES'), at('SESSIONS')),
];

/** The pattern's word at a place: another one everywhere, so that no copy of one gap passes for another. */
const patternAt = (word: number): number => Math.imul(word, 0x9e3779b1) ^ 0x2545f491;

/** The pattern of a whole memory. */
const painted = (() => {
  const words = new Int32Array(newMemory().buffer.byteLength >> 2);
  for (let word = 0; word < words.length; word++) words[word] = patternAt(word);
  return Buffer.from(words.buffer);
})();

/** Spans of more words than this are compared by the system, which takes a while to be asked. */
const LOOP_WORDS = 64;

/**
 * Memory that is compared with what was painted.
 * @param bytes the same memory as `words`
 */
export class Canvas {
  readonly #words: Int32Array;
  readonly #bytes: Buffer;

  constructor(words: Int32Array, bytes: Buffer) {
    this.#words = words;
    this.#bytes = bytes;
  }

  paint(spans: readonly Span[]): void {
    for (const [from, to] of spans) painted.copy(this.#bytes, from << 2, from << 2, to << 2);
  }

  /** The address of the first word that has lost the pattern; undefined when all have it. */
  changed(spans: readonly Span[]): number | undefined {
    for (const [from, to] of spans) {
      const long = to - from > LOOP_WORDS;
      if (long && painted.compare(this.#bytes, from << 2, to << 2, from << 2, to << 2) === 0) continue;
      for (let word = from; word < to; word++) if (this.#words[word] !== patternAt(word)) return word << 2;
    }
    return undefined;
  }
}

/** The address of the first word that is not zero. */
export function written(words: Int32Array, spans: readonly Span[]): number | undefined {
  for (const [from, to] of spans)
    for (let word = from; word < to; word++) if (words[word] !== 0) return word << 2;
  return undefined;
}
