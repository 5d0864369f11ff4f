// The values of options, as a command line writes them.
import { isIP, isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { bindAddress } from '../cable/udp/bind.js';
import type { Endpoint } from '../ends/endpoint.js';
import { type PeersSource, readPeersSource } from '../ends/peers/peers-option.js';
import { mayBeKey } from '../key-like.js';
import { parseKey } from '../keys/key-text.js';
import type { HttpPlace } from '../metrics/place.js';
import { type PolicyFields, parsePolicy } from '../network/policy.js';
import type { Value } from '../options/terms.js';
import { DEFAULT_PORT } from '../protocol/classic/constants.js';
import { INVITE_SECONDS } from '../protocol/secure/constants.js';
import { isHost, PLACES_MAX } from '../protocol/secure/invite-line.js';
import { UsageError } from './usage.js';

export interface Target {
  readonly user: string | undefined;
  readonly host: string;
  readonly port: number;
  /** Whether the port was named, and is not the default. */
  readonly portNamed?: true;
}

/** What a value comes to, by its kind. */
export interface Read {
  readonly switch: string;
  readonly file: string;
  readonly directory: string;
  readonly account: string;
  readonly address: string;
  readonly server: Target;
  readonly endpoint: Endpoint;
  readonly listen: HttpPlace;
  readonly 'public key': Uint8Array;
  readonly places: readonly { readonly host: string; readonly port: number | undefined }[];
  /** s */
  readonly time: number;
  readonly number: number;
  readonly rate: number;
  readonly port: number;
  readonly choice: string;
  readonly text: string;
  readonly policy: PolicyFields;
  readonly command: string;
  readonly peers: PeersSource;
}

/** A text is no value of this kind: the message is what a sentence with the option's name before it says. */
class NotValue extends Error {}

/**
 * Reads what follows an option.
 * @param name what a message calls the option
 * @throws UsageError
 */
export function readValue<Kind extends keyof Read>(
  name: string,
  text: string,
  value: Value & { readonly kind: Kind },
): Read[Kind] {
  try {
    return read(text, value) as Read[Kind];
  } catch (error) {
    throw error instanceof NotValue ? new UsageError(`${name} ${error.message}`) : error;
  }
}

function read(text: string, value: Value): Read[keyof Read] {
  switch (value.kind) {
    case 'port':
      return readPort(text);
    case 'address':
      return readBind(text);
    case 'server':
      return readTarget(text);
    case 'endpoint':
      return readEndpoint(text);
    case 'listen':
      return readListen(text);
    case 'public key':
      return readPublicKey(text);
    case 'places':
      return readPlaces(text);
    case 'time':
      return readTime(text);
    case 'policy':
      return readPolicy(text);
    case 'peers':
      return readPeers(text, value.names);
    case 'choice':
      if (value.choices.includes(text)) return text;
      throw new NotValue(`'${text}' is not known: give ${value.choices.join(' or ')}`);
    case 'number':
    case 'rate':
      return readNumber(text, value);
    default:
      if (holdsKey(text)) throw new NotValue(KEY_ITSELF);
      if (value.kind === 'account' && !/^[^:]+(:[^:]+)?$/.test(text))
        throw new NotValue('is followed by NAME or NAME:GROUP');
      if (text === '' && value.names !== undefined) throw new NotValue(`is empty: name ${value.names}`);
      return text;
  }
}

function readNumber(text: string, { kind, what, min, max }: Value & { kind: 'number' | 'rate' }): number {
  const digits = `\\d{1,${String(max).length}}`;
  const number = Number(new RegExp(`^(${digits})${kind === 'rate' ? '(?:/s)?' : ''}$`).exec(text)?.[1]);
  if (number >= min && number <= max) return number;
  throw new NotValue(
    kind === 'rate'
      ? `'${text}' is not ${what}: give ${min}/s to ${max}/s`
      : `'${text}' is not ${what} from ${min} to ${max}`,
  );
}

function readPolicy(text: string): PolicyFields {
  const fields = parsePolicy(text);
  if (typeof fields === 'string') throw new NotValue(`'${text}' is no policy: ${fields}`);
  return fields;
}

function readPeers(text: string, names: string | undefined): PeersSource {
  if (holdsKey(text)) throw new NotValue(KEY_ITSELF);
  if (text === '') throw new NotValue(`is empty: name ${names}`);
  const source = readPeersSource(text);
  if (typeof source === 'string') throw new NotValue(source);
  return source;
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port >= 0 && port <= 65535))
    throw new NotValue(`'${text}' is not a UDP port: give a number from 1 to 65535`);
  return port;
}

function readBind(text: string): string {
  const parsed = bindAddress(text);
  if ('address' in parsed) return parsed.address;
  throw new NotValue(
    `'${text}' is not an address to bind to: ${parsed.why}; give one that ip address shows here, without a port`,
  );
}

function readPublicKey(text: string): Uint8Array {
  const key = parseKey(text);
  // Nothing of it is repeated: it may be a private key by mistake.
  if (key === undefined)
    throw new NotValue(
      'is followed by no public key: it has 44 characters, as cryptcab pubkey and a WireGuard app show it',
    );
  return key;
}

/** Whether a word of the command line is a key, or has one for a part, as of USER@HOST:PORT or a locator. */
function holdsKey(text: string): boolean {
  return mayBeKey(text) || text.split(/:\/\/|[@:]/).some(mayBeKey);
}

/** Why an option that names something else may not be followed by a key. */
const KEY_ITSELF =
  'is followed by what may be a key itself, which other users can see in the list of processes: put a new one into a file, and name that file (as ./FILE where this is its name)';

function notTarget(text: string): never {
  throw new NotValue(
    `'${text}' is not [user@]host[:port]: an IPv6 address with a port is written [address]:port`,
  );
}

/** Nothing of it is repeated. */
function refusePassword(text: string): void {
  if (/:.*@/s.test(text))
    throw new NotValue(
      'has a password in it, which other users can see in the list of processes: give [user@]host[:port] alone; ssh asks for the password',
    );
}

/** `[user@]host[:port]`; an IPv6 address with a port needs brackets. */
function readTarget(text: string, refuse: (text: string) => never = notTarget): Target {
  if (holdsKey(text)) throw new NotValue(KEY_ITSELF);
  refusePassword(text);
  const at = text.lastIndexOf('@');
  const user = at < 0 ? undefined : text.slice(0, at);
  const rest = text.slice(at + 1);
  const parts =
    /^\[(?<host>[^\][]+)\](?::(?<port>.*))?$/.exec(rest) ??
    /^(?<host>[^:\][]*:[^:\][]*:[^\][]*)$/.exec(rest) ??
    /^(?<host>[^:\][]+)(?::(?<port>.*))?$/.exec(rest);
  const host = parts?.groups?.host;
  const word = /^[^-\s][^\s]*$/;
  const notSix = host?.includes(':') && !isIPv6(host);
  if (host === undefined || notSix || !word.test(host) || (user !== undefined && !word.test(user))) {
    return refuse(text);
  }
  const portText = parts?.groups?.port;
  if (portText === '')
    throw new NotValue(
      `'${text}' ends with a colon: give a UDP port from 1 to 65535 after it, or leave the colon out`,
    );
  const port = portText === undefined ? DEFAULT_PORT : readPort(portText);
  if (port === 0) throw new NotValue("port 0 is not a UDP port: give the server's UDP port");
  return { user, host, port, ...(portText !== undefined && { portNamed: true }) };
}

/** `HOST:PORT`. */
function readEndpoint(text: string): Endpoint {
  const refuse = (): never => {
    throw new NotValue(`'${text}' is not HOST:PORT: give both; an IPv6 address is written [address]:port`);
  };
  refusePassword(text);
  if (text.includes('@')) return refuse();
  const { host, port, portNamed } = readTarget(text, refuse);
  return portNamed ? { host, port } : refuse();
}

/** Places of a server, with commas between them. */
function readPlaces(text: string): Read['places'] {
  const all = text.split(',').map((one) => {
    const refuse = (): never => {
      throw new NotValue(
        `'${one}' is not HOST[:PORT]: an IPv6 address with a port is written [address]:port`,
      );
    };
    const { user, host, port, portNamed } = readTarget(one, refuse);
    if (user !== undefined || !isHost(host)) return refuse();
    return { host, port: portNamed ? port : undefined };
  });
  if (all.length > PLACES_MAX) throw new NotValue(`names ${all.length} places: name ${PLACES_MAX} at most`);
  return all;
}

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

function readTime(text: string): number {
  const [, digits, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const seconds = Number(digits) * (SECONDS[unit as keyof typeof SECONDS] ?? 0);
  const { min, max } = INVITE_SECONDS;
  if (seconds >= min && seconds <= max) return seconds;
  throw new NotValue(`'${text}' is not a time from 1m to ${max / SECONDS.d}d: give it as 30m, 1h or 7d`);
}

/** `ADDRESS:PORT` or `unix:PATH`. */
function readListen(text: string): HttpPlace {
  const path = /^unix:(.+)$/s.exec(text)?.[1];
  if (path !== undefined) return { path: resolve(path) };
  const { address, port } = /^\[?(?<address>[\w.:%-]+?)\]?:(?<port>\d{1,5})$/.exec(text)?.groups ?? {};
  if (address === undefined || isIP(address) === 0 || Number(port) > 65_535)
    throw new NotValue(
      `'${text}' is not ADDRESS:PORT or unix:PATH: give an address of this machine, as 127.0.0.1:9667 or [::1]:9667, or the path of a socket`,
    );
  return { host: address, port: Number(port) };
}

/** A directory as scp on another machine gets it, whose shell may look at it. */
export const FAR_DIRECTORY = /^[\w.,/@%+~-]+$/;
