import type { Random } from '../../protocol/classic/session-key.js';
import { framesIn, inStream } from '../tools.js';
import { type Draft, type DraftGroup, type Maker, valid } from './draft.js';
import { model } from './oracles.js';

/** All ways to cut a length into two pieces that are not empty. */
function inTwo(length: number): number[][] {
  return Array.from({ length: length - 1 }, (_, i) => [i + 1, length - i - 1]);
}

function inThree(length: number): number[][] {
  return inTwo(length).flatMap(([first, rest]) =>
    inTwo(rest as number).map(([second, third]) => [first, second, third] as number[]),
  );
}

function group(
  name: string,
  stream: Uint8Array,
  frames: readonly Uint8Array[],
  refused: readonly string[],
  cuts: readonly number[][],
): DraftGroup {
  const tests = cuts.map((pieces) =>
    valid(pieces.length > 4 ? 'byte by byte' : `cut into ${pieces.join(', ')}`, 'Split', { pieces }),
  );
  return { type: 'VdestreamReadTest', name, fields: { stream, frames, refused }, tests };
}

const whole = (length: number): number[][] => [[length], Array<number>(length).fill(1)];

export const vdestream: Maker = (random): Draft => {
  const frames = [random(14), random(15)];
  const stream = inStream(frames);
  const [before, after] = [random(14), random(16)];
  const short = inStream([before, random(13), new Uint8Array(), after]);
  const long = inStream([before, new Uint8Array(9217), after]);
  const cut = inStream([before, after]).slice(0, -1);
  const longest = inStream([random(9216)]);
  return {
    algorithm: 'VDESTREAM',
    header: [
      'What vde_plug speaks on its standard input and output: each frame behind its length, two bytes, big-endian.',
      'frames are those that are complete when all pieces of the stream have come, whatever the pieces;',
      'refused tells why frames are not carried: they are shorter than an Ethernet header, or longer than 9216 bytes.',
    ],
    oracles: [model('each list of frames, by a parser that reads the whole stream')],
    notes: {
      Split: 'The stream arrives in pieces of these lengths.',
      EvenLength:
        'A frame on its way to vde_plug is made one of even length, by a zero byte: so vde_plug does not lose its place. ' +
        'Another implementation may leave it as it is.',
    },
    groups: [
      group(
        'two frames',
        stream,
        frames,
        [],
        [...whole(stream.length), ...inTwo(stream.length), ...inThree(stream.length)],
      ),
      group(
        'frames that are too short between others',
        short,
        [before, after],
        ['frame too short', 'frame too short'],
        [...whole(short.length), ...inTwo(short.length)],
      ),
      group(
        'a frame that is too long between others',
        long,
        [before, after],
        ['frame too long'],
        [
          [long.length],
          ...[15, 16, 17, 18, 19, 9234, 9235, 9236].map((first) => [first, long.length - first]),
          [17, 1, long.length - 18],
        ],
      ),
      group(
        'the longest frame',
        longest,
        framesIn(longest),
        [],
        [[longest.length], ...[1, 2, 3, 4096, 9217].map((first) => [first, longest.length - first])],
      ),
      group(
        'a frame whose last byte is missing',
        cut,
        [before],
        [],
        [...whole(cut.length), ...inTwo(cut.length)],
      ),
      { type: 'VdestreamWriteTest', name: 'frames on their way to vde_plug', tests: written(random) },
    ],
  };
};

function written(random: Random) {
  const even = [random(14), random(60), random(1514)];
  const odd = random(15);
  const evened = new Uint8Array(16);
  evened.set(odd);
  return [
    valid('one frame', 'Split', { frames: even.slice(0, 1), stream: inStream(even.slice(0, 1)) }),
    valid('three frames', 'Split', { frames: even, stream: inStream(even) }),
    {
      ...valid('a frame of odd length', 'EvenLength', { frames: [odd], stream: inStream([evened]) }),
      result: 'acceptable' as const,
    },
  ];
}
