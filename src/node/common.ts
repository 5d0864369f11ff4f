import { resolve } from 'node:path';
import type { WireTap } from '../cable.js';
import { IO_PATHS, type Io } from '../io-path.js';
import { presharedKey } from '../keys/read-key.js';
import { type Log, SILENT } from '../log.js';
import type { OpenPlug } from '../plug/plug.js';
import { vdePlug } from '../plug/vde-plug.js';
import { KEY_FILE_BYTES } from '../protocol/constants.js';
import { type Cipher, copyKey } from '../protocol/session-key.js';
import type { OpenUdp } from '../udp/udp.js';
import { type Checked, isText, type Names } from './check.js';
import type { EndOptions } from './options.js';

export const END_NAMES: Names<EndOptions> = {
  plug: true,
  key: true,
  plain: true,
  io: true,
  log: true,
  tap: true,
  openUdp: true,
  signal: true,
};

/** What every end's configuration has. */
export interface CommonSettings {
  readonly plug: OpenPlug;
  readonly log: Log;
  readonly io?: Io;
  readonly tap?: WireTap;
  readonly openUdp?: OpenUdp;
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;

function isLog(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    LEVELS.every((level) => typeof (value as Partial<Log>)[level] === 'function')
  );
}

/** @throws CryptcabError */
export function common(options: Checked<EndOptions>): CommonSettings {
  const io = options.choice('io', IO_PATHS);
  const tap = options.method<WireTap>('tap');
  const openUdp = options.method<OpenUdp>('openUdp');
  return {
    plug: plugOf(options),
    log: options.take<Log>('log', isLog, `an object with the methods ${LEVELS.join(', ')}`) ?? SILENT,
    ...(io !== undefined && { io }),
    ...(tap !== undefined && { tap }),
    ...(openUdp !== undefined && { openUdp }),
  };
}

function plugOf(options: Checked<EndOptions>): OpenPlug {
  const plug = options.take<string | OpenPlug>(
    'plug',
    (value) => isText(value) || typeof value === 'function',
    "a switch's directory, a VDE network locator, or a plug",
  );
  if (typeof plug !== 'string') return options.required('plug', plug);
  return vdePlug(plug.includes('://') ? plug : resolve(plug));
}

/** @throws CryptcabError for what is no signal, and the signal's reason when it is aborted already */
export function signalOf(options: Checked<EndOptions>): AbortSignal | undefined {
  const isOne = (value: unknown) => value instanceof AbortSignal;
  const signal = options.take<AbortSignal>('signal', isOne, 'an AbortSignal');
  signal?.throwIfAborted(); // before a key is copied
  return signal;
}

/**
 * A copy of the classic key that both ends have; undefined where there is none.
 * @param cipher that it has to do for
 * @throws CryptcabError
 */
export function classicKey(options: Checked<EndOptions>, cipher: Cipher, log: Log): Uint8Array | undefined {
  const bytes = KEY_FILE_BYTES[cipher];
  const key = options.take<string | Uint8Array>(
    'key',
    (value) => isText(value) || (value instanceof Uint8Array && value.length >= bytes),
    `a key for ${cipher}, of ${bytes} bytes, or the path of its file`,
  );
  return typeof key === 'string' ? presharedKey(key, cipher, log) : key && copyKey(key);
}
