// `cryptcab capture`: what passes a running cable's end, as pcapng on standard output.
import { isatty } from 'node:tty';
import type { CaptureWish } from '../../control/capture-terms.js';
import type { RunningEnd } from '../../control/ends.js';
import { controlPlace } from '../../control/path.js';
import { askForStream } from '../../control/stream.js';
import { BlockCounter } from '../../ends/capture/pcapng.js';
import { CryptcabError } from '../../error.js';
import { whenUnread } from '../reader.js';
import { print, say } from '../say.js';
import { UsageError } from '../usage.js';
import { choose, endsOf } from './peers.js';

export interface CaptureCommand {
  readonly wire: boolean;
  /** One peer, as a person calls it; all when undefined. */
  readonly peer: string | undefined;
  /** The end, as `status` calls it; the only one when undefined. */
  readonly end: string | undefined;
}

/** Where to ask, and for what. @throws CryptcabError where it is not one end that is meant */
async function chosen({ wire, peer, end }: CaptureCommand): Promise<{ path: string; wish: CaptureWish }> {
  const ends = await endsOf({ end }, controlPlace());
  if (peer !== undefined) {
    const one = choose(ends, peer);
    return { path: one.end.path, wish: { wire, peer: one.peer } };
  }
  const [first, ...more] = ends as [RunningEnd, ...RunningEnd[]];
  if (more.length === 0) return { path: first.path, wish: { wire } };
  const names = ends.map(({ status }) => status.name).join(', ');
  throw new CryptcabError(`several ends run here (${names}): choose one with --end`);
}

/** Captures until it is told to end, nobody reads it any more, or the cable's end has gone. */
export async function capture(command: CaptureCommand): Promise<void> {
  if (isatty(1))
    throw new UsageError(
      'a capture is not text for a terminal: use cryptcab capture > FILE.pcapng, or cryptcab capture | wireshark -k -i -',
    );
  const { path, wish } = await chosen(command);
  const arriving = await askForStream(path, { do: 'capture', ...wish }, 'capture');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => arriving.end());
  const counter = new BlockCounter();
  const stopLooking = await whenUnread(() => arriving.abandon()); // who read it has enough
  try {
    for await (const piece of arriving.pieces) {
      if (!counter.push(piece))
        throw new CryptcabError(`the cable's end at ${path} sends something else than a capture: restart it`);
      if (!(await print(piece))) {
        arriving.abandon();
        break;
      }
    }
  } finally {
    stopLooking();
  }
  say(summary(counter, wish));
}

function summary({ packets, dropped }: BlockCounter, { wire }: CaptureWish): string {
  const what = wire ? 'datagrams' : 'frames';
  return `captured ${packets} ${what}; ${dropped} more were dropped${dropped === 0 ? '' : ', as they were not read as fast as they came'}`;
}
