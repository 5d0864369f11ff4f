// Whether a line from the control socket is a status: it may be of another version, or of another user's making.
import type { EndStatus, Flow, PeerStatus, PendingPeer, SeenMac, WireGuardHost } from './status.js';
import { STATUS_VERSION } from './status.js';

type Check = (value: unknown) => boolean;
/** A check for each field of a type, so that none is forgotten. */
type Checks<T> = { readonly [Key in keyof T]-?: Check };

const text: Check = (value) => typeof value === 'string';
const count: Check = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const flag: Check = (value) => typeof value === 'boolean';
const instant: Check = (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value));
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const oneOf =
  (...words: readonly unknown[]): Check =>
  (value) =>
    words.includes(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object that has these fields, and perhaps others of a later version. */
function has<T>(checks: Checks<T>): Check {
  const all = Object.entries<Check>(checks);
  return (value) => isObject(value) && all.every(([key, check]) => check(value[key]));
}

const reasons: Check = (value) => isObject(value) && Object.values(value).every(count);
const traffic = has<Flow['in']>({ frames: count, bytes: count });
const flow = has<Flow>({ in: traffic, out: traffic });
const rates = has({ over5s: flow, over60s: flow });
const dropped = has({ bySwitch: count, unopened: count });
const origin = has({ how: text, user: orNull(text), address: orNull(text), at: orNull(instant) });

const peer = has<PeerStatus>({
  peer: text,
  name: orNull(text),
  publicKey: orNull(text),
  cable: oneOf('secure', 'classic'),
  cipher: orNull(text),
  origin: orNull(origin),
  address: orNull(text),
  up: flag,
  since: instant,
  why: orNull(text),
  heard: orNull(instant),
  roundTrip: orNull(count),
  loss: orNull(count),
  carried: flow,
  rates,
  refused: reasons,
  policy: orNull(text),
  macs: listOf(has<SeenMac>({ mac: text, seen: text })),
  wireguard: orNull(has<WireGuardHost>({ addresses: listOf(text), mac: text, dhcp: flag })),
  dropped,
  port: orNull(text),
  portTrouble: orNull(text),
  pathMtu: orNull(count),
});

const pending = has<PendingPeer>({
  publicKey: text,
  address: text,
  first: instant,
  last: instant,
  times: count,
});

const status = has<EndStatus>({
  version: oneOf(STATUS_VERSION),
  name: text,
  program: text,
  pid: count,
  role: oneOf('server', 'client'),
  mode: oneOf('secure', 'classic', 'both'),
  plain: flag,
  time: instant,
  since: instant,
  up: flag,
  why: orNull(text),
  address: text,
  port: count,
  publicKey: orNull(text),
  server: orNull(text),
  called: orNull(text),
  plug: has({ locator: orNull(text), open: orNull(flag), trouble: orNull(text) }),
  io: text,
  threads: count,
  pathMtu: orNull(count),
  carried: flow,
  rates,
  refused: has({ frames: reasons, handshakes: reasons }),
  dropped,
  handshakes: count,
  log: has({ suppressed: count }),
  peers: listOf(peer),
  pending: listOf(pending),
});

export function isStatus(value: unknown): value is EndStatus {
  return status(value);
}
