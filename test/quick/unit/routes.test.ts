// Which question is put to the kernel for the MTU of a way, in each family. The C library is a double.
import { expect, it } from 'vitest';
import type { Libc } from '../../../src/cable/native/linux/libc.js';
import { Routes } from '../../../src/cable/native/linux/routes.js';

// Of <sys/socket.h>, <netinet/in.h> and <linux/in6.h>.
const [AF_INET, AF_INET6] = [2, 10];
const [IPPROTO_IP, IP_MTU] = [0, 14];
const [IPPROTO_IPV6, IPV6_MTU] = [41, 24];

/** A kernel with ways of these MTUs: it answers what Linux answers, and refuses another question. */
function routes(four: number, six: number) {
  let memory: Uint8Array = new Uint8Array();
  const families: number[] = [];
  const connected = new Set<number>();
  const set = (at: number, value: number) =>
    new DataView(memory.buffer, memory.byteOffset).setUint32(at, value, true);
  const libc: Partial<Record<keyof Libc, unknown>> = {
    address: (bytes: Uint8Array) => {
      memory = bytes;
      return 0;
    },
    inetPton: () => 1,
    socket: (family: number) => families.push(family) - 1,
    connect: (fd: number) => {
      connected.add(fd);
      return 0;
    },
    getsockopt: (fd: number, level: number, name: number, value: number) => {
      if (!connected.has(fd)) return -1;
      const mtu = families[fd] === AF_INET ? four : six;
      const right = families[fd] === AF_INET ? [IPPROTO_IP, IP_MTU] : [IPPROTO_IPV6, IPV6_MTU];
      if (level !== right[0] || name !== right[1]) return -1;
      set(value, mtu);
      return 0;
    },
    close: () => 0,
  };
  return { routes: new Routes(libc as unknown as Libc), families };
}

it('asks for an IPv4 way on the level of IPv4, for an IPv6 way on that of IPv6', () => {
  const { routes: asked, families } = routes(1400, 1280);
  for (let i = 0; i < 2; i++) {
    expect(asked.packet({ address: '192.0.2.1', port: 7667 })).toBe(1400);
    expect(asked.packet({ address: '2001:db8::1', port: 7667 })).toBe(1280);
  }
  expect(families).toEqual([AF_INET, AF_INET6]); // one socket each, kept
  asked.close();
});
