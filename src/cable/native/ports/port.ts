/** A port, open. */
export interface Port {
  /** The library's handle, an address; 0 where the port is not the library's. */
  readonly connection: number;
  readonly dataFd: number;
  /** Ends when the switch does; -1 where there is none. */
  readonly controlFd: number;
  /** Whether the data socket carries frames as they are, so that many can be moved at once. */
  readonly plain: boolean;
  /** Of a tap that is ours, and of a network card: bytes of the header before each frame (assembly/vnet.ts), or 0; otherwise undefined. */
  readonly vnet: number | undefined;
  /** Of a tap, or a network card: what its device is called. */
  readonly device: string | undefined;
  /** Whether it takes UDP as super-frames. */
  readonly joinsUdp?: boolean;
  /** Whether it is a network card's. */
  readonly card?: boolean;
}
