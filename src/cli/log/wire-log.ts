// Datagrams in the log.

import type { WireTap } from '../../cable/wire-tap.js';
import type { Log } from '../../log.js';
import { classify } from '../../protocol/classic/messages.js';
import { remoteText } from '../../protocol/remote.js';
import { handshakeType, isTransport } from '../../protocol/secure/messages.js';

const HANDSHAKES = { 1: 'initiation', 2: 'handshake response', 3: 'cookie' } as const;

function kindOf(datagram: Uint8Array): string {
  const type = handshakeType(datagram);
  if (type !== undefined) return HANDSHAKES[type];
  return isTransport(datagram) ? 'transport' : classify(datagram);
}

/** From -vvv on: each datagram of the handshake; with -vvvv every datagram, as it is on the wire. */
export function wireTap(verbosity: number, log: Log): { tap: WireTap } | Record<string, never> {
  if (verbosity < 3) return {};
  return {
    tap(direction, remote, datagram) {
      const message = kindOf(datagram);
      if (verbosity < 4 && (message === 'data' || message === 'transport')) return;
      const fields = { direction, peer: remoteText(remote), message, bytes: datagram.length };
      const hex = verbosity < 4 ? {} : { datagram: Buffer.from(datagram).toString('hex') };
      log.trace({ ...fields, ...hex }, 'datagram');
    },
  };
}
