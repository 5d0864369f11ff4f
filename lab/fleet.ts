// Several servers with one key, as docs/fleet.md has them: a balancer, servers whose bridges are joined by VXLAN, and clients.
// All in one lab: the balancer is its hub, and the router of all others.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { frrFile, startFrr } from './evpn.js';
import { cryptcab, type Host, Lab } from './lab.js';
import { type Process, run, until } from './process.js';
import { type End, makeEnd } from './secure-keys.js';

/** What clients call. */
const SHARED = { 4: '192.0.2.1', 6: '2001:db8::1' } as const;
/** The network of all servers. */
const SERVERS = '10.77.0.0/16';
const INNER = '10.88.0';

/** How a fleet is made. */
export interface FleetOptions {
  readonly servers: number;
  readonly clients: number;
  /** Version of IP between clients and servers. */
  readonly version?: 4 | 6;
  /** How clients move frames; their own choice when undefined. */
  readonly io?: string | undefined;
  /** How the bridges of the servers find each other: a list, and frames that are flooded; or FRR, by BGP. */
  readonly ethernet?: 'list' | 'evpn';
  readonly random: (length: number) => Uint8Array;
}

/** A host and its key. */
export interface Member {
  readonly host: Host;
  readonly end: End;
}

export class Fleet {
  readonly lab: Lab;
  readonly balancer: Host;
  /** By their numbers, from 1 on. */
  readonly servers = new Map<number, Host>();
  readonly clients: Member[];
  readonly key: End;
  /** The peers file of all servers. */
  readonly peers: string;
  readonly #version: 4 | 6;
  readonly #random: FleetOptions['random'];
  readonly #ethernet: 'list' | 'evpn';

  constructor({ servers, clients, version = 4, io, ethernet = 'list', random }: FleetOptions) {
    this.lab = new Lab(1, io);
    this.#version = version;
    this.#random = random;
    this.#ethernet = ethernet;
    this.balancer = this.lab.host(0);
    const { balancer } = this;
    balancer.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
    balancer.run('ip', 'address', 'add', `${SHARED[4]}/32`, 'dev', 'lo');
    balancer.run('ip', 'address', 'add', `${SHARED[6]}/128`, 'dev', 'lo', 'nodad');
    this.key = makeEnd(this.lab, 'servers', random);
    for (let number = 1; number <= servers; number++) this.servers.set(number, this.#host());
    for (const [number] of this.servers) this.#layEthernet(number);
    this.clients = Array.from({ length: clients }, () => this.#client());
    this.peers = join(this.lab.directory, 'peers');
    writeFileSync(this.peers, this.lines(), { mode: 0o600 });
  }

  /** A line for each client, as the peers file has it. */
  lines(): string {
    return this.clients.map(({ end }, i) => `${end.publicKey} name=client${i}\n`).join('');
  }

  #host(): Host {
    const host = this.lab.addHost();
    host.run('ip', 'route', 'add', 'default', 'via', host.link.hub4);
    host.run('ip', '-6', 'route', 'add', 'default', 'via', host.link.hub6);
    return host;
  }

  #client(): Member {
    const host = this.#host();
    host.makeTap();
    return { host, end: makeEnd(this.lab, `client${host.index}`, this.#random) };
  }

  /** One more client, which nobody knows yet. */
  addClient(): Member {
    const client = this.#client();
    this.clients.push(client);
    return client;
  }

  /** One more server: its number. It serves when it is started, and is called when the balancer knows it. */
  addServer(): number {
    const number = this.servers.size + 1;
    this.servers.set(number, this.#host());
    this.#layEthernet(number);
    for (const [other] of this.servers) if (other !== number) this.#flood(other, number);
    return number;
  }

  /** Between servers: a bridge on each, and VXLAN, with a list of the others or with FRR. It floods to each once, and passes nothing on. */
  #layEthernet(number: number): void {
    const host = this.servers.get(number) as Host;
    // An address of its own: otherwise it is that of one of the ports, and changes with them.
    const mac = `02:63:61:62:01:${number.toString(16).padStart(2, '0')}`;
    host.run('ip', 'link', 'add', 'br0', 'address', mac, 'type', 'bridge');
    const evpn = this.#ethernet === 'evpn';
    const vxlan = ['id', '77', 'dstport', '4789', 'local', host.link.own4, ...(evpn ? ['nolearning'] : [])];
    host.run('ip', 'link', 'add', 'vx0', 'type', 'vxlan', ...vxlan);
    host.run('ip', 'link', 'set', 'vx0', 'master', 'br0');
    if (evpn) host.run('bridge', 'link', 'set', 'dev', 'vx0', 'learning', 'off', 'neigh_suppress', 'on');
    for (const device of ['vx0', 'br0']) host.run('ip', 'link', 'set', device, 'mtu', '1400', 'up');
    host.run('ip', 'address', 'add', `${this.innerOf(number)}/24`, 'dev', 'br0');
    for (const [other] of this.servers) if (other !== number) this.#flood(number, other);
  }

  /** Starts FRR on a server; it tells the others where which MAC address is. */
  startFrr(number: number): Promise<readonly Process[]> {
    const addressOf = (server: number) => (this.servers.get(server) as Host).link.own4;
    const host = this.servers.get(number) as Host;
    // Servers of docs/fleet.md are in one network. FRR takes no default route for the way to a neighbour.
    host.run('ip', 'route', 'add', SERVERS, 'via', host.link.hub4);
    return startFrr(host, frrFile(number, addressOf, SERVERS));
  }

  /** How many others a server's VXLAN knows. */
  joined(number: number): number {
    const shown = (this.servers.get(number) as Host).run('bridge', 'fdb', 'show', 'dev', 'vx0');
    return shown.match(/^00:00:00:00:00:00 dst/gm)?.length ?? 0;
  }

  #flood(number: number, other: number): void {
    if (this.#ethernet === 'evpn') return;
    const [host, to] = [this.servers.get(number), this.servers.get(other)] as [Host, Host];
    host.run('bridge', 'fdb', 'append', '00:00:00:00:00:00', 'dev', 'vx0', 'dst', to.link.own4);
  }

  /** What clients call. */
  get address(): string {
    return SHARED[this.#version];
  }

  /** Address of a server's own bridge on the inner network. */
  innerOf(number: number): string {
    return `${INNER}.${200 + number}`;
  }

  /**
   * Has the balancer steer to these servers.
   * @param leaving those of them that get no calls any more
   */
  balance(numbers: readonly number[] = [...this.servers.keys()], leaving: readonly number[] = []): void {
    const servers = numbers.flatMap((number) => {
      const { link } = this.servers.get(number) as Host;
      return ['--server', `${number}=${link.own4}`, '--server', `${number}=${link.own6}`];
    });
    const words = [
      'balancer',
      ...['--address', SHARED[4], '--address', SHARED[6], ...servers],
      ...leaving.flatMap((number) => ['--leaving', String(number)]),
    ];
    const file = join(this.lab.directory, 'balancer.nft');
    const [program, ...args] = [...cryptcab, ...words] as [string, ...string[]];
    writeFileSync(file, run(program, ...args));
    this.balancer.run('nft', '-f', file);
  }

  /** Starts a server, and waits until it serves. @param peers default: the peers file */
  async serve(number: number, peers: string = this.peers, ...more: string[]): Promise<Process> {
    const host = this.servers.get(number) as Host;
    const words = ['-s', 'bridge://br0', '--key', this.key.keyFile, '--peers', peers];
    const all = ['serve', ...words, '--server-id', String(number), '-v', ...more];
    const server = host.start([...cryptcab, ...all]);
    await server.prints(/waiting for clients/);
    return server;
  }

  /** Takes a server out and waits until it has ended. */
  async drain(number: number, left: readonly number[]): Promise<void> {
    this.balance([...left, number], [number]);
    const host = this.servers.get(number) as Host;
    const draining = host.start([...cryptcab, 'drain']);
    if ((await draining.exited) !== 0) throw new Error(draining.output);
    this.balance(left);
  }

  /** Starts a client, and waits until it is up. */
  async connect(member: Member): Promise<Process> {
    const client = this.call(member);
    await client.prints(/the cable is up/);
    return client;
  }

  /** Starts a client. */
  call({ host, end }: Member): Process {
    const target = this.#version === 4 ? SHARED[4] : `[${SHARED[6]}]`;
    const io = this.lab.io === undefined ? [] : ['--io', this.lab.io];
    const words = ['connect', `${target}:7667`, '-s', 'tap://tap0', '--key', end.keyFile];
    return host.start([...cryptcab, ...words, '--peer', this.key.publicKey, '-v', ...io]);
  }

  /** A client goes on from another address. @returns the address */
  roam({ host }: Member): string {
    const six = this.#version === 6;
    const to = six ? `fd77:${host.index}::9` : `10.77.${host.index}.9`;
    const [before, via] = six ? [host.link.own6, host.link.hub6] : [host.link.own4, host.link.hub4];
    const prefix = six ? '64' : '24';
    // The last address of a network takes the routes with it.
    const steps = [
      `address delete ${before}/${prefix} dev ${host.device}`,
      `address add ${to}/${prefix} dev ${host.device}${six ? ' nodad' : ''}`,
      `route replace default via ${via}`,
    ];
    host.run('sh', '-c', `printf '${steps.join('\\n')}\\n' | ip -${this.#version} -batch -`);
    return to;
  }

  /**
   * Starts etcd on the balancer, with what it had before.
   * @param more options besides; with certificates it is asked by TLS
   */
  async startEtcd(...more: string[]): Promise<Process> {
    const scheme = more.includes('--cert-file') ? 'https' : 'http';
    const directory = join(this.lab.directory, 'etcd');
    const etcd = this.balancer.start([
      ...['etcd', '--name', 'lab', '--data-dir', directory],
      ...['--listen-client-urls', `${scheme}://0.0.0.0:2379,http://127.0.0.1:2378`],
      ...['--advertise-client-urls', 'http://127.0.0.1:2378'],
      ...['--listen-peer-urls', 'http://127.0.0.1:2380', '--initial-cluster', 'lab=http://127.0.0.1:2380'],
      ...['--initial-advertise-peer-urls', 'http://127.0.0.1:2380', ...more],
    ]);
    await until('etcd answers', async () => (await this.#asksEtcd('endpoint', 'health')) === 0, 60_000);
    return etcd;
  }

  #asksEtcd(...words: string[]): Promise<number> {
    const env = { ETCDCTL_API: '3' };
    return this.balancer.start(['etcdctl', '--endpoints', 'http://127.0.0.1:2378', ...words], env).exited;
  }

  /** Runs etcdctl; it has to succeed. */
  async etcd(...words: string[]): Promise<void> {
    const status = await this.#asksEtcd(...words);
    if (status !== 0) throw new Error(`etcdctl ${words.join(' ')}: status ${status}`);
  }

  /** Of whom servers have said in etcd that they have met them: their public keys. */
  metInEtcd(): string[] {
    const words = ['--endpoints', 'http://127.0.0.1:2378', 'get', 'net.seen/', '--prefix', '--keys-only'];
    const keys = this.balancer.run('env', 'ETCDCTL_API=3', 'etcdctl', ...words).split('\n');
    return keys.filter(Boolean).map((key) => key.slice('net.seen/'.length));
  }

  /** Enters a client into etcd. */
  enter({ end, host }: Member): Promise<void> {
    return this.etcd('put', `net/host${host.index}`, `${end.publicKey} name=client${this.#numberOf(end)}`);
  }

  /** Takes a client out of etcd. */
  strike({ host }: Member): Promise<void> {
    return this.etcd('del', `net/host${host.index}`);
  }

  #numberOf(end: End): number {
    return this.clients.findIndex((one) => one.end === end);
  }

  /** What `--peers` says of etcd at a server. @param query behind it, such as `?options=FILE` */
  etcdSource(number: number, query = ''): string {
    return `etcd://${this.servers.get(number)?.link.hub4}/net${query}`;
  }

  close(): Promise<void> {
    return this.lab.close();
  }
}

/** Pings 50 ms apart, and how long none was answered. */
export class Pings {
  readonly #process: Process;

  constructor(from: Host, to: string) {
    this.#process = from.start(['ping', '-n', '-D', '-i', '0.05', '-W', '1', to]);
  }

  /** Waits until pings are answered, from now on. */
  async flow(ms = 30_000): Promise<void> {
    await this.#process.prints(/bytes from/, ms, this.#process.printed);
  }

  /**
   * Ends it.
   * @returns the longest time between two answers, s; how many pings had no answer though a later one had: those after the last answer
   *   may be on their way
   */
  async end(): Promise<{ readonly gap: number; readonly lost: number }> {
    await this.#process.stop('SIGINT');
    const { output } = this.#process;
    const times = [...output.matchAll(/^\[(\d+\.\d+)\] \d+ bytes from/gm)].map(([, at]) => Number(at));
    const gap = times.reduce((most, at, i) => Math.max(most, at - (times[i - 1] ?? at)), 0);
    const answered = new Set(
      [...output.matchAll(/ bytes from [^\n]*icmp_seq=(\d+)/g)].map(([, seq]) => Number(seq)),
    );
    return { gap, lost: Math.max(0, ...answered) - answered.size };
  }
}
