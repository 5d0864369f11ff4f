import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { CryptcabError, codeOf, messageOf } from '../error.js';
import type { Log } from '../log.js';
import { optionName } from '../options/name.js';
import type { Exposition } from './prometheus.js';

/** Where metrics are served: by TCP, or at a UNIX socket. */
export type MetricsPlace = { readonly host: string; readonly port: number } | { readonly path: string };

/** What one scrape may take to send its request, ms. */
const REQUEST_MS = 10_000;
/** At a time; more are turned away. */
const CONNECTIONS_MAX = 16;

export interface Metrics {
  close(): Promise<void>;
}

/** The place as people write it. */
function textOf(place: MetricsPlace): string {
  if ('path' in place) return `unix:${place.path}`;
  return place.host.includes(':') ? `[${place.host}]:${place.port}` : `${place.host}:${place.port}`;
}

/**
 * Serves metrics to who asks for `/metrics`.
 * @throws CryptcabError when the place cannot be had
 */
export async function openMetrics(
  place: MetricsPlace,
  expose: () => Promise<Exposition>,
  log: Log,
): Promise<Metrics> {
  const server = createServer(
    { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
    (request, answer) => {
      const path = request.url?.replace(/\?.*/s, '');
      if (request.method !== 'GET' && request.method !== 'HEAD')
        answer.writeHead(405, { allow: 'GET, HEAD' }).end();
      else if (path !== '/metrics') answer.writeHead(404).end('metrics are at /metrics\n');
      else
        expose().then(
          ({ text, type }) =>
            answer.writeHead(200, { 'content-type': type }).end(request.method === 'HEAD' ? '' : text),
          (error) => {
            log.warn({}, `cannot say the metrics: ${messageOf(error)}`);
            answer.writeHead(500).end();
          },
        );
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, place);
  log.info({ at: textOf(place) }, 'metrics are served');
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listen(server: Server, place: MetricsPlace): Promise<void> {
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
      // A killed one has left its socket behind.
      if (!('path' in place) || codeOf(error) !== 'EADDRINUSE' || (await answers(place.path))) throw error;
      rmSync(place.path);
      await attempt();
    });
    if ('path' in place) chmodSync(place.path, 0o660);
  } catch (error) {
    throw new CryptcabError(
      `cannot serve metrics at ${textOf(place)}: ${messageOf(error)}; give ${optionName('metrics')} a place that is free`,
    );
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const give = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('connect', () => give(true)).on('error', () => give(false));
  });
}
