// The metrics of a running end; what they take is loaded for whoever wants them.

import type { Running } from '../../ends/running.js';
import type { Log } from '../../log.js';
import type { Metrics, MetricsPlace } from '../../metrics/server.js';
import { VERSION } from '../version.generated.js';

/** @throws CryptcabError when the place cannot be had */
export async function startMetrics(place: MetricsPlace, running: Running, log: Log): Promise<Metrics> {
  const [{ openMetrics }, { expositionOf }] = await Promise.all([
    import('../../metrics/server.js'),
    import('../../metrics/prometheus.js'),
  ]);
  return openMetrics(place, () => expositionOf(running.report(), VERSION), log);
}
