// The framing of vde_plug's stream.
import { bytesToHex, concatBytes } from '@noble/hashes/utils.js';
import { TYPE } from '../../protocol/classic/constants.js';
import { FieldError, type Fields, same } from '../fields.js';
import type { Check } from '../tools.js';

const listed = (all: readonly Uint8Array[]) => all.map((one) => bytesToHex(one)).join(', ');

/** Lengths of the pieces that a stream of `length` bytes arrives in. */
function piecesOf(fields: Fields, length: number): number[] {
  const pieces = fields.list('pieces').map((one) => {
    if (typeof one !== 'number' || !(one >= 0)) throw new FieldError('has a piece that is no length');
    return one;
  });
  if (pieces.reduce((sum, one) => sum + one, 0) !== length)
    throw new FieldError('has pieces of another length than the stream');
  return pieces;
}

/** A stream that arrives in pieces: the frames that are complete by its end, and why others are not carried. */
export const read: Check = (fields, tools) => {
  const stream = fields.bytes('stream');
  const frames: Uint8Array[] = [];
  const refused: string[] = [];
  tools.session((session) => {
    tools.core.keySession(session, { suite: 'plain' });
    let at = 0;
    for (const piece of piecesOf(fields, stream.length)) {
      tools.read(session, stream.subarray(at, at + piece));
      at += piece;
      for (const { status, bytes } of tools.drain()) {
        if (status === 'ok')
          frames.push(bytes.subarray(1)); // the type of DATA
        else refused.push(status);
      }
    }
  });
  same('what is complete', listed(fields.byteList('frames')), listed(frames));
  same('what is refused', fields.list('refused').join(', '), refused.join(', '));
};

/** Frames that have come, as the stream that vde_plug is given. */
export const write: Check = (fields, tools) => {
  const { core } = tools;
  tools.session((session) => {
    core.keySession(session, { suite: 'plain' });
    for (const frame of fields.byteList('frames'))
      tools.push(session, concatBytes(Uint8Array.of(TYPE.DATA), frame), 'data');
    const streams: Uint8Array[] = [];
    tools.drain((count) => streams.push(core.writeStream(session, count).slice()));
    same('the stream', fields.bytes('stream'), concatBytes(...streams));
  });
};
