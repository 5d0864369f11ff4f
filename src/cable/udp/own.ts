import { type BunApi, openBun } from './bun.js';
import { type DenoApi, onDeno, openDeno } from './deno.js';
import { openDgram } from './dgram.js';
import type { OpenUdp } from './udp.js';

/** The sockets that are fastest on the runtime at hand, without a flag that it did not get. */
export function ownUdp(): OpenUdp {
  const { Bun: bun, Deno: deno } = globalThis as { Bun?: Partial<BunApi>; Deno?: Partial<DenoApi> };
  if (bun?.udpSocket !== undefined) return openBun(bun as BunApi);
  if (deno?.listenDatagram !== undefined) return openDeno(deno as DenoApi);
  return deno === undefined ? openDgram : onDeno(openDgram);
}
