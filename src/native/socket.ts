import { CryptcabError } from '../error.js';
import { type Remote, remoteText } from '../protocol/remote.js';
import { BUFFER_BYTES, cannotOpen } from '../udp/udp.js';
import { Arena } from './arena.js';
import { AF, ERRNO, IPV6_V6ONLY, type Libc, POLL, SO, SOCK, SOL, UDP } from './libc.js';
import { NAME_BYTES, Names } from './sockaddr.js';
import { INSTRUCTION_BYTES, steering } from './steering.js';

/** Largest datagram that the handshake sends, with much room. */
const DATAGRAM_BYTES = 2_048;
/** How long a datagram of the handshake waits for room. */
const ROOM_MS = 50;
const NO_IPV6: readonly string[] = ['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'];

/** The UDP socket: opened here, and handshakes are sent from here; the datagrams of links are the I/O thread's. */
export class NativeSocket {
  readonly fd: number;
  readonly local: Remote;
  readonly names: Names;
  /** Whether the kernel cuts datagrams of one size out of one piece (UDP_SEGMENT). */
  readonly gso: boolean;
  /** Whether it hands out datagrams of one size in one piece (UDP_GRO). */
  readonly gro: boolean;
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #value: number;
  readonly #bytes: number;
  readonly #name: number;
  readonly #poll: number;
  #connected = false;

  /** @throws CryptcabError when the port cannot be had */
  static open(libc: Libc, port: number): NativeSocket {
    return NativeSocket.#open(libc, port, false);
  }

  /**
   * Opens sockets that share a port; the kernel gives each its part of what comes (steering.ts).
   * @throws CryptcabError when the port cannot be had; any other error says why it cannot be shared here
   */
  static share(libc: Libc, port: number, count: number): NativeSocket[] {
    // One that shares with nobody shows whether somebody has the port: another server would share it as well.
    const alone = NativeSocket.open(libc, port);
    alone.close();
    const sockets: NativeSocket[] = [];
    try {
      while (sockets.length < count) sockets.push(NativeSocket.#open(libc, alone.local.port, true));
      for (const socket of sockets.slice(0, 1)) socket.#steer(count); // all who share the port go by it
    } catch (error) {
      for (const socket of sockets) socket.close();
      throw error;
    }
    return sockets;
  }

  static #open(libc: Libc, port: number, shared: boolean): NativeSocket {
    try {
      return new NativeSocket(libc, port, AF.INET6, shared);
    } catch (error) {
      if (!NO_IPV6.includes((error as { code?: string }).code ?? '')) throw cannotOpen(port, error);
    }
    try {
      return new NativeSocket(libc, port, AF.INET, shared);
    } catch (error) {
      throw cannotOpen(port, error);
    }
  }

  private constructor(libc: Libc, port: number, family: number, shared: boolean) {
    this.#libc = libc;
    this.#arena = new Arena(libc, 4_096);
    this.#value = this.#arena.take(8);
    this.#poll = this.#arena.take(8);
    this.#name = this.#arena.take(NAME_BYTES);
    this.#bytes = this.#arena.take(DATAGRAM_BYTES);
    this.names = new Names(libc, this.#arena, family);
    this.fd = this.#must('socket', libc.socket(family, SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0));
    try {
      if (family === AF.INET6) this.#must('setsockopt', this.#set(SOL.IPV6, IPV6_V6ONLY, 0));
      if (shared) this.#must('SO_REUSEPORT', this.#set(SOL.SOCKET, SO.REUSEPORT, 1));
      const any = this.#place(this.names.encode({ address: family === AF.INET6 ? '::' : '0.0.0.0', port }));
      this.#must('bind', libc.bind(this.fd, any, NAME_BYTES));
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
    this.gso = this.#set(SOL.UDP, UDP.SEGMENT, 0) === 0; // 0: for each message anew
    this.gro = this.#set(SOL.UDP, UDP.GRO, 1) === 0;
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

  #set(level: number, name: number, value: number): number {
    this.#arena.words[this.#value >> 2] = value;
    return this.#libc.setsockopt(this.fd, level, name, this.#arena.address(this.#value), 4);
  }

  /** Puts a sockaddr where its address can be taken. */
  #place(name: Uint8Array | undefined): number {
    if (name !== undefined) this.#arena.bytes.set(name, this.#name);
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
    const name = this.#connected ? undefined : this.names.encode(to);
    if (name === undefined && !this.#connected) return ERRNO.INVAL;
    this.#arena.bytes.set(datagram, this.#bytes);
    const at = name === undefined ? 0 : this.#place(name);
    const send = () => {
      const bytes = this.#arena.address(this.#bytes);
      const sent = this.#libc.sendto(this.fd, bytes, datagram.length, 0, at, at === 0 ? 0 : NAME_BYTES);
      return sent < 0 ? this.#libc.errno() : 0;
    };
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
    if (this.#connected) {
      this.#libc.connect(this.fd, this.#place(new Uint8Array(NAME_BYTES)), NAME_BYTES); // AF_UNSPEC: to nobody
      this.#connected = false;
    }
    if (this.#libc.connect(this.fd, this.#place(name), NAME_BYTES) < 0)
      throw fail(`connect ${this.#libc.errorName(this.#libc.errno())}`);
    this.#connected = true;
    return this.names.decode(name);
  }

  get connected(): boolean {
    return this.#connected;
  }

  close(): void {
    this.#libc.close(this.fd);
  }
}
