// A machine in QEMU, by its software emulation: Debian's kernel, and its busybox. What it does is typed on its serial console.
import { chmodSync, copyFileSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Host } from './lab.js';
import { type Process, run } from './process.js';

/** A machine in emulation, on a processor that others use as well, takes its time. */
const BOOT_MS = 150_000;
const DONE_MS = 120_000;
const BUSYBOX = '/bin/busybox';

const INIT = `#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read module; do insmod /modules/$module; done < /modules/order
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

/**
 * Makes what guests boot.
 * @param directory where it goes
 */
export function makeGuestImage(directory: string): string {
  const root = join(directory, 'guest');
  const put = (file: string, place = file) => {
    mkdirSync(join(root, dirname(place)), { recursive: true });
    copyFileSync(file, join(root, place));
  };
  put(BUSYBOX);
  for (const [library] of run('ldd', BUSYBOX).matchAll(/\/\S+/g)) put(library);
  for (const name of ['proc', 'sys', 'dev', 'modules']) mkdirSync(join(root, name), { recursive: true });
  const order: string[] = [];
  for (const [, path = ''] of run('modprobe', '-D', '-S', kernel(), 'virtio_net').matchAll(/insmod (\S+)/g)) {
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
  return image;
}

export class Guest {
  readonly process: Process;
  #commands = 0;

  /**
   * Starts one.
   * @param host whose QEMU it is
   * @param networks of its network cards, as -netdev has them, without their ids
   */
  constructor(host: Host, image: string, networks: readonly string[]) {
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
        '192',
        '-nodefaults',
        '-no-user-config',
      ],
      ...['-no-reboot', '-display', 'none', '-serial', 'stdio'],
      ...['-kernel', `/boot/vmlinuz-${kernel()}`, '-initrd', image],
      ...['-append', 'console=ttyS0 quiet panic=-1 no_timer_check'],
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
