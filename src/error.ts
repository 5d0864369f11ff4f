import { hideKeys } from './key-like.js';
import { libraryText } from './option-mark.js';

/** A text as one line: control characters in it, which break a line or drive a terminal, are shown as escapes. */
export function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** A fault that a person can fix: its message is one line that says what to do. */
export class CryptcabError extends Error {
  /** The class's name. */
  override readonly name = 'CryptcabError';
  readonly #marked: string;

  /** @param message one line, of which nothing is kept that may be a key; control characters are shown as escapes */
  constructor(message: string) {
    // The name of a file, or what another program said, may hold anything.
    const marked = oneLine(hideKeys(message));
    super(libraryText(marked));
    this.#marked = marked;
  }

  /**
   * The message with its marks (options/name.ts): for whoever calls options by other names than the library.
   * @internal
   */
  get marked(): string {
    return this.#marked;
  }
}

/** A fault that may pass by itself, such as a network that is away: what failed is tried again. */
export class TemporaryError extends CryptcabError {}

/** Whether a fault stays until a person fixes it. */
export function isHopeless(error: unknown): error is CryptcabError {
  return error instanceof CryptcabError && !(error instanceof TemporaryError);
}

/** Whether something thrown is an error: one of the runtime's may be of another realm than the program, as in a test runner. */
function isError(error: unknown): error is Error {
  return error instanceof Error || Object.prototype.toString.call(error) === '[object Error]';
}

/** The code of a system error (`ENOENT`, …), if it is one. */
export function codeOf(error: unknown): string | undefined {
  return isError(error) && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** What an error says, in one line, with marks: a system error's code first, which Deno leaves out of some messages. */
export function messageOf(error: unknown): string {
  const said = error instanceof CryptcabError ? error.marked : isError(error) ? error.message : error;
  const text = String(said).replace(/\s+/g, ' ').trim();
  const code = codeOf(error);
  return code !== undefined && /^E[A-Z0-9]+$/.test(code) && !text.includes(code) ? `${code}: ${text}` : text;
}
