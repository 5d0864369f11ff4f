// A machine in QEMU, by its software emulation: Debian's kernel, and its busybox. What it does is typed on its serial console.
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { root as checkout, cryptcab, type Host } from './lab.js';
import { type Process, run } from './process.js';

/** A machine in emulation, on a processor that others use as well, takes its time. */
const BOOT_MS = 150_000;
const DONE_MS = 120_000;
const BUSYBOX = '/bin/busybox';

const INIT = `#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read module; do insmod /modules/$module; done < /modules/order
# The kernel finds the cards in its own time; how many there are stands in its command line, from where it comes into the environment.
while [ $(ls -d /sys/class/net/eth* 2>/dev/null | wc -l) -lt \${cards:-0} ]; do sleep 0.1; done
stty -echo
echo guest is up
exec sh
`;

/** The kernel's release: the newest one that has its modules here. */
function kernel(): string {
  const releases = readdirSync('/boot').flatMap((name) => /^vmlinuz-(.*)$/.exec(name)?.[1] ?? []);
  const release = releases.sort().findLast((one) => readdirSync('/lib/modules').includes(one));
  if (release === undefined) throw new Error('no kernel for a guest: install linux-image-cloud-amd64');
  return release;
}

/** What a guest has besides busybox and its network cards. */
export interface GuestParts {
  /** Programs of this machine's, by name or path. */
  readonly programs?: readonly string[];
  /** Files of this machine's, by path. */
  readonly files?: readonly string[];
  /** Modules of the kernel's. */
  readonly modules?: readonly string[];
  /** Whether it has the program under test, in the same place as here. */
  readonly cryptcab?: boolean;
}

/** The directories of packages, and of all that they need. */
function packagesOf(names: readonly string[], found = new Set<string>()): Set<string> {
  for (const name of names) {
    const manifest = join(checkout, 'node_modules', name, 'package.json');
    if (found.has(name) || !existsSync(manifest)) continue; // what is optional may be for other systems
    found.add(name);
    const { dependencies, optionalDependencies } = JSON.parse(readFileSync(manifest, 'utf8'));
    packagesOf(Object.keys({ ...dependencies, ...optionalDependencies }), found);
  }
  return found;
}

/** What the program under test is made of, in this checkout. */
function checkoutParts(): string[] {
  const { dependencies, optionalDependencies } = JSON.parse(
    readFileSync(join(checkout, 'package.json'), 'utf8'),
  );
  const packages = packagesOf(Object.keys({ ...dependencies, ...optionalDependencies }));
  const cores = readdirSync(join(checkout, 'build')).filter((file) => file.endsWith('.wasm'));
  return [
    ...['package.json', 'dist/command', ...cores.map((file) => `build/${file}`)],
    ...[...packages].map((name) => `node_modules/${name}`),
  ];
}

/**
 * Makes what guests boot.
 * @param directory where it goes
 */
export function makeGuestImage(directory: string, parts: GuestParts = {}): string {
  const root = join(directory, 'guest');
  const put = (file: string, place = file) => {
    mkdirSync(join(root, dirname(place)), { recursive: true });
    copyFileSync(file, join(root, place));
  };
  const putProgram = (name: string) => {
    const path = name.includes('/')
      ? name
      : run('sh', '-c', `PATH=$PATH:/usr/sbin:/sbin; command -v ${name}`).trim();
    put(path);
    for (const [library] of run('ldd', path).matchAll(/\/\S+/g)) put(library);
  };
  for (const program of [BUSYBOX, ...(parts.programs ?? [])]) putProgram(program);
  for (const file of parts.files ?? []) put(file);
  if (parts.cryptcab) {
    putProgram(cryptcab[0] as string);
    for (const part of checkoutParts())
      cpSync(join(checkout, part), join(root, checkout, part), { recursive: true, dereference: true });
  }
  for (const name of ['proc', 'sys', 'dev', 'modules']) mkdirSync(join(root, name), { recursive: true });
  const order: string[] = [];
  const modules = ['virtio_pci', 'virtio_net', ...(parts.modules ?? [])]; // the first one is a part of some kernels
  const wanted = modules.flatMap((name) => [
    ...run('modprobe', '-D', '-S', kernel(), name).matchAll(/insmod (\S+)/g),
  ]);
  for (const path of new Set(wanted.map(([, one = '']) => one))) {
    const file = basename(path);
    put(path, `modules/${file}`);
    if (file.endsWith('.xz')) run('xz', '-d', join(root, 'modules', file));
    order.push(file.replace(/\.xz$/, ''));
  }
  writeFileSync(join(root, 'modules/order'), order.map((name) => `${name}\n`).join(''));
  symlinkSync('busybox', join(root, 'bin/sh'));
  writeFileSync(join(root, 'init'), INIT);
  chmodSync(join(root, 'init'), 0o755);
  const image = join(directory, 'guest.img');
  run('sh', '-c', `cd ${root} && find . | cpio --quiet -o -H newc > ${image}`);
  rmSync(root, { recursive: true });
  return image;
}

export class Guest {
  readonly process: Process;
  #commands = 0;

  /**
   * Starts one.
   * @param host whose QEMU it is
   * @param networks of its network cards, as -netdev has them, without their ids
   * @param megabytes of memory
   */
  constructor(host: Host, image: string, networks: readonly string[], megabytes = 192) {
    const cards = networks.flatMap((network, i) => {
      const mac = `02:63:61:67:${(host.index + 16).toString(16)}:${(i + 16).toString(16)}`;
      const [kind, ...options] = network.split(',');
      return [
        '-netdev',
        [kind, `id=net${i}`, ...options].join(','),
        '-device',
        `virtio-net-pci,netdev=net${i},mac=${mac},romfile=`,
      ];
    });
    this.process = host.start([
      ...[
        'qemu-system-x86_64',
        '-accel',
        'tcg',
        '-cpu',
        'max',
        '-m',
        String(megabytes),
        '-nodefaults',
        '-no-user-config',
      ],
      ...['-no-reboot', '-display', 'none', '-serial', 'stdio'],
      ...['-kernel', `/boot/vmlinuz-${kernel()}`, '-initrd', image],
      ...['-append', `console=ttyS0 quiet panic=-1 no_timer_check cards=${networks.length}`],
      ...cards,
    ]);
  }

  async boots(): Promise<void> {
    await this.process.prints(/guest is up/, BOOT_MS);
  }

  /** Runs a command in the guest's shell to its end; returns what it printed, the prompt before it. */
  async run(command: string): Promise<string> {
    const mark = `done-${++this.#commands}`;
    const from = this.process.printed;
    this.process.write(`${command}; echo ${mark}=$?\n`);
    const [text, status] = await this.process.prints(new RegExp(`[^]*${mark}=(\\d+)`), DONE_MS, from);
    if (status !== '0') throw new Error(`in the guest: ${command}: status ${status}: ${text}`);
    return text;
  }
}
