// One socket, as a cable needs it: the same whatever the runtime makes it of.
import { createSocket, Socket } from 'node:dgram';
import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { onDeno } from '../../../src/cable/udp/deno.js';
import { dgramSockets, openDgram } from '../../../src/cable/udp/dgram.js';
import { ownUdp } from '../../../src/cable/udp/own.js';
import type { OpenUdp, Udp } from '../../../src/cable/udp/udp.js';
import type { Remote } from '../../../src/protocol/remote.js';
import { randomness } from '../../support/seed.js';

const { bytes, below } = randomness();
/** So many fit into a socket's buffer of the usual size, which is all that Deno has. */
const COUNT = 40;
/** Deno tells nobody that nobody listens. */
const TELLS = !('Deno' in globalThis);

const ends = new Set<End>();

afterEach(async () => {
  for (const end of ends) await end.close();
});

interface Received {
  readonly bytes: Uint8Array;
  readonly from: Remote;
}

/** A socket, what came to it, and whoever waits for the next thing. */
class End {
  udp!: Udp;
  readonly received: Received[] = [];
  readonly log: string[] = [];
  #look = () => {};

  static async open(open: OpenUdp, port = 0): Promise<End> {
    const end = new End();
    end.udp = await open(port, {
      datagram: (bytes, from) => {
        end.received.push({ bytes, from });
        end.#look();
      },
      unreachable: () => end.#note('unreachable'),
      failed: (why) => end.#note(`failed ${why}`),
    });
    ends.add(end);
    return end;
  }

  async close(): Promise<void> {
    ends.delete(this);
    await this.udp.close();
  }

  #note(what: string): void {
    this.log.push(what);
    this.#look();
  }

  at(address: string): Remote {
    return { address, port: this.udp.local.port };
  }

  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#look = () => {
        if (holds()) resolve();
      };
      this.#look();
    });
  }

  /** Sends; resolves when the bytes are needed no more, and tells why they were refused. */
  send(datagram: Uint8Array, to: Remote): Promise<string | undefined> {
    return new Promise((resolve) => this.udp.send(datagram, 0, datagram.length, to, resolve));
  }
}

const kinds: [string, OpenUdp][] = [['as this runtime has it', ownUdp()]];
// As with the sysctl net.ipv6.bindv6only.
const split: OpenUdp = dgramSockets(true);
if (!('Deno' in globalThis || 'Bun' in globalThis)) kinds.push(['one for each family', split]);
// What it takes without --unstable-net.
if ('Deno' in globalThis) kinds.push(['node:dgram on Deno', onDeno(openDgram)]);

describe.each(kinds)('a socket, %s', (_, open) => {
  test.each(['127.0.0.1', '::1'])('sends from and receives at %s', async (address) => {
    const [one, other] = [await End.open(open), await End.open(open)];
    await one.send(Uint8Array.of(1, 2, 3), other.at(address));
    await other.until(() => other.received.length === 1);
    const { from, bytes } = other.received[0] as Received;
    expect(from).toEqual(one.at(address));
    expect([...bytes]).toEqual([1, 2, 3]);
    await other.send(Uint8Array.of(4), from);
    await one.until(() => one.received.length === 1);
    expect(one.received[0]?.from).toEqual(other.at(address));
  });

  test('sends what was in a part of shared memory, many at once, and each is the receiver’s to keep', async () => {
    const [one, other] = [await End.open(open), await End.open(open)];
    const memory = new Uint8Array(new SharedArrayBuffer(COUNT * 2_000));
    const sent = Array.from({ length: COUNT }, (_, i) => {
      const datagram = bytes(1 + below(1_500));
      memory.set(datagram, i * 2_000 + 7);
      return datagram;
    });
    let done = 0;
    for (const [i, { length }] of sent.entries())
      one.udp.send(memory, i * 2_000 + 7, length, other.at('127.0.0.1'), () => done++);
    await other.until(() => other.received.length === COUNT);
    expect(done).toBe(COUNT);
    const hex = (datagram: Uint8Array) => Buffer.from(datagram).toString('hex');
    expect(other.received.map(({ bytes }) => hex(bytes))).toEqual(sent.map(hex));
  });

  test('goes to one remote, then to another, and hears no one else; its port stays', async () => {
    const all = await Promise.all([0, 1, 2, 3].map(() => End.open(open)));
    const [any, first, second, stranger] = all as [End, End, End, End];
    const { port } = any.udp.local; // one that is free: where none is asked for, the kernel may choose again
    await any.close();
    const one = await End.open(open, port);
    for (const [peer, address, name] of [
      [first, '127.0.0.1', '127.0.0.1'],
      [second, '0:0::1', '::1'],
    ] as const) {
      expect(await one.udp.connect(peer.at(address))).toEqual(peer.at(name));
      await one.send(Uint8Array.of(1), peer.at(name));
      await peer.until(() => peer.received.length === 1);
      expect(peer.received[0]?.from).toEqual({ address: name, port });
      await stranger.send(Uint8Array.of(9), one.at(name));
      await peer.send(Uint8Array.of(2), one.at(name));
      await one.until(() => one.received.length === 1);
      expect(one.received.splice(0)).toEqual([{ bytes: expect.anything(), from: peer.at(name) }]);
    }
    expect(stranger.received).toEqual([]);
    expect(one.log).toEqual([]);
  });

  test.runIf(TELLS)('hears that nobody listens when it is connected, and works on', async () => {
    const [one, gone] = [await End.open(open), await End.open(open)];
    const nobody = gone.at('127.0.0.1');
    await gone.close();
    await one.udp.connect(nobody);
    await one.send(Uint8Array.of(1), nobody);
    await one.until(() => one.log.includes('unreachable'));
    expect(new Set(one.log)).toEqual(new Set(['unreachable']));
    const somebody = await End.open(open, nobody.port);
    await one.send(Uint8Array.of(2), nobody);
    await one.send(Uint8Array.of(2), nobody); // the first may end by what the one before has met
    await somebody.until(() => somebody.received.length > 0);
  });

  test('is not disturbed by that when it is not connected', async () => {
    const [one, other, gone] = [await End.open(open), await End.open(open), await End.open(open)];
    const nobody = gone.at('::1');
    await gone.close();
    for (let i = 0; i < 5; i++) {
      await one.send(Uint8Array.of(0), nobody);
      await one.send(Uint8Array.of(i), other.at('::1'));
    }
    await other.until(() => other.received.length === 5);
    expect(other.received.map(({ bytes }) => bytes[0])).toEqual([0, 1, 2, 3, 4]);
    expect(one.log).toEqual([]);
  });

  test('says why one cannot be sent, and sends the others', async () => {
    const [one, other] = [await End.open(open), await End.open(open)];
    const to = other.at('127.0.0.1');
    const refused = await Promise.all([
      one.send(Uint8Array.of(1), to),
      one.send(new Uint8Array(70_000), to),
      one.send(Uint8Array.of(2), to),
    ]);
    await other.until(() => other.received.length === 2);
    expect(refused).toEqual([undefined, 'EMSGSIZE', undefined]);
    expect(one.log).toEqual([]);
  });

  test('says which port is in use', async () => {
    const one = await End.open(open);
    const { port } = one.udp.local;
    await expect(End.open(open, port)).rejects.toThrow(`UDP port ${port} is in use: `);
  });

  test('gives the bytes back also when it is closed', async () => {
    const [one, other] = [await End.open(open), await End.open(open)];
    const under = one.send(Uint8Array.of(1), other.at('127.0.0.1'));
    await one.close();
    await under;
    await one.send(Uint8Array.of(2), other.at('127.0.0.1'));
  });
});

test.skipIf('Deno' in globalThis || 'Bun' in globalThis)(
  'a server where a socket for IPv6 gets no IPv4 hears and answers both',
  async () => {
    const server = await End.open((port, events) => split(port, events, { locals: true }));
    const client = await End.open(openDgram);
    for (const [i, address] of ['127.0.0.1', '::1'].entries()) {
      await client.send(Uint8Array.of(i), server.at(address));
      await server.until(() => server.received.length === i + 1);
      const { from } = server.received[i] as Received;
      expect(from).toMatchObject(client.at(address));
      await server.send(Uint8Array.of(7), from);
      await client.until(() => client.received.length === i + 1);
      expect(client.received[i]?.from).toMatchObject(server.at(address));
    }
  },
);

test.skipIf('Deno' in globalThis || 'Bun' in globalThis)(
  'one that cannot be connected says where to, once, and why',
  async () => {
    const one = await End.open(openDgram);
    const to = { address: '255.255.255.255', port: 9 };
    await expect(one.udp.connect(to)).rejects.toThrow(/^cannot reach 255\.255\.255\.255:9: connect E[A-Z]+$/);
  },
);

test.skipIf('Deno' in globalThis || 'Bun' in globalThis)(
  'one that cannot be connected says so in words where the system has no code for it',
  async () => {
    const one = await End.open(openDgram);
    const connect = vi.spyOn(Socket.prototype, 'connect').mockImplementation((...args: unknown[]) => {
      (args.at(-1) as (error: Error) => void)(new Error('the network says no'));
    });
    onTestFinished(() => connect.mockRestore());
    await expect(one.udp.connect({ address: '192.0.2.1', port: 9 })).rejects.toThrow(
      /^cannot reach 192\.0\.2\.1:9: connect the network says no$/,
    );
  },
);

describe.skipIf('Deno' in globalThis || 'Bun' in globalThis)(
  'a port that another program has in IPv4',
  () => {
    /** The port of a program that has it in IPv4 alone. */
    async function taken(): Promise<number> {
      const other = createSocket('udp4');
      onTestFinished(() => void other.close());
      await new Promise<void>((bound) => other.bind(0, '0.0.0.0', bound));
      return other.address().port;
    }

    test.each([
      ['alone', {}],
      ['with one for each address', { locals: true }],
    ])('is in use, also where a socket for IPv6 gets no IPv4, %s', async (_, wish) => {
      const port = await taken();
      const opens = End.open((port, events) => split(port, events, wish), port);
      await expect(opens).rejects.toThrow(`UDP port ${port} is in use: `);
      const six = createSocket({ type: 'udp6', ipv6Only: true });
      onTestFinished(() => void six.close());
      await new Promise<void>((bound) => six.bind(port, '::', bound)); // nothing of it is left
    });

    test('leaves no descriptor behind', async () => {
      const port = await taken();
      const descriptors = () => readdirSync('/proc/self/fd').length;
      const before = descriptors();
      for (const open of [openDgram, split]) await expect(End.open(open, port)).rejects.toThrow('is in use');
      expect(descriptors()).toBe(before);
    });

    test('is in use where a socket for IPv6 gets IPv4', async () => {
      const port = await taken();
      await expect(End.open(openDgram, port)).rejects.toThrow(`UDP port ${port} is in use: `);
    });
  },
);
