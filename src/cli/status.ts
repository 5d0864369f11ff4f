// `cryptcab status`: what the running secure servers have carried, as a table.
import { controlPlace, type Place } from '../control/path.js';
import { runningServers } from '../control/servers.js';
import { table } from './table.js';

/**
 * @param port of one server; all when undefined
 * @throws CryptcabError
 */
export async function status(port: number | undefined, place: Place = controlPlace()): Promise<string> {
  const servers = await runningServers(port, place);
  const rows = servers.flatMap(({ status }) =>
    status.peers.map((peer) => ({ server: String(status.port), ...peer })),
  );
  if (rows.length > 0) return table(rows);
  return servers.map(({ status }) => `no peers on UDP port ${status.port}\n`).join('');
}
