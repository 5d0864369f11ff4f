// Metrics: what Prometheus reads, where it reads it, and that alerts and dashboard speak of what there is.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Served } from '../../../src/metrics/http.js';
import { expositionOf } from '../../../src/metrics/prometheus.js';
import { openMetrics } from '../../../src/metrics/server.js';
import { quiet } from '../../support/quiet.js';
import { endStatus, peerStatus } from '../../support/status.js';

let directory: string;
const open: Served[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cryptcab-metrics-'));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
  rmSync(directory, { recursive: true });
});

function get(options: { port?: number; socketPath?: string; path?: string; method?: string }) {
  return new Promise<{ status: number | undefined; type: string | undefined; text: string }>(
    (resolve, reject) => {
      request({ host: '127.0.0.1', path: '/metrics', ...options }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (piece) => {
          text += piece;
        });
        const type = answer.headers['content-type'];
        answer.on('end', () => resolve({ status: answer.statusCode, type, text }));
      })
        .on('error', reject)
        .end();
    },
  );
}

/** Samples by their name and labels. */
function samples(text: string): Map<string, number> {
  const all = new Map<string, number>();
  for (const line of text.split('\n').filter((one) => one !== '' && !one.startsWith('#'))) {
    const [, name, value] = /^([a-z_]+(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
    expect(Number(value), line).not.toBeNaN();
    all.set(name as string, Number(value));
  }
  return all;
}

const report = () =>
  endStatus({
    up: false,
    refused: { frames: { replayed: 3 }, handshakes: { 'bad mac1': 4 } },
    peers: [
      peerStatus({ peer: 'a "b"', up: false, roundTrip: null, refused: { 'bad length': 2 }, port: null }),
      peerStatus({ peer: 'c', roundTrip: 1.5, loss: 0.25, heard: '2026-01-02T03:04:05.500Z' }),
    ],
  });

test('what an end says of itself', async () => {
  const { text, type } = await expositionOf(report(), '1.2.3');
  expect(type).toMatch(/^text\/plain; version=0\.0\.4/);
  const all = samples(text);
  expect(Object.fromEntries(all)).toMatchObject({
    cryptcab_up: 0,
    cryptcab_peers_known: 2,
    'cryptcab_refused_total{reason="replayed"}': 3,
    'cryptcab_handshakes_refused_total{reason="bad mac1"}': 4,
    'cryptcab_peer_up{peer="a \\"b\\""}': 0,
    'cryptcab_peer_port_open{peer="a \\"b\\""}': 0,
    'cryptcab_peer_up{peer="c"}': 1,
    'cryptcab_peer_round_trip_seconds{peer="c"}': 0.0015,
    'cryptcab_peer_loss_ratio{peer="c"}': 0.25,
    'cryptcab_peer_heard_seconds{peer="c"}': Date.parse('2026-01-02T03:04:05.500Z') / 1000,
    'cryptcab_peer_refused_total{peer="a \\"b\\"",reason="bad length"}': 2,
  });
  expect([...all.keys()].some((name) => name.startsWith('cryptcab_info{program="1.2.3",role="server"'))).toBe(
    true,
  );
  expect(all.has('cryptcab_peer_round_trip_seconds{peer="a \\"b\\""}')).toBe(false);
  // Nothing is kept of the last time.
  const { text: none } = await expositionOf(endStatus({ peers: [] }), '1.2.3');
  expect(none).not.toContain('cryptcab_peer_');
});

test('alerts, dashboard and the page name metrics that there are, and the page all of them', async () => {
  const { text } = await expositionOf(report(), '1');
  const there = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name as string));
  const named = (file: string) =>
    new Set([...readFileSync(file, 'utf8').matchAll(/cryptcab_[a-z_]+/g)].map(([name]) => name));
  for (const file of ['docs/monitoring/alerts.yml', 'docs/monitoring/grafana.json', 'docs/monitoring.md'])
    expect(
      [...named(file)].filter((name) => !there.has(name)),
      file,
    ).toEqual([]);
  expect(named('docs/monitoring.md')).toEqual(there);
});

test('each query of the dashboard is about the ends that were chosen; the file of targets is one', () => {
  const read = (file: string) => JSON.parse(readFileSync(join('docs/monitoring', file), 'utf8'));
  const { panels } = read('grafana.json') as { panels: { id: number; targets?: { expr: string }[] }[] };
  const all = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  expect(all.length).toBeGreaterThan(15);
  for (const expr of all) expect(expr).toContain('{instance=~"$instance"}');
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  // What is said of servers leaves out clients that are watched as well.
  for (const expr of all.filter((one) => /cryptcab_(peers_known|handshakes_total)|sum\(|count /.test(one)))
    expect(expr).toContain('* on (job, instance) group_left () cryptcab_info{role="server"}');
  const targets = read('servers.json') as { targets: string[]; labels: Record<string, string> }[];
  expect(targets.flatMap((one) => one.targets)).toEqual(['10.0.1.1:9667', '10.0.1.2:9667', '10.0.1.3:9667']);
  const config = readFileSync('docs/monitoring/prometheus.yml', 'utf8');
  for (const name of ['alerts.yml', 'servers.json']) expect(config).toContain(`# ${name}`);
});

test('what is no socket stays where it is', async () => {
  const path = join(directory, 'notes');
  writeFileSync(path, 'mine');
  await expect(openMetrics({ path }, async () => ({ text: '', type: '' }), quiet)).rejects.toThrow(
    /^cannot serve metrics at unix:.*EADDRINUSE/,
  );
  expect(readFileSync(path, 'utf8')).toBe('mine');
});

test('served by TCP and at a UNIX socket, which a killed one has left behind', async () => {
  const expose = async () => ({ text: 'x 1\n', type: 'text/plain' });
  const path = join(directory, 'metrics');
  const at = async (place: Parameters<typeof openMetrics>[0]) => {
    const metrics = await openMetrics(place, expose, quiet);
    open.push(metrics);
    return metrics;
  };
  await at({ path });
  expect(statSync(path).mode & 0o777).toBe(0o660);
  expect(await get({ socketPath: path })).toEqual({ status: 200, type: 'text/plain', text: 'x 1\n' });
  expect((await get({ socketPath: path, path: '/' })).status).toBe(404);
  expect((await get({ socketPath: path, method: 'POST' })).status).toBe(405);
  await expect(at({ path })).rejects.toThrow(/^cannot serve metrics at unix:.*EADDRINUSE/);
  await expect(at({ path: join(directory, 'none', 'metrics') })).rejects.toThrow(
    /^cannot serve metrics at unix:.*: there is no directory \S*none; make that directory, or give metrics another path$/,
  );
  // Of one that cannot be looked at nobody knows whether it is there.
  writeFileSync(join(directory, 'file'), '');
  await expect(at({ path: join(directory, 'file', 'none', 'metrics') })).rejects.toThrow(
    /^cannot serve metrics at unix:(?!.*there is no).*; give metrics another place$/,
  );
  await expect(at({ host: '192.0.2.1', port: 9667 })).rejects.toThrow(
    /^cannot serve metrics at 192\.0\.2\.1:9667: .*(EADDRNOTAVAIL|EINVAL)/,
  );
});
