// `cryptcab status`: what the running secure servers have carried, as a table.
import { controlPlace, type Place } from '../control/path.js';
import { runningServers } from '../control/servers.js';

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

/** Columns by the names of the first row; numbers to the right. */
function table(rows: readonly Readonly<Record<string, string>>[]): string {
  const names = Object.keys(rows[0] as object);
  const lines = [names, ...rows.map((row) => names.map((name) => row[name] ?? ''))];
  const widths = names.map((_, i) => Math.max(...lines.map((line) => (line[i] as string).length)));
  const pad = (cell: string, width = 0) => (/^\d+$/.test(cell) ? cell.padStart(width) : cell.padEnd(width));
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, i) => pad(cell, widths[i]))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
