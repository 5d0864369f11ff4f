/** A fault that a person can mend: its message is one line that says what to do. */
export class CryptcabError extends Error {
  override readonly name = 'CryptcabError';
}

/** The code of a system error (`ENOENT`, …), if it is one. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** What an error says, in one line. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').trim();
}
