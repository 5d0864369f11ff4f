import { chmodSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { CryptcabError, codeOf, messageOf } from '../error.js';
import type { Enrolled, Invited, InviteRequest } from '../keys/enrolment.js';
import { type Log, SeldomLog } from '../log.js';
import { secretRoom } from '../protocol/secret.js';
import { ByteLine } from './byte-line.js';
import type { ByteSink, CaptureWish } from './capture-terms.js';
import type { UserOf } from './credentials.js';
import {
  type AddedPeer,
  type Answer,
  answerLine,
  type By,
  type Changed,
  PATIENCE_MS,
  parseRequest,
  REQUEST_BYTES,
  type Request,
} from './message.js';
import { readInto } from './own-memory.js';
import { type EndStatus, rounded } from './status.js';
import { sendStream } from './stream.js';

/** At a time; more are turned away. */
const CONNECTIONS_MAX = 16;

/** What can be asked of a running end; each throws an error that says why it cannot be. */
export interface Controlled {
  status(): EndStatus;
  enrol(publicKey: Uint8Array, presharedKey: Uint8Array, name?: string, by?: By): Enrolled;
  invite(request: InviteRequest): Invited;
  /**
   * @param publicKey of the one that is meant; all of the name where it is missing
   * @returns how many were taken back
   */
  cancelInvites(name: string, publicKey?: Uint8Array): number;
  /** @param peer its public key, or the address of a classic client, here and below */
  ping(peer: string): Promise<number | undefined>;
  /** Begins a capture, and gives what ends it. */
  capture(wish: CaptureWish, sink: ByteSink, ended: () => void): () => void;
  /** Begins to say what the log has, and what comes if that is wished; gives what ends it. */
  readLog(follow: boolean, sink: ByteSink, ended: () => void): () => void;
  addPeer(peer: AddedPeer): Promise<Changed>;
  removePeer(peer: string): Changed;
  renamePeer(peer: string, name: string): Changed;
  limitPeer(peer: string, policy: string): Promise<Changed>;
  /** @returns those of the addresses that a station of the network has */
  usedAddresses(addresses: readonly string[]): Promise<readonly string[]>;
  /** @returns the address that a DHCP server keeps for a device, with its network */
  leaseAddress(publicKey: string, name?: string): Promise<string>;
  /** Ends its session; it may connect again. */
  kick(peer: string): Changed;
  /** Sends all peers elsewhere, and ends. @param seconds at the latest @returns how many are told */
  drain(seconds: number): number;
}

export interface ControlConfiguration extends Controlled {
  /** Where the socket should be; a stale one there is replaced. */
  readonly path: string;
  readonly userOf: UserOf;
  /** Puts the names of options where their marks are (options/name.ts). */
  readonly words: (marked: string) => string;
  readonly log: Log;
}

export interface Control {
  /** Whether its file is still there. */
  readonly there: boolean;
  close(): Promise<void>;
}

/** Another end has the control socket. */
export class ControlTaken extends CryptcabError {}

/**
 * Opens the control socket of a running end.
 * @throws ControlTaken when another end has it, CryptcabError when it cannot be made
 */
export async function openControl(configuration: ControlConfiguration): Promise<Control> {
  const { path, log } = configuration;
  const seldom = new SeldomLog();
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (accepted) => {
    const socket = serve(accepted, async (line) => {
      const answer = await answerTo(line, configuration, socket);
      if (answer === undefined) return undefined;
      if ('error' in answer) {
        const say = (times: number) => log.warn({ times }, `refused a control request: ${answer.error}`);
        seldom.note(performance.now(), answer.error, say);
      }
      return configuration.words(answerLine(answer));
    });
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.maxConnections = CONNECTIONS_MAX;
  try {
    await listen(server, path);
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw cannotMake(path, error);
    if (await isLive(path)) {
      throw new ControlTaken(
        `another end has the control socket ${path}: end it, or choose another port with -p`,
      );
    }
    try {
      rmSync(path, { force: true });
      await listen(server, path);
    } catch (again) {
      throw cannotMake(path, again);
    }
  }
  try {
    chmodSync(path, 0o600);
  } catch {
    // A file system that knows no modes of sockets. Its directory keeps others out.
  }
  server.on('error', (error) => log.warn({}, `control socket: ${messageOf(error)}`));
  await removeStale(dirname(path));
  const own = inodeOf(path);
  return {
    get there() {
      return inodeOf(path) === own;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve()); // takes the socket's file away, too
        for (const socket of sockets) if (!socket.writableEnded) socket.destroy();
      }),
  };
}

/** What a client is called after has a number of its own each time: its socket, when it was killed, is nobody else's to replace. */
const OF_CLIENT = /^client-\d+\.sock$/;

/** Takes away the sockets that clients have left in a directory. */
async function removeStale(directory: string): Promise<void> {
  let names: string[];
  try {
    names = readdirSync(directory).filter((name) => OF_CLIENT.test(name));
  } catch {
    return;
  }
  await Promise.all(
    names.map(async (name) => {
      const path = join(directory, name);
      if (await isLive(path)) return;
      try {
        rmSync(path, { force: true });
      } catch {
        // then it stays, and nobody answers there
      }
    }),
  );
}

function cannotMake(path: string, error: unknown): CryptcabError {
  return new CryptcabError(`cannot make the control socket ${path}: ${messageOf(error)}`);
}

function inodeOf(path: string): bigint | undefined {
  try {
    return lstatSync(path, { bigint: true }).ino;
  } catch {
    return undefined;
  }
}

/** Nobody but its user gets at what is made meanwhile. */
function forUserAlone(make: () => void): void {
  let before: number | undefined;
  try {
    before = process.umask(0o177);
  } catch {
    // Deno was not allowed to: the mode is set a moment later.
  }
  try {
    make();
  } finally {
    if (before !== undefined) process.umask(before);
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    forUserAlone(() =>
      server.listen(path, () => {
        server.off('error', reject);
        resolve();
      }),
    );
  });
}

/** Whether an end answers there, rather than the file of one that was killed. */
function isLive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // Nobody listens; or it is no socket at all, and then it is in the way as a stale one is.
    socket.on('error', (error) =>
      resolve(!['ECONNREFUSED', 'ENOENT', 'ENOTSOCK'].includes(codeOf(error) ?? '')),
    );
  });
}

async function answerTo(
  line: Uint8Array | undefined,
  controlled: ControlConfiguration,
  socket: Socket,
): Promise<Answer | undefined> {
  const user = controlled.userOf(socket);
  if (user !== undefined && user !== 0 && user !== process.geteuid?.())
    return { error: 'this cable is of another user' };
  if (line === undefined) return { error: `a request is one line of ${REQUEST_BYTES} bytes at most` };
  const request = parseRequest(line);
  if (typeof request === 'string') return { error: request };
  try {
    if (request.do === 'log') {
      const { follow } = request;
      sendStream(socket, { log: 'json' }, (sink, ended) => controlled.readLog(follow, sink, ended));
      return undefined;
    }
    if (request.do !== 'capture') return await fulfil(request, controlled);
    const { wire, peer } = request;
    sendStream(socket, { capture: 'pcapng' }, (sink, ended) =>
      controlled.capture({ wire, peer }, sink, ended),
    );
    return undefined;
  } catch (error) {
    return { error: messageOf(error) };
  } finally {
    if ('presharedKey' in request) request.presharedKey.fill(0);
  }
}

async function fulfil(
  request: Exclude<Request, { readonly do: 'capture' | 'log' }>,
  end: Controlled,
): Promise<Answer> {
  switch (request.do) {
    case 'enrol':
      return end.enrol(request.publicKey, request.presharedKey, request.name, request.by);
    case 'invite':
      return end.invite(request);
    case 'cancel':
      return { taken: end.cancelInvites(request.name, request.publicKey) };
    case 'status':
      return end.status();
    case 'ping': {
      const took = await end.ping(request.peer);
      return { roundTrip: took === undefined ? null : rounded(took) };
    }
    case 'add':
      return end.addPeer(request);
    case 'remove':
      return end.removePeer(request.peer);
    case 'kick':
      return end.kick(request.peer);
    case 'drain':
      return { told: end.drain(request.seconds) };
    case 'rename':
      return end.renamePeer(request.peer, request.name);
    case 'limit':
      return end.limitPeer(request.peer, request.policy);
    case 'probe':
      return { used: await end.usedAddresses(request.addresses) };
    case 'lease':
      return { leased: await end.leaseAddress(request.publicKey, request.name) };
  }
}

/**
 * Reads one line and answers it; then the connection ends, also when no line comes in time.
 * @param answer to the line, its end left out; to undefined when it is none. Where it gives none, the connection is its own from then on
 * @returns the connection to use
 */
function serve(
  accepted: Socket,
  answer: (line: Uint8Array | undefined) => Promise<string | undefined>,
): Socket {
  const line = new ByteLine(REQUEST_BYTES);
  let came = false;
  let answered = false;
  const end = (whole: boolean) => {
    if (answered) return; // what else comes is read and passed over; unread, it would cut the answer off
    answered = true;
    const said = answer(whole ? line.bytes : undefined);
    said
      .then((text) => (text === undefined ? clearTimeout(timer) : socket.end(text)))
      .finally(() => line.bytes.fill(0));
  };
  const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
  const socket = readInto(accepted, secretRoom(REQUEST_BYTES), (bytes) => {
    came = true;
    line.push(bytes);
    if (line.ended || line.long) end(line.ended);
  });
  // Who says nothing at all only sees whether a server is here (isLive).
  socket.on('end', () => (came ? end(false) : socket.destroy()));
  socket.on('error', () => {}); // 'close' follows
  socket.on('close', () => {
    clearTimeout(timer);
    line.bytes.fill(0);
  });
  return socket;
}
