import { CryptcabError, codeOf } from '../../error.js';
import { type Remote, remoteText } from '../../protocol/remote.js';
import { isAny } from '../udp/dual.js';
import { StaleRoute } from '../udp/stale-route.js';
import { BUFFER_BYTES, cannotOpen, lacksIPv6 } from '../udp/udp.js';
import { Arena, Messages, MMSGHDR } from './linux/arena.js';
import { ControlOut, type InfoFamily } from './linux/cmsg.js';
import {
  AF,
  ERRNO,
  IPV6_V6ONLY,
  type Libc,
  NO_ADDRESS,
  PKTINFO,
  POLL,
  SO,
  SOCK,
  SOL,
  UDP,
} from './linux/libc.js';
import { LOCAL_WORDS, NAME_BYTES, Names } from './linux/sockaddr.js';
import { INSTRUCTION_BYTES, steering } from './steering.js';

/** Largest datagram that the handshake sends, with much room. */
const DATAGRAM_BYTES = 2_048;
/** How long a datagram of the handshake waits for room. */
const ROOM_MS = 50;
/** Of an address that this machine does not have. */
const OF_ADDRESS: readonly string[] = ['EADDRNOTAVAIL', 'ENODEV', 'EINVAL'];

/** What is wrong with the port or our only address is wrong on every path; any other error speaks against this one alone. */
function fault(port: number, error: unknown, bind?: string): unknown {
  const wrong = ['EADDRINUSE', 'EACCES', ...(bind === undefined ? [] : OF_ADDRESS)];
  return wrong.includes(codeOf(error) ?? '') ? cannotOpen(port, error, bind) : error;
}

/** The UDP socket: opened here, and handshakes are sent from here; the datagrams of links are the I/O thread's. */
export class NativeSocket {
  readonly fd: number;
  readonly local: Remote;
  readonly names: Names;
  readonly family: InfoFamily;
  /** Whether the kernel cuts datagrams of one size out of one piece (UDP_SEGMENT). */
  readonly gso: boolean;
  /** Whether it hands out datagrams of one size in one piece (UDP_GRO). */
  readonly gro: boolean;
  /** What the kernel refused, and why, for people. */
  readonly lacks: string[] = [];
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #value: number;
  readonly #bytes: number;
  readonly #name: number;
  readonly #poll: number;
  readonly #message: Messages;
  readonly #control: ControlOut;
  readonly #stale = new StaleRoute();
  #connected = false;
  #closed = false;

  /**
   * @param bind our only address, if not all of them
   * @throws CryptcabError when port or address cannot be had
   */
  static open(libc: Libc, port: number, bind?: string): NativeSocket {
    return NativeSocket.#open(libc, port, bind, false);
  }

  /**
   * Opens sockets that share a port; the kernel gives each its part of what comes (steering.ts).
   * @param bind our only address, if not all of them
   * @throws CryptcabError when port or address cannot be had; any other error says why it cannot be shared here
   */
  static share(libc: Libc, port: number, count: number, bind?: string): NativeSocket[] {
    // One that shares with nobody shows whether somebody has the port: another server would share it as well.
    const alone = NativeSocket.open(libc, port, bind);
    alone.close();
    const sockets: NativeSocket[] = [];
    try {
      while (sockets.length < count) sockets.push(NativeSocket.#open(libc, alone.local.port, bind, true));
      for (const socket of sockets.slice(0, 1)) socket.#steer(count); // all who share the port go by it
    } catch (error) {
      for (const socket of sockets) socket.close();
      throw error;
    }
    return sockets;
  }

  static #open(libc: Libc, port: number, bind: string | undefined, shared: boolean): NativeSocket {
    try {
      return new NativeSocket(libc, port, bind, AF.INET6, shared);
    } catch (error) {
      const six = bind?.includes(':') && !isAny(bind);
      if (six || !lacksIPv6(error)) throw fault(port, error, bind);
    }
    try {
      return new NativeSocket(libc, port, isAny(bind) ? undefined : bind, AF.INET, shared);
    } catch (error) {
      throw fault(port, error, bind);
    }
  }

  private constructor(libc: Libc, port: number, bind: string | undefined, family: number, shared: boolean) {
    this.#libc = libc;
    this.#arena = new Arena(libc, 4_096);
    this.#value = this.#arena.take(8);
    this.#poll = this.#arena.take(8);
    this.#name = this.#arena.take(NAME_BYTES);
    this.#bytes = this.#arena.take(DATAGRAM_BYTES);
    this.names = new Names(libc, this.#arena, family);
    this.family = family === AF.INET6 ? 'both' : 'ipv4';
    this.#message = new Messages(this.#arena, 1, 1);
    this.#control = new ControlOut(this.#arena, this.family, 1);
    this.fd = this.#must('socket', libc.socket(family, SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0));
    try {
      if (family === AF.INET6) this.#must('setsockopt', this.#set(SOL.IPV6, IPV6_V6ONLY, 0));
      if (shared) this.#must('SO_REUSEPORT', this.#set(SOL.SOCKET, SO.REUSEPORT, 1));
      const address = bind ?? (family === AF.INET6 ? '::' : '0.0.0.0');
      this.#must('bind', libc.bind(this.fd, this.#place(this.names.encode({ address, port })), NAME_BYTES));
      this.local = this.#ownName();
    } catch (error) {
      libc.close(this.fd);
      throw error;
    }
    // As root past net.core.rmem_max and wmem_max.
    for (const [forced, asked] of [
      [SO.RCVBUFFORCE, SO.RCVBUF],
      [SO.SNDBUFFORCE, SO.SNDBUF],
    ] as const) {
      if (this.#set(SOL.SOCKET, forced, BUFFER_BYTES) < 0) this.#set(SOL.SOCKET, asked, BUFFER_BYTES);
    }
    // Without it the system chooses the address that is answered from.
    if (family === AF.INET6) this.#set(SOL.IPV6, PKTINFO.ASK_IPV6, 1);
    else this.#set(SOL.IP, PKTINFO.IPV4, 1);
    this.gso = this.#offers('GSO', UDP.SEGMENT, 0); // 0: for each message again
    this.gro = this.#offers('GRO', UDP.GRO, 1);
  }

  /** Attaches the program that says which socket of the port gets a datagram: struct sock_fprog, and what it points to. */
  #steer(sockets: number): void {
    const program = steering(sockets);
    const arena = new Arena(this.#libc, program.length + 64);
    const head = arena.take(16);
    const at = arena.take(program.length);
    arena.bytes.set(program, at);
    arena.halves[head >> 1] = program.length / INSTRUCTION_BYTES;
    arena.store64(head + 8, arena.address(at));
    const { setsockopt } = this.#libc;
    this.#must(
      'SO_ATTACH_REUSEPORT_CBPF',
      setsockopt(this.fd, SOL.SOCKET, SO.ATTACH_REUSEPORT_CBPF, arena.address(head), 16),
    );
  }

  #must(call: string, result: number): number {
    if (result >= 0) return result;
    const code = this.#libc.errorName(this.#libc.errno());
    throw Object.assign(new Error(`${call} ${code}`), { code });
  }

  /** Whether the kernel grants an option of UDP's, which can be done without. */
  #offers(what: string, name: number, value: number): boolean {
    if (this.#set(SOL.UDP, name, value) === 0) return true;
    this.lacks.push(`${what} refused: ${this.#libc.errorName(this.#libc.errno())}`);
    return false;
  }

  #set(level: number, name: number, value: number): number {
    this.#arena.words[this.#value >> 2] = value;
    return this.#libc.setsockopt(this.fd, level, name, this.#arena.address(this.#value), 4);
  }

  /** Puts a sockaddr where its address can be taken. */
  #place(name: Uint8Array | undefined): number {
    if (name !== undefined) this.#arena.bytes.set(name.subarray(0, NAME_BYTES), this.#name);
    return this.#arena.address(this.#name);
  }

  #ownName(): Remote {
    this.#arena.words[this.#value >> 2] = NAME_BYTES;
    this.#libc.getsockname(this.fd, this.#arena.address(this.#name), this.#arena.address(this.#value));
    return this.names.decode(this.#arena.bytes.slice(this.#name, this.#name + NAME_BYTES));
  }

  /**
   * Sends a datagram of the handshake.
   * @returns the error's number, 0 when there is none
   */
  send(datagram: Uint8Array, to: Remote): number {
    const way = this.#connected ? undefined : this.names.encode(to);
    if (way === undefined && !this.#connected) return ERRNO.INVAL;
    const message = this.#message.at(0);
    this.#arena.bytes.set(datagram, this.#bytes);
    this.#message.part(0, 0, this.#arena.address(this.#bytes), datagram.length);
    this.#arena.store64(message + MMSGHDR.name, way === undefined ? 0 : this.#place(way));
    this.#message.setField(0, MMSGHDR.nameLength, way === undefined ? 0 : NAME_BYTES);
    const local = way && to.local !== undefined && new Uint32Array(way.buffer, NAME_BYTES, LOCAL_WORDS);
    const error = this.#sendFrom(local || undefined);
    // The address that was asked is gone: the system chooses another.
    return local && NO_ADDRESS.includes(error) ? this.#sendFrom(undefined) : error;
  }

  /** Sends what is described. @param local our address, if not one of the system's choice */
  #sendFrom(local: Uint32Array | undefined): number {
    const bound = local !== undefined;
    this.#control.write(0, local, 0);
    this.#arena.store64(this.#message.at(0) + MMSGHDR.control, this.#control.address(0, bound));
    this.#message.setField(0, MMSGHDR.controlLength, this.#control.bytes(bound, false));
    const send = () =>
      this.#libc.sendmmsg(this.fd, this.#message.address(0), 1, 0) < 0 ? this.#libc.errno() : 0;
    const error = send();
    if (error !== ERRNO.AGAIN) return error;
    // Full of the links' datagrams: it has room again in a moment.
    this.#arena.words[this.#poll >> 2] = this.fd;
    this.#arena.words[(this.#poll + 4) >> 2] = POLL.OUT;
    this.#libc.poll(this.#arena.address(this.#poll), 1, ROOM_MS);
    return send();
  }

  /** Sends to, and receives from, this remote alone; see Udp. */
  connect(to: Remote): Remote {
    const name = this.names.encode(to);
    const fail = (why: string) => new CryptcabError(`cannot reach ${remoteText(to)}: ${why}`);
    if (name === undefined) throw fail('connect EAFNOSUPPORT');
    if (this.#connected) this.#disconnect();
    if (this.#libc.connect(this.fd, this.#place(name), NAME_BYTES) < 0)
      throw fail(`connect ${this.#libc.errorName(this.#libc.errno())}`);
    const remote = this.names.decode(name);
    this.#connected = true;
    if (!this.#stale.connects(remote)) this.#disconnect();
    return remote;
  }

  #disconnect(): void {
    this.#libc.connect(this.fd, this.#place(new Uint8Array(NAME_BYTES)), NAME_BYTES); // AF_UNSPEC: to nobody
    this.#connected = false;
  }

  /** Whether what comes from there is for the remote that it was connected to. */
  hears(from: Remote): boolean {
    return this.#stale.hears(from);
  }

  get connected(): boolean {
    return this.#connected;
  }

  close(): void {
    if (!this.#closed) this.#libc.close(this.fd);
    this.#closed = true; // its number may be another's by now
  }
}
