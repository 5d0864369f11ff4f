import type { PeerIdentity } from '../../cable/plug/plug.js';
import { keyText } from '../../keys/key-text.js';
import type { Peer } from '../../protocol/secure/peer.js';

/** Of a public key, in the log. */
export const SHORT_KEY = 8;

/** A peer, for people: its name, and the beginning of its public key. */
export function peerText(peer: Peer): string {
  const key = `${keyText(peer.publicKey).slice(0, SHORT_KEY)}…`;
  return peer.name === '' ? key : `${peer.name} (${key})`;
}

/** A peer, for people and for programs. */
export function identityOf(peer: Peer): PeerIdentity {
  const { name, publicKey } = peer;
  return { peer: peerText(peer), publicKey: keyText(publicKey), ...(name !== '' && { name }) };
}
