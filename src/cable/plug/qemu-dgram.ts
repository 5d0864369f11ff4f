// qemu-dgram:LOCAL,REMOTE: QEMU's `-netdev dgram`, a frame in each datagram. Its ports are native/ports/qemu-dgram.ts: no
// runtime has datagram sockets of UNIX.
import { CryptcabError } from '../../error.js';
import { optionName } from '../../options/name.js';
import type { PlugKind } from './kind.js';
import { nativeOnly } from './native-only.js';

const LOCATOR = /^qemu-dgram:([^,]+),([^,]+)$/;

/** Our socket, and QEMU's. */
export function dgramPaths(locator: string): { readonly local: string; readonly remote: string } | undefined {
  const [, local, remote] = LOCATOR.exec(locator) ?? [];
  return local === undefined || remote === undefined ? undefined : { local, remote };
}

export const QEMU_DGRAM: PlugKind = {
  serves: (locator) => LOCATOR.test(locator),
  absolute(locator, resolve) {
    const { local = '', remote = '' } = dgramPaths(locator) ?? {};
    const [ours, theirs] = [resolve(local), resolve(remote)];
    if (ours === theirs)
      throw new CryptcabError(
        `${optionName('plug')} ${locator} names one socket twice: write qemu-dgram:LOCAL,REMOTE, with a path for each end`,
      );
    return `qemu-dgram:${ours},${theirs}`;
  },
  open: (locator) =>
    nativeOnly(locator, {
      alone: `${locator} is for one client, and another client of this server has it: start a server for each QEMU`,
    }),
};
