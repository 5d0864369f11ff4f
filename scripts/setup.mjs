// Installs what is missing: npm packages by npm, other programs by apt. Has no dependency itself.
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Debian package of each program that the demo needs. */
export const DEMO_PROGRAMS = {
  ip: 'iproute2',
  nsenter: 'util-linux',
  ping: 'iputils-ping',
  setpriv: 'util-linux',
  sysctl: 'procps',
  vde_plug: 'vdeplug',
  vde_switch: 'vde2',
};

/** The demo of several servers needs these as well. */
export const FLEET_PROGRAMS = {
  ...DEMO_PROGRAMS,
  etcd: 'etcd-server',
  etcdctl: 'etcd-client',
  nft: 'nftables',
  vtysh: 'frr',
};

/** A machine in QEMU boots it: no program, but installed like one. */
const KERNEL = 'vmlinuz';

/** And the demo of a network. */
export const NETWORK_PROGRAMS = {
  ...DEMO_PROGRAMS,
  nft: 'nftables',
  'qemu-system-x86_64': 'qemu-system-x86',
  busybox: 'busybox',
  cpio: 'cpio',
  modprobe: 'kmod',
  script: 'bsdutils',
  trafgen: 'netsniff-ng',
  xz: 'xz-utils',
  [KERNEL]: 'linux-image-cloud-amd64',
};

/** The tests need these as well. */
export const TEST_PROGRAMS = {
  ...NETWORK_PROGRAMS,
  'avahi-daemon': 'avahi-daemon',
  chromium: 'chromium',
  conntrack: 'conntrack',
  etcd: 'etcd-server',
  etcdctl: 'etcd-client',
  'dpkg-deb': 'dpkg',
  python3: 'python3',
  scp: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  sshd: 'openssh-server',
  dnsmasq: 'dnsmasq-base',
  radvd: 'radvd',
  adduser: 'adduser',
  ethtool: 'ethtool',
  fish: 'fish',
  lintian: 'lintian',
  'lxc-execute': 'lxc',
  man: 'man-db',
  virsh: 'libvirt-clients',
  vtysh: 'frr',
  journalctl: 'systemd',
  mandoc: 'mandoc',
  'netsniff-ng': 'netsniff-ng',
  stdbuf: 'coreutils',
  tcpdump: 'tcpdump',
  tshark: 'tshark',
  vde_cryptcab: 'vde2-cryptcab',
  wg: 'wireguard-tools',
  'wireguard-go': 'wireguard-go',
  zsh: 'zsh',
};

/** The benchmark needs these. */
export const BENCH_PROGRAMS = {
  ...DEMO_PROGRAMS,
  iperf3: 'iperf3',
  dpipe: 'vdeplug',
  fastd: 'fastd',
  openssl: 'openssl',
  openvpn: 'openvpn',
  trafgen: 'netsniff-ng',
  tincd: 'tinc',
  vde_cryptcab: 'vde2-cryptcab',
  wg: 'wireguard-tools',
  'wireguard-go': 'wireguard-go',
};

/** A step that cannot be done: its message says what is missing. */
export class SetupError extends Error {}

const sudo = process.getuid?.() === 0 ? [] : ['sudo'];

/** A command line that runs as root, by sudo where need be. */
export function asRoot(...command) {
  return [...sudo, ...command];
}

function installed(program) {
  if (program === KERNEL)
    return existsSync('/boot') && readdirSync('/boot').some((name) => name.startsWith(`${KERNEL}-`));
  const path = `${process.env.PATH}${delimiter}/usr/sbin${delimiter}/sbin`;
  return path.split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function run([program, ...args], options = {}) {
  execFileSync(program, args, { cwd: root, stdio: 'inherit', ...options });
}

/** Installs the npm packages of the lock file, unless they are there. */
export function npmPackages() {
  const mark = join(root, 'node_modules/.package-lock.json');
  const lock = join(root, 'package-lock.json');
  if (existsSync(mark) && statSync(mark).mtimeMs >= statSync(lock).mtimeMs) return;
  console.log('setup: npm ci');
  try {
    run(['npm', 'ci', '--no-audit', '--no-fund']);
  } catch {
    throw new SetupError('npm ci failed: see what it said above');
  }
}

/**
 * Installs the Debian packages of programs that are missing.
 * @param {Record<string, string>} programs package by program
 */
export function debianPackages(programs) {
  const missing = Object.keys(programs).filter((program) => !installed(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => programs[program]))];
  const what = `missing: ${missing.join(', ')} (Debian packages ${packages.join(' ')})`;
  if (!installed('apt-get')) throw new SetupError(`${what}; there is no apt-get here: install them by hand`);
  console.log(`setup: ${what}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) =>
    run(asRoot('env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', '-o', 'Dpkg::Use-Pty=0', ...args), {
      env,
    });
  try {
    apt('update');
    apt('install', '-y', '--no-install-recommends', ...packages);
  } catch {
    throw new SetupError(`${what}; apt-get could not install them: see what it said above`);
  }
  const still = missing.filter((program) => !installed(program));
  if (still.length > 0) throw new SetupError(`still missing after the installation: ${still.join(', ')}`);
}

/** Builds all of it. */
export function build() {
  run([process.execPath, 'scripts/build.mjs']);
}

/**
 * All that has to be there before a script can do its work.
 * @param {string} who the script, for what it says
 * @returns whether it is there now; if not, it has been said why
 */
export function prepare(who, programs) {
  try {
    npmPackages();
    debianPackages(programs);
    build();
    return true;
  } catch (error) {
    console.error(error instanceof SetupError ? `${who}: ${error.message}` : error);
    return false;
  }
}
