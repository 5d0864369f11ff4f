/** A fault that a person can mend: its message is one line that says what to do. */
export class CryptcabError extends Error {
  /** The class's name. */
  override readonly name = 'CryptcabError';

  /** @param message one line; control characters in it are shown as escapes */
  constructor(message: string) {
    // The name of a file, or what another program said, may hold what breaks the line or drives a terminal.
    super(
      message.replace(/\p{Cc}/gu, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`),
    );
  }
}

/** The code of a system error (`ENOENT`, …), if it is one. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** What an error says, in one line. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').trim();
}
