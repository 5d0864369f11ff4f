// Ways to join two hosts of a lab by an Ethernet: between their switches, or straight from tap to tap.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cryptcab, type Host, type Lab } from '../lab/lab.js';
import { type Process, run, until } from '../lab/process.js';
import { makeEnd, Peers } from '../lab/secure-keys.js';
import { keyText, newPrivateKey } from '../src/keys/key-text.js';
import { publicKeyOf } from '../src/keys/public-key.js';
import { DEFAULT_PORT } from '../src/protocol/classic/constants.js';
import { otherRuntimes } from './measure.js';

export interface Tunnel {
  readonly name: string;
  /** What it joins. */
  readonly between: 'switches' | 'taps';
  /** Returns its processes, whose children are its own as well. */
  lay(lab: Lab, server: Host, client: Host): Promise<Process[]>;
}

const script = cryptcab.at(-1) as string;

function ours(
  name: string,
  between: Tunnel['between'],
  options: readonly string[],
  clientOptions: readonly string[] = [],
  runtime: readonly string[] = [process.execPath],
): Tunnel {
  return {
    name,
    between,
    async lay(lab, server, client) {
      const key = lab.keyFile('key', randomBytes(44));
      const start = (host: Host, ...more: string[]) => {
        const plug = between === 'taps' ? 'tap://tap0' : host.switchPath;
        return host.start([...runtime, script, '-s', plug, '-P', key, '-v', ...options, ...more]);
      };
      const listening = start(server);
      await listening.prints(/waiting for clients/);
      const connecting = start(client, '-c', client.link.hub4, ...clientOptions);
      await connecting.prints(/the cable is up/);
      return [listening, connecting];
    },
  };
}

/** The secure cable. */
function secure(name: string, between: Tunnel['between'], options: readonly string[]): Tunnel {
  return {
    name,
    between,
    async lay(lab, server, client) {
      const ends = [server, client].map((host) => ({
        host,
        ...makeEnd(lab, host.namespace, (length) => randomBytes(length)),
      }));
      const [serving, calling] = ends as [(typeof ends)[0], (typeof ends)[0]];
      const start = ({ host, keyFile }: typeof serving, ...more: string[]) => {
        const plug = between === 'taps' ? 'tap://tap0' : host.switchPath;
        return host.start([...cryptcab, '--secure', '-s', plug, '--key', keyFile, '-v', ...options, ...more]);
      };
      const peers = new Peers(lab, [calling.publicKey]);
      const listening = start(serving, '--peers', peers.path, '--no-classic');
      await listening.prints(/waiting for clients/);
      const connecting = start(calling, '--peer', serving.publicKey, '-c', client.link.hub4);
      await connecting.prints(/the cable is up/);
      return [listening, connecting];
    },
  };
}

const plain: Tunnel = {
  name: 'plain cable (dpipe vde_plug = vde_plug)',
  between: 'switches',
  async lay(lab, server, client) {
    return [lab.start(['dpipe', 'vde_plug', server.switchPath, '=', 'vde_plug', client.switchPath])];
  },
};

const original: Tunnel = {
  name: 'C vde_cryptcab, Blowfish',
  between: 'switches',
  async lay(lab, server, client) {
    const key = lab.keyFile('key', randomBytes(44));
    // Without -v, which would slow it down, it says nothing: its socket tells that it is there.
    const listening = server.original(['-P', key]);
    await until('the C server listens', () => server.listens(DEFAULT_PORT));
    return [listening, client.original(['-P', key, '-c', client.link.hub4])];
  },
};

/** Writes a file for one end of a tunnel. */
function file(lab: Lab, path: string, lines: readonly string[]): string {
  const at = join(lab.directory, path);
  mkdirSync(join(at, '..'), { recursive: true });
  writeFileSync(at, `${lines.join('\n')}\n`, { mode: 0o600 });
  return at;
}

const fastd: Tunnel = {
  name: 'fastd, salsa2012+umac',
  between: 'taps',
  async lay(lab, server, client) {
    const port = 10_000;
    const keys = [server, client].map(() => {
      const said = run('sh', '-c', 'fastd --generate-key 2>/dev/null');
      const [secret, shown] = [/Secret: (\w+)/, /Public: (\w+)/].map(
        (form) => form.exec(said)?.[1] as string,
      );
      return { secret: secret as string, shown: shown as string };
    });
    const address = [client.link.hub4, client.link.own4];
    const ends = [server, client].map((host, i) =>
      host.start([
        'fastd',
        '--config',
        file(lab, `fastd${i}`, [
          'log level info;',
          'mode tap;',
          'interface "tap0";',
          'mtu 1400;',
          'method "salsa2012+umac";',
          `bind ${address[i]}:${port};`,
          `secret "${keys[i]?.secret}";`,
          `peer "other" { key "${keys[1 - i]?.shown}"; remote ${address[1 - i]}:${port}; }`,
        ]),
      ]),
    );
    await Promise.all(ends.map((end) => end.prints(/connection with .* established/, 20_000)));
    return ends;
  },
};

const tinc: Tunnel = {
  name: 'tinc 1.0, Blowfish',
  between: 'taps',
  async lay(lab, server, client) {
    const names = ['server', 'client'];
    const address = [client.link.hub4, client.link.own4];
    const directory = (i: number) => join(lab.directory, `tinc${i}`);
    const hostFile = (i: number) => [
      `Address = ${address[i]}`,
      'Cipher = bf-cbc',
      'PMTUDiscovery = no',
      'Compression = 0',
    ];
    const hosts: string[] = [];
    for (const [i, name] of names.entries()) {
      file(lab, `tinc${i}/tinc.conf`, [
        `Name = ${name}`,
        'Mode = switch',
        'DeviceType = tap',
        'Interface = tap0',
        'AddressFamily = ipv4',
        ...(i === 1 ? ['ConnectTo = server'] : []),
      ]);
      file(lab, `tinc${i}/hosts/${name}`, hostFile(i));
      // It appends the public key to that file.
      run('sh', '-c', `tincd -c ${directory(i)} -K 2048 </dev/null 2>/dev/null`);
      hosts.push(join(directory(i), 'hosts', name));
    }
    for (const i of [0, 1])
      run('cp', hosts[1 - i] as string, join(directory(i), 'hosts', names[1 - i] as string));
    const ends = [server, client].map((host, i) =>
      host.start(['tincd', '-c', directory(i), '-D', '-d2', `--pidfile=${join(directory(i), 'pid')}`], {
        OPENSSL_CONF: lab.legacyProvider,
      }),
    );
    await Promise.all(ends.map((end) => end.prints(/Connection with .* activated/, 20_000)));
    return ends;
  },
};

const openvpn: Tunnel = {
  name: 'openvpn, AES-256-GCM',
  between: 'taps',
  async lay(lab, server, client) {
    const names = ['server', 'client'];
    const at = (name: string, what: string) => join(lab.directory, `openvpn-${name}.${what}`);
    const prints = names.map((name) => {
      const made = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=${name}`;
      run('sh', '-c', `${made} -keyout ${at(name, 'key')} -out ${at(name, 'crt')} 2>/dev/null`);
      return run('openssl', 'x509', '-in', at(name, 'crt'), '-noout', '-fingerprint', '-sha256')
        .trim()
        .replace(/^.*=/, '');
    });
    const ends = [server, client].map((host, i) =>
      host.start([
        ...['openvpn', '--dev', 'tap0', '--dev-type', 'tap', '--proto', 'udp', '--verb', '3'],
        ...['--cert', at(names[i] as string, 'crt'), '--key', at(names[i] as string, 'key')],
        ...['--peer-fingerprint', prints[1 - i] as string, '--data-ciphers', 'AES-256-GCM'],
        ...(i === 0
          ? ['--tls-server', '--dh', 'none', '--port', '1194']
          : ['--tls-client', '--nobind', '--remote', client.link.hub4, '1194']),
      ]),
    );
    await Promise.all(ends.map((end) => end.prints(/Initialization Sequence Completed/, 20_000)));
    return ends;
  },
};

/**
 * wireguard-go, the protocol of our secure cable in a process of its own. It carries IP packets and no frames: alone it has
 * an Ethernet header less to carry, and with VXLAN, which carries frames in UDP in IP, three headers more.
 */
function wireguardGo(name: string, vxlan: boolean): Tunnel {
  return {
    name,
    between: 'taps',
    async lay(lab, server, client) {
      const [port, vxlanHeaders] = [51_820, 50];
      const ends = [server, client].map((host, i) => {
        const secret = newPrivateKey((length) => randomBytes(length));
        return {
          host,
          device: `wg${i}`,
          address: `10.99.0.${i + 1}`,
          outer: [client.link.hub4, client.link.own4][i] as string,
          publicKey: keyText(publicKeyOf(secret)),
          keyFile: lab.keyFile(`wireguard${i}`, Buffer.from(keyText(secret))),
        };
      });
      const daemons = ends.map(({ host, device }) => host.start(['wireguard-go', '-f', device]));
      for (const [i, { host, device, address, keyFile }] of ends.entries()) {
        const other = ends[1 - i] as (typeof ends)[0];
        await until('wireguard-go listens', () =>
          existsSync(join(host.runDirectory, `wireguard/${device}.sock`)),
        );
        host.run(
          'wg',
          ...['set', device, 'listen-port', String(port), 'private-key', keyFile],
          ...['peer', other.publicKey, 'endpoint', `${other.outer}:${port}`],
          ...['allowed-ips', vxlan ? `${other.address}/32` : `${other.host.inner}/32`],
        );
        const mtu = Number(host.run('cat', '/sys/class/net/tap0/mtu'));
        host.run('ip', 'link', 'delete', 'tap0');
        const carries = (name: string) => {
          host.run('ip', 'link', 'set', name, 'mtu', String(mtu), 'up');
          host.run('ip', 'address', 'add', `${host.inner}/24`, 'dev', name);
        };
        if (!vxlan) {
          carries(device);
          continue;
        }
        // The path has room for all of it, so that nothing is fragmented.
        for (const [end, name] of [
          [client, client.device],
          [server, client.gatewayDevice],
        ] as const)
          end.run('ip', 'link', 'set', name, 'mtu', '1600');
        host.run('ip', 'link', 'set', device, 'mtu', String(mtu + vxlanHeaders), 'up');
        host.run('ip', 'address', 'add', `${address}/24`, 'dev', device);
        const tunnel = [
          'type',
          'vxlan',
          'id',
          '1',
          'remote',
          other.address,
          'dstport',
          '4789',
          'dev',
          device,
        ];
        host.run('ip', 'link', 'add', 'vx0', ...tunnel);
        carries('vx0');
      }
      return daemons;
    },
  };
}

/** All of them: those between switches first. */
export function tunnels(): readonly Tunnel[] {
  const chacha = ['--cipher', 'chacha20'];
  const bun = otherRuntimes().filter(({ name }) => name === 'bun');
  return [
    plain,
    original,
    ours('cryptcab native, Blowfish', 'switches', ['--io', 'native']),
    ours('cryptcab native, ChaCha20', 'switches', ['--io', 'native'], chacha),
    ours('cryptcab portable, Blowfish', 'switches', ['--io', 'portable']),
    ...bun.map(({ command }) =>
      ours('cryptcab portable on Bun, Blowfish', 'switches', ['--io', 'portable'], [], command),
    ),
    secure('cryptcab native, secure', 'switches', ['--io', 'native']),
    secure('cryptcab portable, secure', 'switches', ['--io', 'portable']),
    ours('cryptcab native, Blowfish, tap://', 'taps', ['--io', 'native']),
    ours('cryptcab native, ChaCha20, tap://', 'taps', ['--io', 'native'], chacha),
    secure('cryptcab native, secure, tap://', 'taps', ['--io', 'native']),
    wireguardGo('wireguard-go, IP alone', false),
    wireguardGo('wireguard-go + VXLAN', true),
    fastd,
    tinc,
    openvpn,
  ];
}
