import type { OpenPlug } from '../../cable/plug/plug.js';
import { keyText } from '../../keys/key-text.js';
import { textKey } from '../../keys/read-key.js';
import type { Log } from '../../log.js';
import { unkept } from '../policy-kept.js';
import type { SecureSide } from '../secure-side.js';
import type { PeerPolicies } from './peer-policies.js';
import type { VerifierHost } from './verifier.js';

/** What a server does about peers that somebody else answers for. */
export function verifierHost(
  side: SecureSide,
  policies: PeerPolicies,
  plug: OpenPlug,
  log: Log,
): VerifierHost {
  return {
    strangers: () => side.strangers,
    admit({ publicKey, name, endpoint, presharedKeyFile, policy = {}, host }) {
      const why = unkept(plug, policy);
      if (why !== undefined) throw new RangeError(why);
      const presharedKey =
        presharedKeyFile === undefined ? undefined : textKey(presharedKeyFile, 'genpsk', log);
      const options = {
        publicKey,
        ...(name !== undefined && { name }),
        ...(presharedKey && { presharedKey }),
      };
      try {
        const peer = side.add(options, endpoint, host);
        policies.set(peer, policy);
        return peer;
      } finally {
        presharedKey?.fill(0); // the machine has a copy
      }
    },
    change(peer, { policy = {} }) {
      if (unkept(plug, policy) !== undefined || policies.has(peer, policy)) return;
      policies.change(peer, policy, side.linkOf(peer)?.port, () => side.disconnect(peer));
    },
    remove: (peer) => side.remove(peer),
    has: (peer) => side.find(keyText(peer.publicKey)) === peer,
    isUp: (peer) => side.isUp(peer),
  };
}
