/** What became of a slot, by the number that the core gives it (assembly/status.ts, in the same order). */
export const STATUS = [
  'ok',
  'no key',
  'bad length',
  'bad padding',
  'bad checksum',
  'replayed',
  'too old',
  'counter exhausted',
  'frame too short',
  'frame too long',
  'decrypt failed',
  'unknown receiver index',
  'malformed record',
  'ip',
  'unknown payload',
  'incomplete frame',
  'own datagram',
  'over its share',
  'over the broadcast limit',
  'not its address',
  'not for this host',
  'too much at a time',
] as const;

/** What became of a slot: `ok`, or why it was refused. */
export type Status = (typeof STATUS)[number];

/** A reason for which a datagram or frame was refused. */
export type Refusal = Exclude<Status, 'ok'>;
