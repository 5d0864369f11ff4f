// What the doctor of a far machine prints by ssh: one line of JSON.
import { runningEnds } from '../../../control/ends.js';
import { controlPlace } from '../../../control/path.js';
import type { PeerStatus } from '../../../control/status.js';
import { VERSION } from '../../version.generated.js';
import { pathMtu } from './ping.js';

interface FarServer {
  /** UDP. */
  readonly port: number;
  readonly peers: readonly Pick<PeerStatus, 'publicKey' | 'address' | 'port' | 'portTrouble'>[];
}

export interface Facts {
  readonly cryptcab: string;
  /** ms since 1970. */
  readonly now: number;
  /** Of the secure cable; those that the user who logs in may ask. */
  readonly servers: readonly FarServer[];
  /** The largest IP packet to where the login came from; null where that is unknown. */
  readonly back: number | null;
}

/** @param connection SSH_CONNECTION: our address, as sshd sees it, comes first */
export async function factsHere(connection = process.env.SSH_CONNECTION ?? ''): Promise<Facts> {
  const [client = ''] = connection.split(' ');
  const { ends } = await runningEnds(controlPlace(), { everybodys: false });
  const servers = ends.filter(({ status: { role, mode } }) => role === 'server' && mode !== 'classic');
  const back = client === '' ? undefined : await pathMtu(client);
  return {
    cryptcab: VERSION,
    now: Date.now(),
    servers: servers.map(({ status }) => ({
      port: status.port,
      peers: status.peers.map(({ publicKey, address, port, portTrouble }) => ({
        ...{ publicKey, address, port, portTrouble },
      })),
    })),
    back: back ?? null,
  };
}

/** The facts in what a login printed: a shell there may print more. */
export function factsIn(text: string): Facts | undefined {
  for (const line of text.split(/\r?\n/).reverse()) {
    try {
      const facts = JSON.parse(line.slice(Math.max(0, line.indexOf('{"cryptcab"')))) as Partial<Facts>;
      const { cryptcab, now, servers, back } = facts;
      if (typeof cryptcab !== 'string' || typeof now !== 'number' || !Array.isArray(servers)) continue;
      if (!servers.every(isServer) || !(back === null || typeof back === 'number')) continue;
      return { cryptcab, now, servers, back };
    } catch {
      // another line
    }
  }
  return undefined;
}

function isServer(value: unknown): value is FarServer {
  const { port, peers } = (value ?? {}) as Partial<FarServer>;
  return typeof port === 'number' && Array.isArray(peers);
}
