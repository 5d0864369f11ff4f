// Sessions of many stock WireGuard devices on the native path, each with a port of its own: what is for all of them comes to all.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { until } from '../../lab/process.js';
import type { SecureLink } from '../../src/cable/link.js';
import { Arena } from '../../src/cable/native/linux/arena.js';
import { AF, loadLibc, SOCK } from '../../src/cable/native/linux/libc.js';
import { openCable } from '../../src/cable/open-cable.js';
import { plugOf } from '../../src/cable/plug/kinds.js';
import { Core } from '../../src/core/core.js';

/** More than the core keeps at a time, and as many as one look shows. */
const HOSTS = 60;
const NAME_BYTES = 110;

test('a broadcast comes to each of many hosts whose ports have it at once', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'cryptcab-hosts-'));
  const libc = await loadLibc();
  const arena = new Arena(libc, 1024);
  const name = arena.take(NAME_BYTES);
  const bytes = arena.take(512);
  const named = (path: string) => {
    arena.bytes.fill(0, name, name + NAME_BYTES);
    arena.halves[name >> 1] = AF.UNIX;
    arena.bytes.set(Buffer.from(path), name + 2);
    return arena.address(name);
  };
  const network = join(directory, 'network');
  const fd = libc.socket(AF.UNIX, SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0);
  expect(libc.bind(fd, named(network), NAME_BYTES)).toBe(0);
  const core = await Core.load();
  expect(core.layout.HOST_KEPT_MAX).toBeLessThan(HOSTS);
  const nothing = () => {};
  const cable = await openCable({
    ...{ core, io: 'native', openUdp: undefined, port: 0, tap: undefined },
    events: {
      ...{
        control: nothing,
        heard: nothing,
        sent: nothing,
        refused: nothing,
        large: nothing,
        tooLong: nothing,
      },
      ...{ worn: nothing, plugLost: nothing, plugged: nothing, unreachable: nothing, sendFailed: nothing },
      failed: nothing,
    },
  });
  const links: SecureLink[] = [];
  const kept = new Array<number>(HOSTS).fill(0);
  const pathOf = (i: number) => join(directory, String(i));
  try {
    for (let i = 0; i < HOSTS; i++) {
      const link = cable.join({ address: '127.0.0.1', port: 1 + i }, 1452, {
        ...{ wanted: nothing, opened: nothing, sealed: nothing, control: nothing },
        kept: () => {
          kept[i] = (kept[i] as number) + 1;
        },
      }) as SecureLink;
      links.push(link);
      link.beHost(Uint8Array.of(2, 0, 0, 0, 0, i), { own: [Uint8Array.of(10, 0, 0, i)], onLink: [] });
      await link.plug(plugOf(`qemu-dgram:${pathOf(i)},${network}`));
    }
    // Ethernet, and a packet without payload from 10.0.0.200 to 224.0.0.251.
    const frame = [...Array(6).fill(0xff), 2, 0, 0, 0, 0, 200, 8, 0];
    frame.push(0x45, 0, 0, 20, 0, 0, 0, 0, 255, 17, 0, 0, 10, 0, 0, 200, 224, 0, 0, 251);
    arena.bytes.set(frame, bytes);
    const send = (): void => {
      for (let i = 0; i < HOSTS; i++) {
        expect(libc.connect(fd, named(pathOf(i)), NAME_BYTES)).toBe(0);
        expect(libc.write(fd, arena.address(bytes), frame.length)).toBe(frame.length);
      }
    };
    // While this thread has the core, the other one waits with the first of the frames, and sees all others then at once.
    (core as unknown as { locked(work: () => void): void }).locked(send);
    await until('each has it', () => kept.every((count) => count === 1));
  } finally {
    for (const link of links) await link.close();
    await cable.close();
    libc.close(fd);
    rmSync(directory, { recursive: true, force: true });
  }
});
