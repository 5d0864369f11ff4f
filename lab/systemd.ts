// A systemd of its own within a host of the lab: the real one, as process 1 of a PID namespace, with nothing but the journal.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from './lab.js';
import { type Process, run, until } from './process.js';

/** What a machine has besides, and a cable does not need. */
const MASKED = [
  ...['systemd-udevd.service', 'systemd-udev-trigger.service', 'systemd-udevd-control.socket'],
  ...['systemd-udevd-kernel.socket', 'systemd-modules-load.service', 'systemd-sysctl.service'],
  ...['systemd-tmpfiles-setup.service', 'systemd-tmpfiles-setup-dev.service', 'systemd-sysusers.service'],
  ...['systemd-random-seed.service', 'systemd-remount-fs.service', 'systemd-journal-flush.service'],
  ...['systemd-update-utmp.service', 'systemd-binfmt.service', 'dbus.socket', 'dbus.service'],
  ...['dev-hugepages.mount', 'dev-mqueue.mount', 'sys-kernel-debug.mount', 'sys-kernel-tracing.mount'],
  ...['sys-fs-fuse-connections.mount', 'sys-kernel-config.mount', 'proc-sys-fs-binfmt_misc.automount'],
  ...['systemd-tmpfiles-clean.timer', 'systemd-pstore.service', 'kmod-static-nodes.service'],
];
const CGROUPS = '/sys/fs/cgroup';

/** Where a hierarchy with systemd's processes is: of version 2, or the one of version 1 that has its name. */
function hierarchy(): { path: string; mount: string } {
  return existsSync(join(CGROUPS, 'cgroup.controllers'))
    ? { path: CGROUPS, mount: `mount -t cgroup2 cgroup2 ${CGROUPS}` }
    : {
        path: join(CGROUPS, 'systemd'),
        mount: `mount -t tmpfs cgroup ${CGROUPS} && mkdir ${CGROUPS}/systemd && mount -t cgroup -o none,name=systemd cgroup ${CGROUPS}/systemd`,
      };
}

/** Removes control groups that nobody is in any more. */
function removeGroups(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroups(join(path, entry.name));
  rmdirSync(path);
}

export class Systemd {
  readonly #host: Host;
  readonly #process: Process;
  readonly #group: string;
  #pid = 0;

  private constructor(host: Host, process: Process, group: string) {
    this.#host = host;
    this.#process = process;
    this.#group = group;
  }

  /**
   * Starts it in a host whose /run it has; waits until it answers.
   * @param shown directories of the machine that are seen at these places in /run
   * @param users lines of sysusers.d(5)
   */
  static async start(host: Host, shown: Readonly<Record<string, string>>, users: string): Promise<Systemd> {
    const { path, mount } = hierarchy();
    const group = join(path, host.namespace);
    mkdirSync(group);
    for (const [place, from] of Object.entries(shown)) {
      const at = join(host.runDirectory, place);
      if (readdirSyncOrNone(from) === undefined) writeFileSync(at, '');
      else mkdirSync(at);
    }
    const units = join(host.runDirectory, 'systemd/system');
    mkdirSync(units, { recursive: true });
    mkdirSync(join(host.runDirectory, 'lock'));
    writeFileSync(join(host.runDirectory, 'users'), users);
    writeFileSync(
      join(units, 'lab.target'),
      '[Unit]\nDefaultDependencies=no\nWants=systemd-journald.service\n',
    );
    const script = [
      'mount --make-rprivate /',
      ...Object.entries(shown).map(([place, from]) => `mount --bind '${from}' /run/${place}`),
      // What is written to /etc, accounts above all, is of this host alone.
      'mkdir /run/etc && mount -t tmpfs tmpfs /run/etc && mkdir /run/etc/new /run/etc/work',
      'mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc/new,workdir=/run/etc/work /etc',
      'mount -t tmpfs tmpfs /etc/systemd/system',
      ...MASKED.map((unit) => `ln -s /dev/null /etc/systemd/system/${unit}`),
      'mkdir /run/state && mount --bind /run/state /var/lib/systemd',
      `umount -R ${CGROUPS} 2>/dev/null || true`,
      mount,
      'exec env -i PATH="$PATH" container=lab /lib/systemd/systemd --system --unit=lab.target --show-status=0 --log-target=journal',
    ].join('\n');
    const process = host.start([
      ...['sh', '-ec', 'read go; exec "$@"', 'sh'],
      ...['unshare', '--pid', '--mount', '--uts', '--ipc', '--cgroup', '--fork', '--kill-child'],
      ...['--mount-proc', '--propagation', 'private', 'sh', '-ec', script],
    ]);
    // From here: hosts see no control groups.
    writeFileSync(join(group, 'cgroup.procs'), String(process.pid));
    process.write('go\n');
    const systemd = new Systemd(host, process, group);
    try {
      await until('systemd starts', () => {
        if (!process.running) throw new Error(`systemd ended: ${process.output}`);
        return existsSync(join(host.runDirectory, 'systemd/private')) && systemd.#find();
      });
      systemd.run('systemd-sysusers', '/run/users');
      return systemd;
    } catch (error) {
      await systemd.close();
      throw error;
    }
  }

  /** Its process id, seen from here: the child of unshare. */
  #find(): boolean {
    const { pid } = this.#process;
    const child = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    this.#pid = Number(child);
    return child !== '';
  }

  /** Where units lie, seen from here. */
  get units(): string {
    return join(this.#host.runDirectory, 'systemd/system');
  }

  #within(command: readonly string[]): string[] {
    return ['nsenter', '-t', String(this.#pid), '-p', '-m', '-n', '-i', '-u', '-C', '--', ...command];
  }

  /** Runs a program beside it, to its end. */
  run(...command: string[]): string {
    return run(...(this.#within(command) as [string, ...string[]]));
  }

  /** The same for what may fail: what it printed, and its status. */
  try(...command: string[]): { status: number; output: string } {
    try {
      return { status: 0, output: this.run(...command) };
    } catch (error) {
      return { status: 1, output: String(error) };
    }
  }

  /** One property of a unit. */
  show(unit: string, property: string): string {
    return this.run('systemctl', 'show', '--value', '-p', property, unit).trim();
  }

  /** Waits until a property of a unit is so. */
  async shows(unit: string, property: string, is: RegExp): Promise<void> {
    const look = () => is.test(this.show(unit, property));
    await until(`${property} of ${unit} becomes ${is}`, look).catch((error: Error) => {
      const { output } = this.try('journalctl', '-b', '--no-pager', '-n', '30');
      throw new Error(`${error.message}; it is ${this.show(unit, property)}\n${output}`);
    });
  }

  async close(): Promise<void> {
    if (this.#pid > 0 && this.#process.running) execFileSync('kill', ['-KILL', String(this.#pid)]);
    await this.#process.stop('SIGKILL');
    await until('its control groups are empty', () => {
      try {
        removeGroups(this.#group);
        return true;
      } catch {
        return false;
      }
    });
  }
}

function readdirSyncOrNone(path: string): string[] | undefined {
  try {
    return readdirSync(path);
  } catch {
    return undefined;
  }
}
