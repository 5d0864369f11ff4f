import type { Wasm } from './wasm.js';

/** A frame from the switch for a host, or a packet of a host's, that the core does not carry by itself. */
export interface KeptOfHost {
  readonly session: number;
  readonly from: 'switch' | 'host';
  readonly bytes: Uint8Array;
}

/** What the core has to know of a host; addresses have 4 or 16 bytes. */
export interface HostAddresses {
  /** Its own. */
  readonly own: readonly Uint8Array[];
  /** Networks whose stations it reaches directly. */
  readonly onLink: readonly { readonly address: Uint8Array; readonly bits: number }[];
}

const NONE: KeptOfHost[] = [];
const NO_MAC = new Uint8Array(6);
const ADDRESS_BYTES = 16;
const NETWORK_BYTES = 20;

/** Whether a payload is an IP packet, as those of hosts are. */
export function isPacket([first = 0]: Uint8Array): boolean {
  return first >= 0x40;
}

/** An address as the core has it: one of IPv4 mapped (RFC 4291 §2.5.5.2). */
function mapped(address: Uint8Array): Uint8Array {
  if (address.length === ADDRESS_BYTES) return address;
  return Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...address);
}

/** What a core does for stock WireGuard devices, which are hosts on the Ethernet (secure.md §6; assembly/host.ts). */
export class Hosts {
  readonly #wasm: Wasm;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #locked: (work: () => void) => void;

  /** @param locked does something while no other thread is in the core */
  constructor(wasm: Wasm, bytes: Uint8Array, locked: (work: () => void) => void) {
    this.#wasm = wasm;
    this.#bytes = bytes;
    this.#words = new Uint32Array(bytes.buffer);
    this.#locked = locked;
  }

  /**
   * Makes a secure session that of a host, for as long as it lives, or tells it other addresses.
   * @param mac 6 bytes
   * @throws RangeError for more than the core keeps
   */
  set(session: number, mac: Uint8Array, { own, onLink }: HostAddresses): void {
    const { HOST_OWN_MAX, HOST_NETWORKS_MAX } = this.#wasm.layout;
    if (own.length > HOST_OWN_MAX || onLink.length > HOST_NETWORKS_MAX)
      throw new RangeError(`a host has ${HOST_OWN_MAX} addresses at most, and ${HOST_NETWORKS_MAX} networks`);
    const networks = onLink.map(({ address, bits }) => {
      const network = new Uint8Array(NETWORK_BYTES);
      network.set(mapped(address));
      network[ADDRESS_BYTES] = bits + 8 * (ADDRESS_BYTES - address.length);
      return network;
    });
    this.#tell([mac, new Uint8Array(2), ...own.map(mapped), ...networks], (functions, at) =>
      functions.hostAddresses(session, at, own.length, networks.length),
    );
  }

  /** A host's packets for this station go there by themselves; without a MAC address they are kept. */
  neighbour(session: number, address: Uint8Array, mac: Uint8Array | undefined): void {
    this.#tell([mapped(address), mac ?? NO_MAC], (functions, at) =>
      functions.hostNeighbour(session, at, mac === undefined ? 0 : 1),
    );
  }

  /**
   * What this station of IPv4 asks others by ARP is kept, or need not be any more. Who says so for a station says so once, and
   * once that it is over: the core counts.
   */
  listen(session: number, address: Uint8Array, on: boolean): void {
    const word = new DataView(address.buffer, address.byteOffset).getUint32(0, true);
    this.#locked(() => this.#wasm.functions.hostListen(session, word, on ? 1 : 0));
  }

  /** Packets for networks that are not on its link go there by themselves; without a MAC address they are kept. */
  gateway(session: number, family: 4 | 6, mac: Uint8Array | undefined): void {
    this.#tell([mac ?? NO_MAC], (functions, at) =>
      functions.hostGateway(session, family, at, mac === undefined ? 0 : 1),
    );
  }

  #tell(parts: readonly Uint8Array[], call: (functions: Wasm['functions'], at: number) => void): void {
    const { functions, layout } = this.#wasm;
    this.#locked(() => {
      let at = layout.STAGE_IN;
      for (const part of parts) {
        this.#bytes.set(part, at);
        at += part.length;
      }
      call(functions, layout.STAGE_IN);
    });
  }

  /** Counts one that was kept, and that the core's host has no room for. */
  busy(session: number): void {
    this.#locked(() => this.#wasm.functions.hostBusy(session));
  }

  /** What was kept since this was asked last. It is asked where frames are put into the ring and taken out. */
  kept(): KeptOfHost[] {
    const { HOST_KEPT, HOST_KEPT_BYTES, HOST_KEPT_COUNT, HOST_KEPT_FRAME, FROM_HOST } = this.#wasm.layout;
    const words = this.#words;
    const count = words[HOST_KEPT_COUNT >> 2] as number;
    if (count === 0) return NONE;
    words[HOST_KEPT_COUNT >> 2] = 0;
    return Array.from({ length: count }, (_, i) => {
      const at = HOST_KEPT + i * HOST_KEPT_BYTES;
      const from = words[(at >> 2) + 1] === FROM_HOST ? 'host' : 'switch';
      const begin = at + HOST_KEPT_FRAME;
      const bytes = this.#bytes.slice(begin, begin + (words[(at >> 2) + 2] as number));
      return { session: words[at >> 2] as number, from, bytes };
    });
  }
}
