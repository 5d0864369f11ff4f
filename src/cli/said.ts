/** What a command has to say. */
export interface Said {
  /** For standard output. */
  readonly out: string;
  /** For standard error, a line each; with any the status is 1. */
  readonly faults: readonly string[];
  /** The status, where it is another one. */
  readonly status?: number;
}
