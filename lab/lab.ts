// A network in a box: hosts are network namespaces, joined to the first one by veth pairs (or to another, which
// is then their router), each with a real vde_switch and a tap on it. Everything is named after the process that
// made it, and goes when it goes.
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Process, run, until } from './process.js';
import { temporaryDirectory } from './temporary.js';

const PREFIX = 'cryptcab-lab';
/** The length of /etc/hosts in a host. */
const HOSTS_BYTES = 4_096;
// This file runs as it is (tests) and as built (demo, bench).
export const root = fileURLToPath(
  new URL(/\/dist\/lab\/[^/]*$/.test(import.meta.url) ? '../..' : '..', import.meta.url),
);

/** The program under test: as built, on this runtime; or what CRYPTCAB_COMMAND says, a list in JSON. */
export const cryptcab: readonly string[] =
  process.env.CRYPTCAB_COMMAND === undefined
    ? [process.execPath, join(root, 'dist/command/main.js')]
    : JSON.parse(process.env.CRYPTCAB_COMMAND);

/** Another program of the lab's, as built. */
export function labProgram(name: string): readonly string[] {
  return [process.execPath, join(root, 'dist/lab', `${name}.js`)];
}

let labs = 0;
/** What takes each open lab away. One listener for all: many labs may be open at once. */
const abandoned = new Set<() => void>();
process.on('exit', () => {
  for (const abandon of abandoned) abandon();
});

/** Takes away what a process that was killed has left behind. */
function sweep(): void {
  for (const line of run('ip', 'netns', 'list').split('\n')) {
    const name = line.split(' ')[0] as string;
    const owner = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1];
    if (owner === undefined || existsSync(`/proc/${owner}`)) continue;
    try {
      removeNamespace(name);
    } catch (error) {
      // Another lab may have taken it away meanwhile.
      if (run('ip', 'netns', 'list').split(/\s/).includes(name)) throw error;
    }
  }
}

function removeNamespace(name: string): void {
  run('ip', 'netns', 'delete', name);
}

/** One host: a network namespace. */
export class Host {
  readonly index: number;
  readonly namespace: string;
  /** The host that it is joined to, which is itself with the first one. */
  readonly gateway: Host;
  /** The devices of the veth pair that joins them, here and there. */
  readonly device = 'v0';
  readonly gatewayDevice: string;
  /** Where the gateway is, seen from here, and this one, seen from there; IPv4 and IPv6. */
  readonly link: {
    readonly hub4: string;
    readonly own4: string;
    readonly hub6: string;
    readonly own6: string;
  };
  /** Its address on the cable's inner network. */
  readonly inner: string;
  readonly switchPath: string;
  /** XDG_RUNTIME_DIR there: hosts share a file system, and their control sockets must not meet. */
  readonly runtimeDirectory: string;
  /** STATE_DIRECTORY there. */
  readonly stateDirectory: string;
  /** TMPDIR there, and /tmp. */
  readonly temporaryDirectory: string;
  /** What is /run there. */
  readonly runDirectory: string;
  /** What is /etc/hosts there. */
  readonly #hosts: string;
  /** Sleeps in this host's namespaces, so that they are made once, and not for each program. */
  #keeper: ChildProcess | undefined;
  readonly #lab: Lab;
  /** Of its tap. */
  readonly mac: string;

  constructor(lab: Lab, index: number, gateway: Host | undefined) {
    this.#lab = lab;
    this.index = index;
    this.gateway = gateway ?? this;
    this.gatewayDevice = `v${index}`;
    this.namespace = `${lab.name}-${index}`;
    this.link = {
      hub4: `10.77.${index}.1`,
      own4: `10.77.${index}.2`,
      hub6: `fd77:${index}::1`,
      own6: `fd77:${index}::2`,
    };
    this.mac = `02:63:61:62:00:${(index + 1).toString(16).padStart(2, '0')}`;
    this.inner = `10.88.0.${index + 1}`;
    this.switchPath = join(lab.directory, `switch${index}`);
    this.runtimeDirectory = join(lab.directory, `runtime${index}`);
    this.stateDirectory = join(lab.directory, `state${index}`);
    this.temporaryDirectory = join(lab.directory, `tmp${index}`);
    this.runDirectory = join(lab.directory, `run${index}`);
    this.#hosts = join(lab.directory, `hosts${index}`);
    mkdirSync(this.runtimeDirectory, { mode: 0o700 });
    mkdirSync(this.temporaryDirectory);
    copyFileSync('/etc/hosts', this.#hosts);
  }

  /**
   * Makes the namespaces: one of the network, and one of mounts, in which /run, /tmp and /etc/hosts are this host's own: hosts see
   * neither the machine's servers nor each other's key files. The lab and the program under test may be in /tmp themselves, and
   * are shown there.
   */
  open(): void {
    run('ip', 'netns', 'add', this.namespace);
    mkdirSync(join(this.runDirectory, 'sshd'), { recursive: true }); // where sshd separates its privileges; its package makes it at boot
    const shown = [this.#lab.directory, root].filter((path) => path.startsWith('/tmp/'));
    const mounts = shown.map((path) => [path, join(this.temporaryDirectory, path.slice('/tmp/'.length))]);
    for (const [, place] of mounts) mkdirSync(place as string, { recursive: true });
    mounts.unshift([this.runDirectory, '/run']);
    mounts.push([this.temporaryDirectory, '/tmp'], [this.#hosts, '/etc/hosts']);
    const ready = join(this.#lab.directory, `ready${this.index}`);
    const script = [
      ...mounts.map(([path, place]) => `mount --rbind '${path}' '${place}'`),
      `: > '${ready}'`,
      'exec sleep infinity',
    ].join(' && ');
    const program = ['ip', 'netns', 'exec', this.namespace, 'sh', '-c', script];
    // It goes with this process, however that ends.
    this.#keeper = spawn('setpriv', ['--pdeathsig', 'KILL', ...program], { stdio: 'ignore' });
    this.#keeper.unref();
    run('timeout', '60', 'sh', '-c', `until [ -e '${ready}' ]; do sleep 0.01; done`);
  }

  close(): void {
    this.#keeper?.kill('SIGKILL');
    removeNamespace(this.namespace);
  }

  /** A program and its arguments, as they are started to run here. */
  #here(command: readonly string[]): string[] {
    return ['nsenter', '-t', String(this.#keeper?.pid), '-n', '-m', '--', ...command];
  }

  /** Runs a program here to its end. */
  run(command: string, ...args: string[]): string {
    const [nsenter, ...rest] = this.#here([command, ...args]);
    return run(nsenter as string, ...rest);
  }

  /** Nothing passes between this host and its gateway any more, and nobody is told. */
  cut(): void {
    for (const [end, device] of this.#linkEnds) {
      const table = `inet cut-${device}`;
      const chain = `${table} in { type filter hook input priority filter; }`;
      end.run('nft', `add table ${table}; add chain ${chain}; add rule ${table} in iifname ${device} drop`);
    }
  }

  mend(): void {
    for (const [end, device] of this.#linkEnds) end.run('nft', 'delete', 'table', 'inet', `cut-${device}`);
  }

  get #linkEnds(): readonly (readonly [Host, string])[] {
    return [
      [this, this.device],
      [this.gateway, this.gatewayDevice],
    ];
  }

  /** What /etc/hosts says here. */
  knows(names: Readonly<Record<string, string | readonly string[]>>): void {
    const lines = Object.entries({ localhost: '127.0.0.1', ...names }).flatMap(([name, addresses]) =>
      [addresses].flat().map((address) => `${address} ${name}\n`),
    );
    // In place, because it is mounted, and always of one length, so that a program never reads it while it is empty.
    writeFileSync(this.#hosts, lines.join('').padEnd(HOSTS_BYTES, '\n'), { flag: 'r+' });
  }

  /** Starts a program here. */
  start(command: readonly string[], env: NodeJS.ProcessEnv = {}): Process {
    const own = {
      XDG_RUNTIME_DIR: this.runtimeDirectory,
      STATE_DIRECTORY: this.stateDirectory,
      TMPDIR: this.temporaryDirectory,
      ...env,
    };
    return this.#lab.start(this.#here(command), own);
  }

  /** Starts a switch with a tap that has the inner address; waits until both work. */
  async startSwitch(mtu = 1400, options: readonly string[] = []): Promise<Process> {
    const process = this.start(['vde_switch', '-s', this.switchPath, '-tap', 'tap0', ...options]);
    const works = async () => {
      if (!process.running) throw new Error(`vde_switch ended: ${process.output}`);
      // It answers before it has made its tap.
      const taps = () => readFileSync(`/proc/${process.pid}/net/dev`, 'utf8');
      return (await answers(join(this.switchPath, 'ctl'))) && /^ *tap0:/m.test(taps());
    };
    // Other tests may make hosts meanwhile, which holds up this whole process.
    await until(`the switch at ${this.switchPath} answers`, works, 120_000);
    this.#configureTap(mtu);
    return process;
  }

  /** Makes a tap that stays, with the inner address, and no switch. */
  makeTap(mtu = 1400): void {
    this.run('ip', 'tuntap', 'add', 'tap0', 'mode', 'tap');
    this.#configureTap(mtu);
  }

  #configureTap(mtu: number): void {
    // The same address each time: a restarted switch must not look like another host to everybody's ARP.
    this.run('ip', 'link', 'set', 'tap0', 'address', this.mac, 'mtu', String(mtu), 'up');
    this.run('ip', 'address', 'add', `${this.inner}/24`, 'dev', 'tap0');
  }

  /** How many frames the kernel has given to its tap, or had from it: super-frames count once. */
  tapped(way: 'tx' | 'rx'): number {
    return Number(this.run('cat', `/sys/class/net/tap0/statistics/${way}_packets`));
  }

  /** Starts our program here; on its switch, unless it is told otherwise. */
  cryptcab(args: readonly string[], env: NodeJS.ProcessEnv = {}): Process {
    const io = this.#lab.io === undefined ? [] : ['--io', this.#lab.io];
    return this.start([...cryptcab, '-s', this.switchPath, ...io, ...args], env);
  }

  /** Starts the C program here; it needs OpenSSL's legacy provider. */
  original(args: readonly string[], env: NodeJS.ProcessEnv = {}): Process {
    // It prints through a buffer when its output is no terminal: stdbuf shows what it says as it says it.
    return this.start(['stdbuf', '-oL', 'vde_cryptcab', '-s', this.switchPath, ...args], {
      OPENSSL_CONF: this.#lab.legacyProvider,
      ...env,
    });
  }

  /** Knows another host's Ethernet address for good: ARP has no checksum, and the C program delivers what is damaged. */
  knowsNeighbour(other: Host): void {
    this.run(
      'ip',
      'neighbour',
      'replace',
      other.inner,
      'lladdr',
      other.mac,
      'dev',
      'tap0',
      'nud',
      'permanent',
    );
  }

  /** Whether somebody here has this UDP port. */
  listens(port: number): boolean {
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    return this.run('cat', '/proc/net/udp', '/proc/net/udp6').includes(`:${hex} `);
  }

  /** Pings an address until an answer comes; returns how long that took, ms. */
  async reaches(address: string, ms = 10_000): Promise<number> {
    const from = performance.now();
    await until(`${this.namespace} reaches ${address}`, () => this.pings(address), ms);
    return performance.now() - from;
  }

  /** Whether one ping is answered within a second. */
  pings(address: string, size = 56): Promise<boolean> {
    return this.#pings(address, size, 1);
  }

  /** The same within ten seconds, which a busy machine may take. There is no second ping: one that is lost shows. */
  pingsOnce(address: string, size = 56): Promise<boolean> {
    return this.#pings(address, size, 10);
  }

  async #pings(address: string, size: number, seconds: number): Promise<boolean> {
    const options = ['-n', '-c', '1', '-W', String(seconds), '-s', String(size)];
    return (await this.start(['ping', ...options, address]).exited) === 0;
  }
}

/** Whether somebody accepts connections at a UNIX socket. */
export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

export class Lab {
  readonly name = `${PREFIX}-${process.pid}-${labs++}`;
  readonly directory = temporaryDirectory(PREFIX);
  readonly hosts: Host[] = [];
  /** How our program moves frames there; its own choice when undefined. */
  readonly io: string | undefined;
  readonly legacyProvider = join(this.directory, 'openssl.cnf');
  readonly #processes = new Set<Process>();
  readonly #atExit = () => this.#abandon();

  /** Makes hosts; each but the first is joined to the first. Needs root. */
  constructor(hosts: number, io = process.env.CRYPTCAB_IO) {
    this.io = io;
    abandoned.add(this.#atExit);
    try {
      sweep();
      writeFileSync(
        this.legacyProvider,
        'openssl_conf=o\n[o]\nproviders=p\n[p]\ndefault=d\nlegacy=l\n[d]\nactivate=1\n[l]\nactivate=1\n',
      );
      for (let i = 0; i < hosts; i++) this.addHost();
    } catch (error) {
      this.#abandon();
      throw error;
    }
  }

  host(index: number): Host {
    return this.hosts[index] as Host;
  }

  /**
   * Makes one more host.
   * @param gateway the host that it is joined to: the first one, or a router (see Nat) on the way there
   */
  addHost(gateway = this.hosts[0]): Host {
    const index = this.hosts.length;
    const host = new Host(this, index, gateway);
    this.hosts.push(host);
    host.open();
    // No frames but the tests' own on the taps: no router solicitations, no duplicate address detection.
    host.run('sysctl', '-qw', 'net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0');
    host.run('ip', 'link', 'set', 'lo', 'up');
    if (gateway === undefined) return host;
    const [near, far] = [host.gatewayDevice, host.device];
    // From outside: namespaces have their names in the machine's /run.
    const peer = ['peer', 'name', near, 'netns', gateway.namespace];
    run('ip', '-n', host.namespace, 'link', 'add', far, 'type', 'veth', ...peer);
    for (const [end, device, own4, own6] of [
      [host, far, host.link.own4, host.link.own6],
      [gateway, near, host.link.hub4, host.link.hub6],
    ] as const) {
      end.run('ip', 'address', 'add', `${own4}/24`, 'dev', device);
      end.run('ip', 'address', 'add', `${own6}/64`, 'dev', device, 'nodad');
      end.run('ip', 'link', 'set', device, 'up');
    }
    return host;
  }

  start(command: readonly string[], env: NodeJS.ProcessEnv = {}): Process {
    const process_ = new Process(command, { ...process.env, ...env });
    this.#processes.add(process_);
    process_.exited.then(() => this.#processes.delete(process_));
    return process_;
  }

  /** Makes a key file. */
  keyFile(name: string, bytes: Uint8Array): string {
    const path = join(this.directory, name);
    writeFileSync(path, bytes, { mode: 0o600 });
    return path;
  }

  /** Ends what still runs and takes everything away. */
  async close(): Promise<void> {
    await Promise.all([...this.#processes].reverse().map((process_) => process_.stop()));
    this.#abandon();
  }

  #abandon(): void {
    abandoned.delete(this.#atExit);
    for (const process_ of this.#processes) process_.signal('SIGKILL');
    for (const host of this.hosts.splice(0)) host.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
