import { codeOf, messageOf } from '../../../error.js';

// Numbers of Linux, the same on x64 and arm64.
export const AF = { UNSPEC: 0, UNIX: 1, INET: 2, INET6: 10, PACKET: 17 } as const;
export const SOCK = { STREAM: 1, DGRAM: 2, RAW: 3, NONBLOCK: 0x800, CLOEXEC: 0x80000 } as const;
export const SOL = { IP: 0, SOCKET: 1, UDP: 17, IPV6: 41, PACKET: 263 } as const;
export const SO = {
  TYPE: 3,
  ERROR: 4,
  SNDBUF: 7,
  RCVBUF: 8,
  REUSEPORT: 15,
  PEERCRED: 17,
  SNDBUFFORCE: 32,
  RCVBUFFORCE: 33,
  /** And of what it adds to a message: struct timespec. */
  TIMESTAMPNS: 35,
  DOMAIN: 39,
  ATTACH_REUSEPORT_CBPF: 51,
} as const;
export const IP_MTU = 14;
export const IPV6_MTU = 24;
export const IPV6_V6ONLY = 26;
/** Of IPv4, and of IPv6 with what asks for it: our address of a datagram. */
export const PKTINFO = { IPV4: 8, ASK_IPV6: 49, IPV6: 50 } as const;
/** packet(7). */
export const PACKET = { ADD_MEMBERSHIP: 1, AUXDATA: 8, VNET_HDR: 15, IGNORE_OUTGOING: 23 } as const;
export const UDP = { SEGMENT: 103, GRO: 104 } as const;
export const MSG = { TRUNC: 0x20, DONTWAIT: 0x40, NOSIGNAL: 0x4000 } as const;
export const SCHED_BATCH = 3;
/** sched_setattr(2), for which C libraries have had no function for long, and its struct. */
export const SYS_SCHED_SETATTR = process.arch === 'arm64' ? 274 : 314;
export const SCHED_ATTR_BYTES = 48;
export const SIGUSR1 = 10;
export const SIG_IGN = 1;
/** Of open. */
export const O = { RDWR: 2, NONBLOCK: 0x800, CLOEXEC: 0x80000 } as const;
export const F = { GETFL: 3, SETFL: 4 } as const;
export const POLL = { IN: 0x1, OUT: 0x4, ERR: 0x8, HUP: 0x10, NVAL: 0x20, RDHUP: 0x2000 } as const;
export const EPOLL = { ADD: 1, DELETE: 2, CLOEXEC: 0x80000 } as const;
export const ERRNO = {
  PERM: 1,
  NOENT: 2,
  INTR: 4,
  IO: 5,
  NXIO: 6,
  BADF: 9,
  AGAIN: 11,
  ACCES: 13,
  BUSY: 16,
  EXIST: 17,
  NODEV: 19,
  INVAL: 22,
  BADFD: 77,
  DESTADDRREQ: 89,
  MSGSIZE: 90,
  ADDRINUSE: 98,
  ADDRNOTAVAIL: 99,
  NETDOWN: 100,
  NETUNREACH: 101,
  NOBUFS: 105,
  CONNREFUSED: 111,
} as const;

/** An address that datagrams are to leave from is none of this machine's, or its interface is gone. */
export const NO_ADDRESS: readonly number[] = [
  ERRNO.INVAL,
  ERRNO.NODEV,
  ERRNO.ADDRNOTAVAIL,
  ERRNO.NETUNREACH, // what Linux says of an IPv4 source that is gone
];

/** What is used of koffi; said here, so that the program builds where the optional package is not. */
interface Koffi {
  load(path: string | null): Library;
  address(bytes: ArrayBufferView): bigint;
  errno(): number;
  readonly os: { readonly errno: Readonly<Record<string, number>> };
}

export interface Library {
  /** @param prototype in C; addresses are written as uint64_t, and passed as plain numbers */
  func(prototype: string): CFunction;
}

export interface CFunction {
  (...values: (number | string)[]): number;
  /** On a thread of the pool; while it lasts, the process cannot exit. */
  async(...values: [...(number | string)[], (error: Error | null, result: number) => void]): void;
}

/** The C library, as far as it is needed. */
export type Libc = ReturnType<typeof bindLibc>;

function bindLibc(koffi: Koffi) {
  const libc = koffi.load(null);
  const names = new Map(Object.entries(koffi.os.errno).map(([name, number]) => [number, name]));
  return {
    load: (path: string | null) => koffi.load(path),
    /** Where bytes are; of shared memory it may be kept, as that never moves. */
    address: (bytes: Uint8Array) => Number(koffi.address(bytes)),
    errno: () => koffi.errno(),
    errorName: (errno: number) => names.get(errno) ?? `error ${errno}`,
    socket: libc.func('int socket(int domain, int type, int protocol)'),
    bind: libc.func('int bind(int fd, uint64_t name, uint32_t length)'),
    connect: libc.func('int connect(int fd, uint64_t name, uint32_t length)'),
    getsockname: libc.func('int getsockname(int fd, uint64_t name, uint64_t length)'),
    setsockopt: libc.func('int setsockopt(int fd, int level, int name, uint64_t value, uint32_t length)'),
    getsockopt: libc.func('int getsockopt(int fd, int level, int name, uint64_t value, uint64_t length)'),
    sendmmsg: libc.func('int sendmmsg(int fd, uint64_t messages, uint32_t count, int flags)'),
    recvmmsg: libc.func(
      'int recvmmsg(int fd, uint64_t messages, uint32_t count, int flags, uint64_t timeout)',
    ),
    poll: libc.func('int poll(uint64_t fds, uint64_t count, int milliseconds)'),
    usleep: libc.func('int usleep(uint32_t microseconds)'),
    epollCreate: libc.func('int epoll_create1(int flags)'),
    epollControl: libc.func('int epoll_ctl(int epoll, int operation, int fd, uint64_t event)'),
    epollWait: libc.func('int epoll_wait(int epoll, uint64_t events, int count, int milliseconds)'),
    eventfd: libc.func('int eventfd(uint32_t initial, int flags)'),
    open: libc.func('int open(const char *path, int flags)'),
    getpriority: libc.func('int getpriority(int which, uint32_t who)'),
    // It takes any number of arguments. Linux passes one that is there as it passes those of other functions.
    ioctl: libc.func('int ioctl(int fd, uint64_t request, uint64_t argument)'),
    recvmsg: libc.func('int64_t recvmsg(int fd, uint64_t message, int flags)'),
    read: libc.func('int64_t read(int fd, uint64_t bytes, size_t length)'),
    write: libc.func('int64_t write(int fd, uint64_t bytes, size_t length)'),
    writev: libc.func('int64_t writev(int fd, uint64_t iovecs, int count)'),
    close: libc.func('int close(int fd)'),
    unlink: libc.func('int unlink(const char *path)'),
    chmod: libc.func('int chmod(const char *path, uint32_t mode)'),
    fcntl: libc.func('int fcntl(int fd, int command, int value)'),
    inetPton: libc.func('int inet_pton(int family, const char *text, uint64_t address)'),
    inetNtop: libc.func('uint64_t inet_ntop(int family, uint64_t address, uint64_t text, uint32_t size)'),
    ifNametoindex: libc.func('uint32_t if_nametoindex(const char *name)'),
    ifIndextoname: libc.func('uint64_t if_indextoname(uint32_t index, uint64_t name)'),
    strerror: libc.func('const char *strerror(int error)') as unknown as (errno: number) => string,
    // It takes any number of arguments. Linux passes them as it passes those of other functions.
    syscall: libc.func('int64_t syscall(int64_t number, int64_t thread, uint64_t attributes, int64_t flags)'),
    signal: libc.func('uint64_t signal(int number, uint64_t handler)'),
    exit: libc.func('void _exit(int status)'),
  };
}

/**
 * Loads the C library.
 * @throws Error that says in a few words why there is none
 */
export async function loadLibc(): Promise<Libc> {
  const machine = `${process.platform} ${process.arch}`;
  if (machine !== 'linux x64' && machine !== 'linux arm64') throw new Error(`it is not for ${machine}`);
  let koffi: Koffi;
  try {
    // An optional package: the compiler must not need it, and a bundler must see its name.
    koffi = ((await import('koffi' as string)) as { default: Koffi }).default;
  } catch (error) {
    throw new Error(
      codeOf(error) === 'ERR_MODULE_NOT_FOUND'
        ? 'the npm package koffi is not installed'
        : `the npm package koffi does not load (${messageOf(error)})`,
    );
  }
  try {
    return bindLibc(koffi);
  } catch (error) {
    throw new Error(`the C library lacks something (${messageOf(error)})`);
  }
}
