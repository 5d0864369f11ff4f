// Reads pcapng by the draft, for tests: blocks of little-endian words.

export interface Block {
  readonly type: number;
  /** Options, and of an interface its name. */
  readonly name?: string;
  readonly link?: number;
  readonly interface?: number;
  readonly time?: number;
  readonly direction?: 'in' | 'out';
  readonly bytes?: Uint8Array;
  readonly received?: number;
  readonly dropped?: number;
}

function optionsIn(view: Buffer): Map<number, Buffer> {
  const options = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= view.length; ) {
    const [code, length] = [view.readUInt16LE(at), view.readUInt16LE(at + 2)];
    if (code === 0) break;
    options.set(code, view.subarray(at + 4, at + 4 + length));
    at += 4 + ((length + 3) & ~3);
  }
  return options;
}

export function blocksIn(all: Buffer): Block[] {
  const blocks: Block[] = [];
  for (let at = 0; at < all.length; ) {
    const [type, length] = [all.readUInt32LE(at), all.readUInt32LE(at + 4)];
    if (all.readUInt32LE(at + length - 4) !== length) throw new Error(`block at ${at}: two lengths`);
    blocks.push(blockIn(type, all.subarray(at + 8, at + length - 4)));
    at += length;
  }
  return blocks;
}

function blockIn(type: number, body: Buffer): Block {
  switch (type) {
    case 1:
      return { type, link: body.readUInt16LE(0), name: String(optionsIn(body.subarray(8)).get(2)) };
    case 5: {
      const options = optionsIn(body.subarray(12));
      const number = (code: number) => Number(options.get(code)?.readBigUInt64LE());
      return { type, interface: body.readUInt32LE(0), received: number(4), dropped: number(5) };
    }
    case 6: {
      const length = body.readUInt32LE(12);
      const flags = optionsIn(body.subarray(20 + ((length + 3) & ~3)))
        .get(2)
        ?.readUInt32LE();
      return {
        type,
        interface: body.readUInt32LE(0),
        time: (body.readUInt32LE(4) * 2 ** 32 + body.readUInt32LE(8)) / 1000,
        bytes: body.subarray(20, 20 + length),
        direction: flags === 1 ? 'in' : 'out',
      };
    }
    default:
      return { type };
  }
}

/** The packets among blocks. */
export function framesOf(blocks: readonly Block[]) {
  return blocks.filter(({ type }) => type === 6) as Required<Pick<Block, 'bytes' | 'direction' | 'time'>>[];
}
