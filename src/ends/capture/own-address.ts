import { createSocket } from 'node:dgram';
import { type Remote, remoteKey } from '../../protocol/remote.js';

/** How long an answer holds, ms: routes change. */
const HOLDS_MS = 10_000;

/** From which address of ours datagrams leave to a remote, where the system chooses it. */
export class OwnAddress {
  readonly #known = new Map<string, { readonly address: string; readonly until: number }>();

  /** What is known of a remote; undefined: it has to be looked up. */
  of(remote: Remote): string | undefined {
    if (remote.local !== undefined) return remote.local;
    const known = this.#known.get(remoteKey(remote));
    return known !== undefined && known.until > performance.now() ? known.address : undefined;
  }

  /** Asks the system; nothing is sent. */
  async look(remote: Remote): Promise<void> {
    const six = remote.address.includes(':');
    const socket = createSocket(six ? 'udp6' : 'udp4');
    const address = await new Promise<string>((resolve) => {
      const unknown = () => resolve(six ? '::' : '0.0.0.0');
      socket.on('error', unknown);
      try {
        socket.connect(remote.port, remote.address, () => resolve(socket.address().address));
      } catch {
        unknown();
      }
    });
    socket.close();
    this.#known.set(remoteKey(remote), { address, until: performance.now() + HOLDS_MS });
  }
}
