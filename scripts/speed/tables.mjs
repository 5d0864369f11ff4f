// The tables of docs/speed.md, made from raw results of the benchmark. A figure is the median over rounds; a ratio is the median of the
// ratios within each round, as in what the benchmark prints.

const median = (values) => {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};
const column = (rounds, name) => rounds.map((round) => round?.[name] ?? Number.NaN);
const value = (rounds, name) => median(column(rounds, name));
export const ratio = (rounds, others, name) =>
  median(column(rounds, name).map((one, i) => one / (others[i]?.[name] ?? Number.NaN)));

/** A ratio, or a figure with three digits that count; a dash where nothing was measured. */
const times = (one) => (Number.isFinite(one) ? one.toFixed(2) : '–');
function figure(one) {
  if (!Number.isFinite(one)) return '–';
  if (one !== 0 && Math.abs(one) < 100) return one.toFixed(Math.abs(one) < 10 ? 2 : 1);
  return one.toFixed(0);
}

function table(heads, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [
    line(heads),
    `|---|${heads
      .slice(1)
      .map(() => '---:|')
      .join('')}`,
    ...rows.map(line),
  ].join('\n');
}

/** What the figures are from, as a sentence. */
function made({ machine }, rounds) {
  const { cpu, cores, kernel, node, date, load } = machine;
  const many = rounds === 1 ? '1 round' : `${rounds} rounds`;
  return `${many} on ${cores} × ${cpu}, Linux ${kernel.replace(/-.*/, '')}, Node ${node.replace('v', '')}, ${date.slice(0, 10)}, load ${load.toFixed(1)} at the beginning.`;
}
const roundsOf = (runs) => Math.max(...Object.values(runs).map((rounds) => rounds.length));

const CABLE = {
  tcp: 'TCP',
  tcp8: 'eight streams',
  udp: 'UDP',
  pieces: 'UDP in pieces',
  small: '100-byte frames',
  cpu: 'processor time per GB',
  pingFirst: 'first 50 pings',
  ping: 'later pings',
  pingLoaded: 'ping under load',
};
export const SWITCH_BASE = 'C vde_cryptcab, Blowfish';
export const TAP_BASE = 'fastd, salsa2012+umac';
/** Ways from tap to tap that are others'. */
const OTHERS = /^(wireguard-go|fastd|tinc|openvpn)/;

function cable(results, head, base, chosen) {
  const { runs } = results;
  const rows = Object.keys(runs).filter((name) => name !== base && chosen(name));
  return `${table(
    [head, ...Object.values(CABLE)],
    rows.map((name) => [
      name.replace(/, tap:\/\/$/, ''),
      ...Object.keys(CABLE).map((one) => times(ratio(runs[name], runs[base], one))),
    ]),
  )}\n\n${made(results, roundsOf(runs))}`;
}
const isTap = (name) => name.endsWith('tap://') || OTHERS.test(name);

const CORE = [
  ['Blowfish', 'blowfish', 'OpenSSL bf-cbc, one cipher kept', 'OpenSSL, one cipher kept'],
  ['Blowfish', 'blowfish', 'OpenSSL bf-cbc, a cipher per datagram', 'OpenSSL, a cipher per datagram'],
  ['Blowfish', 'blowfish', 'egoroof-blowfish', 'egoroof-blowfish'],
  ['ChaCha20', 'chacha20', 'OpenSSL chacha20, a cipher per datagram', 'OpenSSL'],
  ['ChaCha20', 'chacha20', '@noble/ciphers', '@noble/ciphers'],
  ['secure', 'secure', 'OpenSSL chacha20-poly1305, a cipher per datagram', 'OpenSSL'],
  ['secure', 'secure', '@noble/ciphers', '@noble/ciphers'],
];
const CORE_COLUMNS = ['1412 × 32', '64 × 32', '1412 × 1'].flatMap((size) => [`seal ${size}`, `open ${size}`]);

function core(results) {
  const rounds = results.runs.node.map(({ rates }) => rates);
  const of = (name) => rounds.map((rates) => rates[name]);
  return `${table(
    ['cipher', 'against', ...CORE_COLUMNS],
    CORE.map(([cipher, suite, other, shown]) => [
      cipher,
      shown,
      ...CORE_COLUMNS.map((one) => ratio(of(`${suite}: cryptcab`), of(`${suite}: ${other}`), one).toFixed(1)),
    ]),
  )}\n\nOurs, MB of frames for a second of processor time:\n\n${table(
    ['cipher', ...CORE_COLUMNS],
    ['blowfish', 'chacha20', 'secure'].map((suite) => [
      suite,
      ...CORE_COLUMNS.map((one) => figure(value(of(`${suite}: cryptcab`), one))),
    ]),
  )}\n\n${made(results, rounds.length)}`;
}

/** A table of figures: a row for each way, a column for each thing measured. */
const figures = (head, columns) => (results) =>
  `${table(
    [head, ...Object.values(columns)],
    Object.entries(results.runs).map(([name, rounds]) => [
      name,
      ...Object.keys(columns).map((one) => figure(value(rounds, one))),
    ]),
  )}\n\n${made(results, roundsOf(results.runs))}`;

function handshakes({ results, ...more }) {
  const rows = Object.entries(results).map(([name, rounds]) => [
    name,
    ...['initiator', 'responder'].map((one) => figure(value(rounds, one))),
    ...['processor', 'took'].map((one) => figure(median(rounds.map(({ back }) => back[one])))),
  ]);
  const heads = ['runtime', 'at the initiator', 'at the responder'];
  const back = `${more.clients} clients back: processor s`;
  return `${table([...heads, back, 'after, s'], rows)}\n\n${made(more, roundsOf(results))}`;
}

function start(results) {
  const rows = Object.entries(results.ms).map(([name, ms]) => [name, figure(median(ms))]);
  return `${table(['', 'ms'], rows)}\n\n${made(results, results.times)}`;
}

function fair(results) {
  const { runs } = results;
  const cells = Object.keys(Object.values(runs)[0][0]);
  const one = (head, name) =>
    table(
      [head, ...cells],
      Object.entries(runs).map(([network, rounds]) => [
        network,
        ...cells.map((cell) => figure(median(rounds.map((round) => round[cell]?.[name] ?? Number.NaN)))),
      ]),
    );
  const tables = [one('round trip, ms', 'rtt'), one('TCP to the server, Mbit/s', 'tcp')];
  return `${tables.join('\n\n')}\n\n${made(results, roundsOf(runs))}`;
}

const PHONES = {
  to: 'TCP to it',
  from: 'TCP from it',
  small: 'small UDP to it',
  smallFrom: 'small UDP from it',
  pieces: 'in pieces to it',
  piecesFrom: 'in pieces from it',
};

/** Ours ÷ the recipe, with each device: what passes, and the server's processor time for as much. */
function phones(results) {
  const { runs } = results;
  const [ours, recipe] = ['cryptcab', 'wireguard-go, proxy ARP'];
  const devices = Object.keys(runs)
    .filter((name) => name.startsWith(`${ours} · `))
    .map((name) => name.slice(ours.length + 3));
  const rows = devices.flatMap((device) =>
    [
      ['mbit', 'what passes'],
      ['server', "the server's processor time per GB"],
    ].map(([field, head]) => [
      device,
      head,
      ...Object.keys(PHONES).map((what) => {
        const of = (station) => runs[`${station} · ${device}`].map((round) => round?.[what]);
        return times(ratio(of(ours), of(recipe), field));
      }),
    ]),
  );
  return `${table(['device', 'ours ÷ the recipe', ...Object.values(PHONES)], rows)}\n\n${made(results, roundsOf(runs))}`;
}

/** By the name of their place in the page: the question whose results they are from, and how they are made. */
export const TABLES = {
  switches: ['cable', (results) => cable(results, 'cable', SWITCH_BASE, (name) => !isTap(name))],
  taps: ['cable', (results) => cable(results, 'tunnel', TAP_BASE, isTap)],
  core: ['core', core],
  peers: [
    'peers',
    figures('server, clients', {
      cost: 'µs of processor time per datagram',
      idle: 'kB per quiet client',
      login: 'all logged in, ms',
    }),
  ],
  hub: [
    'hub',
    figures('client to client', {
      tcp: 'TCP, Mbit/s',
      storm: 'in a storm',
      small: 'UDP of 64 bytes, Mbit/s',
      rtt: 'round trip, ms',
      cpu: 'CPU s/GB',
    }),
  ],
  fair: ['fair', fair],
  phones: ['phones', phones],
  handshakes: ['handshakes', handshakes],
  start: ['start', start],
};
