// The metrics and the page of a running end; what they take is loaded for whoever wants them.

import { inWords } from '../../control/words.js';
import type { Running } from '../../ends/running.js';
import { keyText } from '../../keys/key-text.js';
import type { Log } from '../../log.js';
import type { Served } from '../../metrics/http.js';
import { commandText } from '../names.js';
import type { Settings } from '../options.js';
import { VERSION } from '../version.generated.js';

/**
 * @param token of the page, 32 bytes
 * @throws CryptcabError when a place cannot be had
 */
export async function startServing(
  { metrics, web }: Pick<Settings, 'metrics' | 'web'>,
  token: Uint8Array | undefined,
  running: Running,
  log: Log,
): Promise<Served[]> {
  const served: Served[] = [];
  if (metrics !== undefined) {
    const [{ openMetrics }, { expositionOf }] = await Promise.all([
      import('../../metrics/server.js'),
      import('../../metrics/prometheus.js'),
    ]);
    served.push(await openMetrics(metrics, () => expositionOf(running.report(), VERSION), log));
  }
  if (web !== undefined) {
    const { openPage } = await import('../../metrics/page/server.js');
    const report = () => inWords(running.report(), commandText);
    const password = token && keyText(token);
    served.push(await openPage({ place: web.place, token: password, report, program: VERSION, log }));
  }
  return served;
}
