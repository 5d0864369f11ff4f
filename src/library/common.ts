import { resolve } from 'node:path';
import { absoluteLocator, plugOf as plugFor } from '../cable/plug/kinds.js';
import type { OpenPlug } from '../cable/plug/plug.js';
import { bindAddress } from '../cable/udp/bind.js';
import type { OpenUdp } from '../cable/udp/udp.js';
import type { WireTap } from '../cable/wire-tap.js';
import type { Endpoint } from '../ends/endpoint.js';
import { parseHexKey } from '../keys/key-text.js';
import { presharedKey } from '../keys/read-key.js';
import { type Log, SILENT } from '../log.js';
import { libraryText } from '../option-mark.js';
import { IO_PATHS, type Io } from '../options/io-path.js';
import { type CipherChoice, leastKeyBytes } from '../protocol/classic/session-key.js';
import { type Checked, isText, type Names } from './check.js';
import { guardPlug, guardTap } from './guard.js';
import type { EndOptions } from './options.js';

export const END_NAMES: Names<EndOptions> = {
  plug: true,
  key: true,
  plain: true,
  bind: true,
  io: true,
  log: true,
  tap: true,
  openUdp: true,
  signal: true,
};

const ENDPOINT_NAMES: Names<Endpoint> = { host: true, port: true };

/** What every end's configuration has. */
export interface CommonSettings {
  readonly plug: OpenPlug;
  readonly log: Log;
  readonly bind?: string;
  readonly io?: Io;
  readonly tap?: WireTap;
  readonly openUdp?: OpenUdp;
}

const PORT_MAX = 65_535;
/** Of an end's own. */
export const ANY_PORT = { what: 'a UDP port', min: 0, max: PORT_MAX };
export const SERVER_PORT = { what: "the server's UDP port", min: 1, max: PORT_MAX };

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;

function isLog(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    LEVELS.every((level) => typeof (value as Partial<Log>)[level] === 'function')
  );
}

/** A log that calls options as the library does. */
function inOurWords(log: Log): Log {
  return {
    trace: (fields, message) => log.trace(fields, libraryText(message)),
    debug: (fields, message) => log.debug(fields, libraryText(message)),
    info: (fields, message) => log.info(fields, libraryText(message)),
    warn: (fields, message) => log.warn(fields, libraryText(message)),
    error: (fields, message) => log.error(fields, libraryText(message)),
  };
}

/** @throws CryptcabError */
export function common(options: Checked<EndOptions>): CommonSettings {
  const io = options.choice('io', IO_PATHS);
  const given = options.take<Log>('log', isLog, `an object with the methods ${LEVELS.join(', ')}`);
  const log = given === undefined ? SILENT : inOurWords(given);
  const tap = options.method<WireTap>('tap');
  const openUdp = options.method<OpenUdp>('openUdp');
  return {
    plug: plugOf(options, log),
    log,
    ...bindOf(options),
    ...(io !== undefined && { io }),
    ...(tap !== undefined && { tap: guardTap(tap, log) }),
    ...(openUdp !== undefined && { openUdp }),
  };
}

export function bindOf<Of extends { readonly bind?: string | undefined }>(
  options: Checked<Of>,
): { bind?: string } {
  const bind = options.take<string>('bind', isText, 'an IPv4 or IPv6 address of this machine');
  if (bind === undefined) return {};
  const parsed = bindAddress(bind);
  return 'address' in parsed ? { bind: parsed.address } : options.refuse(`bind is ${bind}: ${parsed.why}`);
}

function plugOf(options: Checked<EndOptions>, log: Log): OpenPlug {
  const plug = options.take<string | OpenPlug>(
    'plug',
    (value) => isText(value) || typeof value === 'function',
    "a switch's directory, another locator of a network, or a plug",
  );
  if (typeof plug !== 'string') return guardPlug(options.required('plug', plug), log);
  return plugFor(absoluteLocator(plug, resolve));
}

/** @throws CryptcabError for what is no signal, and the signal's reason when it is aborted already */
export function signalOf<Of extends { readonly signal?: AbortSignal | undefined }>(
  options: Checked<Of>,
): AbortSignal | undefined {
  // Also one of another realm; what it is used for is there.
  const isOne = (value: unknown) =>
    value instanceof AbortSignal || Object.prototype.toString.call(value) === '[object AbortSignal]';
  const signal = options.take<AbortSignal>('signal', isOne, 'an AbortSignal');
  signal?.throwIfAborted(); // before a key is copied
  return signal;
}

/**
 * A copy of the classic key that both ends have; undefined where there is none.
 * @param cipher that it has to do for
 * @throws CryptcabError
 */
export function classicKey(
  options: Checked<EndOptions>,
  cipher: CipherChoice,
  log: Log,
): Uint8Array | undefined {
  const bytes = leastKeyBytes(cipher);
  const key = options.key(
    'key',
    (key) => key.length >= bytes,
    parseHexKey,
    `a key for ${cipher === 'auto' ? 'blowfish' : cipher}, of ${bytes} bytes or twice as many hexadecimal digits, or the path of its file`,
  );
  return typeof key === 'string' ? presharedKey(key, cipher, log) : key;
}

/**
 * The option `endpoint`, which is there.
 * @throws CryptcabError
 */
export function endpointOf(options: Checked<{ readonly endpoint?: Endpoint | undefined }>): Endpoint {
  const given = options.within('endpoint', ENDPOINT_NAMES);
  return {
    host: given.required('host', given.word('host', 'a name or address')),
    port: given.required('port', given.integer('port', { ...ANY_PORT, min: 1 })),
  };
}
