import { chmodSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { CryptcabError, codeOf, messageOf } from '../error.js';
import type { Enrolled } from '../keys/enrolment.js';
import { type Log, SeldomLog } from '../log.js';
import { ByteLine } from './byte-line.js';
import type { UserOf } from './credentials.js';
import { answerLine, PATIENCE_MS, parseRequest, REQUEST_BYTES, type Status } from './message.js';

/** At a time; more are turned away. */
const CONNECTIONS_MAX = 16;

/** What can be asked of a running server. */
export interface Controlled {
  /** @throws RangeError that says why this one cannot be a peer */
  enrol(publicKey: Uint8Array, presharedKey: Uint8Array): Enrolled;
  status(): Status;
}

export interface ControlConfiguration extends Controlled {
  /** Where the socket is to be; a stale one there is replaced. */
  readonly path: string;
  readonly userOf: UserOf;
  readonly log: Log;
}

export interface Control {
  close(): Promise<void>;
}

/** Another server has the control socket. */
export class ControlTaken extends CryptcabError {}

/**
 * Opens the control socket of a running server.
 * @throws ControlTaken when another server has it, CryptcabError when it cannot be made
 */
export async function openControl(configuration: ControlConfiguration): Promise<Control> {
  const { path, log } = configuration;
  const seldom = new SeldomLog();
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    serve(socket, (line) => {
      const answer = answerTo(line, configuration, socket);
      if ('error' in answer) {
        const say = (times: number) => log.warn({ times }, `refused a control request: ${answer.error}`);
        seldom.note(performance.now(), answer.error, say);
      }
      return answerLine(answer);
    });
  });
  server.maxConnections = CONNECTIONS_MAX;
  try {
    await listen(server, path);
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw cannotMake(path, error);
    if (await isLive(path)) {
      throw new ControlTaken(
        `another server has the control socket ${path}: end it, or choose another port with -p`,
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
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve()); // takes the socket's file away, too
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function cannotMake(path: string, error: unknown): CryptcabError {
  return new CryptcabError(`cannot make the control socket ${path}: ${messageOf(error)}`);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Whether a server answers there, rather than the file of one that was killed. */
function isLive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // Nobody listens; or it is no socket at all, and then it stands in the way as a stale one does.
    socket.on('error', (error) =>
      resolve(!['ECONNREFUSED', 'ENOENT', 'ENOTSOCK'].includes(codeOf(error) ?? '')),
    );
  });
}

function answerTo(line: Uint8Array | undefined, controlled: ControlConfiguration, socket: Socket) {
  const user = controlled.userOf(socket);
  if (user !== undefined && user !== 0 && user !== process.geteuid?.()) return { error: 'not your server' };
  if (line === undefined) return { error: `a request is one line of ${REQUEST_BYTES} bytes at most` };
  const request = parseRequest(line);
  if (typeof request === 'string') return { error: request };
  if (request.do === 'status') return controlled.status();
  try {
    return controlled.enrol(request.publicKey, request.presharedKey);
  } catch (error) {
    return { error: messageOf(error) };
  } finally {
    request.presharedKey.fill(0);
  }
}

/**
 * Reads one line and answers it; then the connection ends, also when no line comes in time.
 * @param answer to the line, its end left out; to undefined when it is none
 */
function serve(socket: Socket, answer: (line: Uint8Array | undefined) => string): void {
  const line = new ByteLine(REQUEST_BYTES);
  let came = false;
  let answered = false;
  const end = (whole: boolean) => {
    if (answered) return; // what else comes is read and passed over; unread, it would cut the answer off
    answered = true;
    socket.end(answer(whole ? line.bytes : undefined));
    line.bytes.fill(0);
  };
  const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
  socket.on('data', (bytes) => {
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
}
