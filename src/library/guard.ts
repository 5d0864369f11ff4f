// What an embedder hands in may throw. The cable goes on, other peers as well, and the log has a line a minute.

import type { OpenPlug, Plug } from '../cable/plug/plug.js';
import type { WireTap } from '../cable/wire-tap.js';
import { CryptcabError, messageOf } from '../error.js';
import { type Log, SeldomLog } from '../log.js';

/** Says that a function has thrown. */
type Say = (what: string, error: unknown) => void;

function sayer(log: Log): Say {
  const seldom = new SeldomLog();
  return (what, error) => {
    const why = messageOf(error);
    const say = (times: number) => log.error({ times }, `${what} has thrown: ${why}`);
    seldom.note(performance.now(), `${what} ${why}`, say);
  };
}

/** A plug that is none, as its function has thrown. */
function noPlug(error: unknown, lost: (why: string) => void): Plug {
  const why = new CryptcabError(`the plug cannot be opened: ${messageOf(error)}`);
  const settled = Promise.reject(why);
  settled.catch(() => lost(why.marked));
  return { settled, write: () => false, pause() {}, resume() {}, async close() {} };
}

/** A plug of the embedder's. Frames that it throws at are counted as dropped by the switch. */
export function guardPlug(open: OpenPlug, log: Log): OpenPlug {
  const say = sayer(log);
  const guarded: OpenPlug = (events, peer) => {
    let plug: Plug;
    try {
      plug = open(events, peer);
      if (typeof plug !== 'object' || plug === null) throw new TypeError('its function returns no plug');
      for (const name of ['write', 'pause', 'resume', 'close'] as const)
        if (typeof plug[name] !== 'function') throw new TypeError(`a plug has a method ${name}`);
    } catch (error) {
      say('plug', error);
      return noPlug(error, events.lost);
    }
    const attempt = <T>(what: string, work: () => T, otherwise: T): T => {
      try {
        return work();
      } catch (error) {
        say(`plug: ${what}`, error);
        return otherwise;
      }
    };
    const settled = Promise.resolve(plug.settled).catch((error: unknown) => {
      throw error instanceof CryptcabError ? error : new CryptcabError(messageOf(error));
    });
    settled.catch(() => {}); // who waits hears it as well
    return {
      settled,
      get device() {
        return attempt('device', () => plug.device, undefined);
      },
      write: (frames) => attempt('write', () => plug.write(frames), false),
      pause: () => attempt('pause', () => plug.pause(), undefined),
      resume: () => attempt('resume', () => plug.resume(), undefined),
      close: async () => {
        try {
          await plug.close();
        } catch (error) {
          say('plug: close', error);
        }
      },
    };
  };
  return Object.assign(guarded, open); // what it says of its plugs
}

/** A tap of the embedder's. */
export function guardTap(tap: WireTap, log: Log): WireTap {
  const say = sayer(log);
  return (direction, remote, datagram) => {
    try {
      tap(direction, remote, datagram);
    } catch (error) {
      say('tap', error);
    }
  };
}
