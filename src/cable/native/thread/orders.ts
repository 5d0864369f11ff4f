import type { FrameCore } from '../../../core/frame-core.js';
import { Refusals } from '../../../protocol/send-refusals.js';
import { WAY_WORDS } from '../linux/sockaddr.js';
import type { Port } from '../ports/port.js';
import type { Datagrams } from './datagrams.js';
import { FrameSide } from './frame-side.js';
import type { FrameTools } from './frame-tools.js';
import type { Peer } from './peer.js';
import type { Ready } from './ready.js';
import { report } from './reports.js';
import { FEED_MAX, type LinkOrder } from './talk.js';

/** Slots that must be free before anything is taken in: a frame in fragments needs 21 at most. */
export const ROOM_MIN = 32;
/** Batches of frames that are refused at most when nobody answers. */
const DISCARDED = 64;

/** What the I/O thread has that orders are about. */
export interface OrdersHost {
  readonly core: FrameCore;
  readonly datagrams: Datagrams;
  readonly tools: FrameTools;
  readonly ready: Ready;
  /** Has the core work through what waits in the ring. */
  pump(): void;
  /** Hands what waits at a side to its port, or to the plug on the main thread. */
  handOver(peer: Peer, side: FrameSide): void;
}

function bytesOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

/** Tells once that a secure link has frames, and no key. */
export function want(session: number): void {
  report({ says: 'wanted', session });
}

/** The links, as the I/O thread knows them, and what the main thread orders about them. */
export class Orders {
  readonly #host: OrdersHost;
  /** By session. */
  readonly #peers: (Peer | undefined)[] = [];
  /** Those whose plug on the main thread gave more than was read. */
  readonly backlogged = new Set<Peer>();

  constructor(host: OrdersHost) {
    this.#host = host;
  }

  /** The link that has this session. */
  at(session: number): Peer | undefined {
    return this.#peers[session];
  }

  #peer(session: number): Peer {
    this.#peers[session] ??= {
      session,
      up: false,
      name: undefined,
      local: undefined,
      astray: 0,
      connected: false,
      refusals: new Refusals(),
      segmentMax: 0,
      side: undefined,
      piped: false,
      even: false,
      backlog: [],
      opened: 0,
      touched: false,
      secure: undefined,
      host: false,
    };
    return this.#peers[session];
  }

  /** Gives a link its port, or takes it away. */
  plug(side: FrameSide, port: Port | undefined, number: number): void {
    const { ready } = this.#host;
    ready.remove(side);
    side.plug(port, number);
    ready.add(side);
  }

  carryOut(order: LinkOrder): void {
    const peer = this.#peer(order.session);
    switch (order.do) {
      case 'raise':
        peer.connected = order.connected;
        this.#host.datagrams.raise(peer, order.way);
        break;
      case 'lower':
        this.#host.datagrams.lower(peer);
        break;
      case 'plug':
        peer.piped = false;
        peer.side ??= new FrameSide(this.#host.tools, peer.session);
        this.plug(peer.side, order.port, order.number);
        break;
      case 'pipe':
        peer.piped = true;
        peer.even = order.even;
        if (peer.side !== undefined) this.#host.handOver(peer, peer.side);
        break;
      case 'feed':
        peer.backlog.push(order.piece);
        this.backlogged.add(peer);
        break;
      case 'resetStream':
        this.#forgetStream(peer);
        break;
      case 'open':
        this.#host.datagrams.put(peer, order.datagram, order.way);
        this.#host.pump();
        break;
      case 'join':
        peer.secure = { indices: [], toldIndex: undefined, toldFrom: new Uint32Array(WAY_WORDS) };
        peer.side = new FrameSide(this.#host.tools, peer.session, order.path);
        this.#host.ready.add(peer.side);
        break;
      case 'path':
        this.#host.core.setPath(peer.session, order.path);
        peer.side?.fit(order.path);
        this.#host.datagrams.out.renew(peer);
        break;
      case 'address':
        this.#host.datagrams.raise(peer, order.way);
        break;
      case 'install':
        this.#unroute(peer, order.place);
        if (peer.secure !== undefined) peer.secure.indices[order.place] = order.index;
        this.#host.datagrams.route(order.index, peer);
        break;
      case 'drop':
        this.#unroute(peer, order.place);
        break;
      case 'seal':
        this.#holdBack(peer, !order.can);
        break;
      case 'host':
        peer.host = true;
        this.#holdBack(peer, false);
        break;
      case 'inject':
        this.#inject(peer, order.frame);
        break;
      case 'discard':
        this.#discard(peer);
        break;
      case 'pull':
        if (peer.side !== undefined) this.plug(peer.side, undefined, 0);
        peer.side?.drop();
        peer.piped = false;
        this.#forgetStream(peer);
        report({ says: 'unplugged', ticket: order.ticket });
        break;
      case 'unplug':
        this.#host.datagrams.lower(peer);
        for (const place of peer.secure?.indices.keys() ?? []) this.#unroute(peer, place);
        if (peer.side !== undefined) this.#host.ready.remove(peer.side);
        peer.side?.drop();
        this.backlogged.delete(peer);
        this.#peers[peer.session] = undefined;
        report({ says: 'unplugged', ticket: order.ticket });
        break;
    }
  }

  /** Forgets what is left of a plug's stream. */
  #forgetStream(peer: Peer): void {
    const bytes = bytesOf(peer.backlog);
    if (bytes > 0) report({ says: 'fed', session: peer.session, bytes });
    peer.backlog = [];
    this.backlogged.delete(peer);
    this.#host.core.resetStream(peer.session);
  }

  #unroute(peer: Peer, place: number): void {
    const index = peer.secure?.indices[place];
    if (peer.secure === undefined || index === undefined) return;
    this.#host.datagrams.route(index, undefined);
    peer.secure.indices[place] = undefined;
  }

  /** Whether a secure link's frames wait for a key. */
  #holdBack(peer: Peer, holds: boolean): void {
    const { side } = peer;
    if (side === undefined) return;
    side.holds = holds && !peer.host;
    side.wanted = false;
    if (peer.backlog.length > 0) this.backlogged.add(peer);
    this.#host.ready.resume(side);
  }

  /** Hands a frame of the main thread's to a link's switch. */
  #inject(peer: Peer, frame: Uint8Array): void {
    const { core, handOver } = this.#host;
    const { side } = peer;
    const put = side && core.borrowFrame(frame);
    if (side === undefined || put === undefined) {
      core.dropped(peer.session, 1, 0);
      return;
    }
    side.queue(put.place, put.address, put.length);
    handOver(peer, side);
  }

  /** Has the core refuse what waits for a key; what comes then waits again. */
  #discard(peer: Peer): void {
    const { side } = peer;
    if (!side?.holds) return;
    side.holds = false;
    for (let i = 0; i < DISCARDED && side.take() > 0; i++) this.#host.pump();
    this.feed(peer);
    this.#holdBack(peer, true);
  }

  /** Reads what its plug on the main thread gave, as far as there is room. */
  feed(peer: Peer): void {
    const { core } = this.#host;
    const { side } = peer;
    if (side?.holds && bytesOf(peer.backlog) <= FEED_MAX) {
      if (!side.wanted) want(peer.session);
      side.wanted = true;
      this.backlogged.delete(peer);
      return;
    }
    let bytes = 0;
    for (let piece = peer.backlog[0]; piece !== undefined; piece = peer.backlog[0]) {
      const part = piece.subarray(0, core.pieceMax);
      const taken = core.readStream(peer.session, part);
      bytes += taken;
      if (taken < piece.length) peer.backlog[0] = piece.subarray(taken);
      else peer.backlog.shift();
      if (taken < part.length) {
        this.#host.pump();
        if (core.ring.room < ROOM_MIN) break;
      }
    }
    this.#host.pump();
    if (bytes > 0) report({ says: 'fed', session: peer.session, bytes });
    if (peer.backlog.length === 0) this.backlogged.delete(peer);
  }
}
