// A status as an end may say it, for tests.
import { type EndStatus, type Flow, type PeerStatus, STATUS_VERSION } from '../../src/control/status.js';

const NOTHING: Flow = { in: { frames: 0, bytes: 0 }, out: { frames: 0, bytes: 0 } };
const TIME = '2026-01-01T00:00:00.000Z';

export function peerStatus(more: Partial<PeerStatus> = {}): PeerStatus {
  return {
    peer: 'alice (AQEBAQEB…)',
    name: 'alice',
    publicKey: 'AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=',
    cable: 'secure',
    cipher: 'secure',
    origin: { how: 'file', user: null, address: null, at: null },
    address: '192.0.2.1:7667',
    up: true,
    since: TIME,
    why: null,
    heard: TIME,
    roundTrip: 1.5,
    loss: 0,
    carried: NOTHING,
    rates: { over5s: NOTHING, over60s: NOTHING },
    refused: {},
    policy: null,
    wireguard: null,
    macs: [],
    dropped: { bySwitch: 0, unopened: 0 },
    port: 'open',
    portTrouble: null,
    pathMtu: 1500,
    ...more,
  };
}

export function endStatus(more: Partial<EndStatus> = {}): EndStatus {
  return {
    version: STATUS_VERSION,
    name: '7667',
    program: '0.0.0',
    pid: 4711,
    role: 'server',
    mode: 'secure',
    plain: false,
    time: TIME,
    since: TIME,
    up: true,
    why: null,
    address: '::',
    port: 7667,
    publicKey: null,
    server: null,
    called: null,
    plug: { locator: '/tmp/vde.ctl', open: true, trouble: null },
    io: 'native',
    threads: 1,
    pathMtu: 1500,
    carried: NOTHING,
    rates: { over5s: NOTHING, over60s: NOTHING },
    refused: { frames: {}, handshakes: {} },
    dropped: { bySwitch: 0, unopened: 0 },
    handshakes: 0,
    log: { suppressed: 0 },
    peers: [],
    pending: [],
    ...more,
  };
}
