import { chmodSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { isAbandoned } from '../abandoned.js';
import { CryptcabError, codeOf, messageOf } from '../error.js';
import { optionName } from '../options/name.js';
import type { OptionKey } from '../options/option-table.js';
import { missingDirectory } from '../socket-directory.js';
import { type HttpPlace, placeText } from './place.js';

/** What one client may take to send its request, ms. */
const REQUEST_MS = 10_000;
/** At a time; more are turned away. */
const CONNECTIONS_MAX = 16;

/** Something that is served. */
export interface Served {
  /** Where, for people. */
  readonly at: string;
  close(): Promise<void>;
}

/**
 * Serves by HTTP what is read alone.
 * @param what for people
 * @param option that names the place
 * @throws CryptcabError when the place cannot be had
 */
export async function openHttp(
  place: HttpPlace,
  what: string,
  option: OptionKey,
  answer: RequestListener,
): Promise<Served> {
  const server = createServer(
    { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
    (request, response) => {
      if (request.method === 'GET' || request.method === 'HEAD') answer(request, response);
      else response.writeHead(405, { allow: 'GET, HEAD' }).end();
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, place, what, option);
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  return {
    at: placeText('path' in place ? place : { ...place, port }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listen(server: Server, place: HttpPlace, what: string, option: OptionKey): Promise<void> {
  const attempt = () =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(place, () => {
        server.off('error', reject);
        resolve();
      });
    });
  try {
    await attempt().catch(async (error: unknown) => {
      // A killed one has left its socket behind; a file that is none, or a socket with somebody at it, is not ours to remove.
      if (!('path' in place) || codeOf(error) !== 'EADDRINUSE' || !(await isAbandoned(place.path)))
        throw error;
      rmSync(place.path);
      await attempt();
    });
    if ('path' in place) chmodSync(place.path, 0o660);
  } catch (error) {
    const missing = 'path' in place ? missingDirectory(place.path) : undefined;
    const why = missing
      ? `there is no directory ${missing}; make that directory, or give ${optionName(option)} another path`
      : `${messageOf(error)}; give ${optionName(option)} another place`;
    throw new CryptcabError(`cannot serve ${what} at ${placeText(place)}: ${why}`);
  }
}
