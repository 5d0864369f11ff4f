// What an end says of itself, in Prometheus' text. The library is loaded when somebody asks for metrics.
import type { EndReport, Flow, PeerStatus, Reasons } from '../control/status.js';

/** A text, and what it should be sent as. */
export interface Exposition {
  readonly text: string;
  readonly type: string;
}

type Labels = Readonly<Record<string, string>>;

const seconds = (time: string) => Date.parse(time) / 1000;

/** @param program version of the program */
export async function expositionOf(report: EndReport, program: string): Promise<Exposition> {
  const { Counter, Gauge, Registry } = await import('prom-client');
  const registry = new Registry(); // of this moment alone: peers that are gone are not among it
  const registers = [registry];
  const gauge = (name: string, help: string, samples: readonly (readonly [Labels, number | null])[]) => {
    if (samples.length === 0) return; // without a label it would be a zero that nobody counted
    const labelNames = Object.keys(samples[0]?.[0] ?? {});
    const metric = new Gauge({ name: `cryptcab_${name}`, help, labelNames, registers });
    for (const [labels, value] of samples) if (value !== null) metric.set(labels, value);
  };
  const counter = (name: string, help: string, samples: readonly (readonly [Labels, number])[]) => {
    if (samples.length === 0) return; // without a label it would be a zero that nobody counted
    const labelNames = Object.keys(samples[0]?.[0] ?? {});
    const metric = new Counter({ name: `cryptcab_${name}_total`, help, labelNames, registers });
    for (const [labels, value] of samples) metric.inc(labels, value);
  };
  const { role, mode, io, peers } = report;
  gauge('info', 'What this end is.', [[{ program, role, mode, io }, 1]]);
  gauge('up', 'Whether this end does what it is there for.', [[{}, report.up ? 1 : 0]]);
  gauge('start_time_seconds', 'Since when it runs, as Unix time.', [[{}, seconds(report.since)]]);
  gauge('plug_open', 'Whether a port of its switch could be had when it was last tried.', [
    [{}, report.plug.open === null ? null : Number(report.plug.open)],
  ]);
  gauge('peers_up', 'How many peers are up.', [[{}, peers.filter(({ up }) => up).length]]);
  gauge('peers_known', 'How many peers are known, up or not.', [[{}, peers.length]]);
  gauge('pending_peers', 'How many unknown keys have called, 64 at most.', [[{}, report.pending.length]]);
  counter(
    'frames',
    'Frames of all peers; in is what came from the other side.',
    flows(report.carried, 'frames'),
  );
  counter('bytes', 'Bytes of these frames.', flows(report.carried, 'bytes'));
  counter(
    'refused',
    'Datagrams and frames of peers that were refused, by reason.',
    reasons(report.refused.frames),
  );
  counter(
    'handshakes_refused',
    "Handshakes, logins and nobody's datagrams that were refused, by reason.",
    reasons(report.refused.handshakes),
  );
  counter('dropped', 'Frames that were dropped, though nothing was wrong with them.', [
    [{ where: 'switch' }, report.dropped.bySwitch],
    [{ where: 'socket' }, report.dropped.unopened],
  ]);
  counter('handshakes', 'Handshakes and logins that came to new keys.', [[{}, report.handshakes]]);
  counter('log_suppressed', 'Log lines that were not written, as the same was said within a minute.', [
    [{}, report.log.suppressed],
  ]);
  const each = (value: (peer: PeerStatus) => number | null) =>
    peers.map((peer) => [{ peer: peer.peer }, value(peer)] as const);
  gauge(
    'peer_up',
    'Whether a peer is up.',
    each(({ up }) => Number(up)),
  );
  gauge(
    'peer_since_seconds',
    'Since when it is up, or down, as Unix time.',
    each(({ since }) => seconds(since)),
  );
  gauge(
    'peer_heard_seconds',
    'When it was heard last, as Unix time.',
    each(({ heard }) => (heard === null ? null : seconds(heard))),
  );
  gauge(
    'peer_round_trip_seconds',
    'There and back.',
    each(({ roundTrip }) => (roundTrip === null ? null : roundTrip / 1000)),
  );
  gauge(
    'peer_loss_ratio',
    'The part of the last questions that was not answered.',
    each(({ loss }) => loss),
  );
  gauge(
    'peer_port_open',
    'Whether it has a port of the switch.',
    each(({ port }) => Number(port !== null)),
  );
  const ofPeers = (samples: (peer: PeerStatus) => readonly (readonly [Labels, number])[]) =>
    peers.flatMap((peer) =>
      samples(peer).map(([labels, value]) => [{ peer: peer.peer, ...labels }, value] as const),
    );
  counter(
    'peer_frames',
    'Frames of a peer.',
    ofPeers(({ carried }) => flows(carried, 'frames')),
  );
  counter(
    'peer_bytes',
    'Bytes of these frames.',
    ofPeers(({ carried }) => flows(carried, 'bytes')),
  );
  counter(
    'peer_refused',
    'What was refused of a peer, by reason.',
    ofPeers(({ refused }) => reasons(refused)),
  );
  return { text: await registry.metrics(), type: registry.contentType };
}

function flows(flow: Flow, what: 'frames' | 'bytes'): (readonly [Labels, number])[] {
  return (['in', 'out'] as const).map((direction) => [{ direction }, flow[direction][what]]);
}

function reasons(all: Reasons): (readonly [Labels, number])[] {
  return Object.entries(all).map(([reason, times]) => [{ reason }, times]);
}
