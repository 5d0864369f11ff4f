import { messageOf } from '../error.js';
import type { Log } from '../log.js';
import { openHttp, type Served } from './http.js';
import type { HttpPlace } from './place.js';
import type { Exposition } from './prometheus.js';

/**
 * Serves metrics to who asks for `/metrics`.
 * @throws CryptcabError when the place cannot be had
 */
export async function openMetrics(
  place: HttpPlace,
  expose: () => Promise<Exposition>,
  log: Log,
): Promise<Served> {
  const served = await openHttp(place, 'metrics', 'metrics', (request, answer) => {
    if (request.url?.replace(/\?.*/s, '') !== '/metrics') {
      answer.writeHead(404).end('metrics are at /metrics\n');
      return;
    }
    expose().then(
      ({ text, type }) =>
        answer.writeHead(200, { 'content-type': type }).end(request.method === 'HEAD' ? '' : text),
      (error) => {
        log.warn({}, `cannot say the metrics: ${messageOf(error)}`);
        answer.writeHead(500).end();
      },
    );
  });
  log.info({ at: served.at }, 'metrics are served');
  return served;
}
