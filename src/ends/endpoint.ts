/** Where a peer is said to be. */
export interface Endpoint {
  /** Name or address. */
  readonly host: string;
  /** UDP. */
  readonly port: number;
}
