import { setImmediate as turn } from 'node:timers/promises';
import { CryptcabError } from '../../../error.js';
import { optionName } from '../../../options/name.js';
import { deviceExists } from '../../plug/devices.js';
import { tapName } from '../../plug/locator.js';
import { noTap, tapGone } from '../../plug/trouble.js';
import { Arena } from '../linux/arena.js';
import { ERRNO, type Libc, O } from '../linux/libc.js';
import type { Port } from './port.js';
import type { Opener, Source } from './source.js';

const DEVICE = '/dev/net/tun';
const BRIDGE = /^bridge:\/\//;

/** What a source's device is called, with %d for a number. */
function nameOf({ locator, network }: Source): string {
  return network?.tap ?? tapName(locator) ?? '';
}

// linux/if_tun.h
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETHDRSZ = 0x400454d8;
const IFF = { TAP: 0x2, NO_PI: 0x1000, VNET_HDR: 0x4000 } as const;
/** What the kernel may leave to us: to finish checksums, and to cut TCP (also with ECN); from Linux 6.2 on, to cut UDP. */
const OFFLOADS = 0x01 | 0x02 | 0x04 | 0x08;
const OFFLOADS_UDP = 0x20 | 0x40;
/** struct ifreq: 16 bytes of name, then the flags. */
const IFREQ_BYTES = 40;
const NAME_BYTES = 16;
/** struct virtio_net_hdr; also in assembly/vnet.ts. */
const VNET_BYTES = 10;

/** Those that are open, and what their offloads are undone with: a device that stays keeps them. */
const opened = new Map<number, () => void>();
let watches = false;

/**
 * Taps, without libvdeplug: so that the kernel gives TCP and UDP as super-frames, and takes them so. Devices are found or made by
 * name; one that was not made to stay goes when it is closed.
 */
export class Taps implements Opener {
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #request: number;
  readonly #size: number;
  /** Whether the one that was attached last takes UDP as super-frames, and gives it so. */
  #joinsUdp = false;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#arena = new Arena(libc, 64);
    this.#request = this.#arena.take(IFREQ_BYTES);
    this.#size = this.#arena.take(4);
  }

  serves(locator: string): boolean {
    return tapName(locator) !== undefined || BRIDGE.test(locator);
  }

  async open(source: Source): Promise<Port> {
    await turn(); // the caller learns of it from the next turn of the event loop on
    const { network, standing } = source;
    const name = nameOf(source);
    // One that somebody else made is theirs to make again.
    if (standing && !deviceExists(name)) throw this.gone(source);
    const port = this.#openNow(name);
    if (typeof port === 'number') throw this.#why(name, port, network !== undefined);
    try {
      await network?.admit(port.device as string, () => source.policy?.() ?? {});
    } catch (error) {
      this.close(port, source);
      throw error;
    }
    return port;
  }

  #openNow(name: string): Port | number {
    const fd = this.#libc.open(DEVICE, O.RDWR | O.NONBLOCK | O.CLOEXEC);
    if (fd < 0) return this.#libc.errno();
    const vnet = this.#attach(fd, name);
    if (vnet < 0) {
      const errno = this.#libc.errno();
      this.#libc.close(fd);
      return errno;
    }
    this.#keep(fd);
    const port = { connection: 0, dataFd: fd, controlFd: -1, plain: false, vnet };
    return { ...port, device: this.#device, joinsUdp: this.#joinsUdp };
  }

  /** What the device is called that was opened last: the kernel chooses a number where the name has %d. */
  get #device(): string {
    const name = Buffer.from(this.#arena.bytes.slice(this.#request, this.#request + NAME_BYTES));
    return name.subarray(0, name.indexOf(0)).toString();
  }

  /** @returns bytes of the header before each frame; -1 when it is no tap now */
  #attach(fd: number, name: string): number {
    if (this.#setInterface(fd, name, IFF.VNET_HDR) === 0) {
      this.#arena.words[this.#size >> 2] = VNET_BYTES;
      if (this.#libc.ioctl(fd, TUNSETVNETHDRSZ, this.#arena.address(this.#size)) < 0) return -1;
      // Without them there are no super-frames from there; those to it are understood all the same.
      this.#joinsUdp = this.#offload(fd, OFFLOADS | OFFLOADS_UDP);
      if (!this.#joinsUdp && !this.#offload(fd, OFFLOADS)) this.#offload(fd, 0);
      return VNET_BYTES;
    }
    if (this.#libc.errno() !== ERRNO.INVAL || this.#setInterface(fd, name, 0) !== 0) return -1;
    this.#joinsUdp = false;
    this.#offload(fd, 0); // somebody may have left them on
    return 0;
  }

  #offload(fd: number, offloads: number): boolean {
    return this.#libc.ioctl(fd, TUNSETOFFLOAD, offloads) === 0;
  }

  #setInterface(fd: number, name: string, more: number): number {
    const { bytes, halves } = this.#arena;
    bytes.fill(0, this.#request, this.#request + IFREQ_BYTES);
    bytes.set(Buffer.from(name), this.#request);
    halves[(this.#request + NAME_BYTES) >> 1] = IFF.TAP | IFF.NO_PI | more;
    return this.#libc.ioctl(fd, TUNSETIFF, this.#arena.address(this.#request));
  }

  #keep(fd: number): void {
    opened.set(fd, () => this.#offload(fd, 0));
    if (watches) return;
    watches = true;
    process.on('exit', () => {
      for (const undo of opened.values()) undo();
    });
  }

  close({ dataFd, device }: Port, { network }: Source): void {
    opened.get(dataFd)?.();
    opened.delete(dataFd);
    const close = () => void this.#libc.close(dataFd);
    if (network === undefined || device === undefined) close();
    else network.dismiss(device, close);
  }

  gone(source: Source): CryptcabError {
    return new CryptcabError(source.network?.gone ?? tapGone(nameOf(source), source.standing));
  }

  /** @param ofBridge whether it is one of ours, which nobody else makes */
  #why(name: string, errno: number, ofBridge: boolean): CryptcabError {
    switch (errno) {
      case ERRNO.PERM:
        return ofBridge
          ? new CryptcabError(`may not open the tap ${name}: be root, or have the capability CAP_NET_ADMIN`)
          : noTap(name, this.#libc.strerror(errno));
      case ERRNO.BADFD:
      case ERRNO.NODEV:
        return new CryptcabError(tapGone(name, false));
      case ERRNO.ACCES:
        return new CryptcabError(
          `may not open ${DEVICE}, for the tap ${name}: be root, or have it made readable and writable`,
        );
      case ERRNO.INVAL:
        return new CryptcabError(
          `${name} cannot be opened as a tap: it is a device of another kind; name another with ${optionName('plug')}`,
        );
      case ERRNO.NOENT:
        return new CryptcabError(`no taps here: there is no ${DEVICE}; load the module tun`);
      default:
        return noTap(name, this.#libc.strerror(errno));
    }
  }
}
