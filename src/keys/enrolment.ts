// What travels through ssh when a client is enrolled (secure.md §3.3): one line each way.
//
//     → PUBLIC-KEY PRESHARED-KEY     of the client
//     ← PUBLIC-KEY PORT              of the server
import { secretRoom } from '../protocol/secret.js';
import { decodeKey, keyText, keyTextBytes, parseKey, trimmed } from './key-text.js';

/** What a client says about itself. */
export interface Introduction {
  readonly publicKey: Uint8Array;
  readonly presharedKey: Uint8Array;
}

/** Whom an enrolled client connects to. */
export interface Enrolled {
  /** Of the server, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** UDP. */
  readonly port: number;
}

/** What an invite should be. */
export interface InviteRequest {
  /** The guest's, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The guest's, 32 bytes. */
  readonly presharedKey: Uint8Array;
  /** What who joins is called. */
  readonly name: string;
  /** For how long it is open. */
  readonly seconds: number;
  /** How often it may be used. */
  readonly uses: number;
}

/** What the line of an invite says besides the guest's keys. */
export interface Invited extends Enrolled {
  /** When it is over, s since 1970. */
  readonly until: number;
  /** Where the server may be reached. */
  readonly addresses: readonly string[];
}

const [TAB, LINE_FEED, SPACE] = [9, 10, 32];
const KEY_CHARACTERS = 44;

/** @returns bytes, to be wiped: a string cannot be */
export function introductionLine({ publicKey, presharedKey }: Introduction): Uint8Array {
  const line = secretRoom(2 * (KEY_CHARACTERS + 1));
  for (const [i, key] of [publicKey, presharedKey].entries()) {
    const text = keyTextBytes(key);
    line.set(text, i * (KEY_CHARACTERS + 1));
    text.fill(0);
    line[(i + 1) * (KEY_CHARACTERS + 1) - 1] = i === 0 ? SPACE : LINE_FEED;
  }
  return line;
}

/** @returns undefined for a line that is none; nothing of it may be repeated */
export function parseIntroduction(line: Uint8Array): Introduction | undefined {
  const words = trimmed(line);
  const between = words.subarray(KEY_CHARACTERS, -KEY_CHARACTERS);
  if (between.length === 0 || between.some((byte) => byte !== SPACE && byte !== TAB)) return undefined;
  const publicKey = decodeKey(words.subarray(0, KEY_CHARACTERS));
  const presharedKey = decodeKey(words.subarray(-KEY_CHARACTERS));
  if (publicKey !== undefined && presharedKey !== undefined) return { publicKey, presharedKey };
  presharedKey?.fill(0);
  return undefined;
}

export function enrolledLine({ publicKey, port }: Enrolled): string {
  return `${keyText(publicKey)} ${port}\n`;
}

/** Of a line that has not ended yet, so many characters are kept: more than the server's line has. */
const LINE_CHARACTERS = 1_000;

/**
 * Finds the server's line in what the far side prints: a login shell may say anything before and after it, and something
 * without a line's end right before it.
 */
export class AnswerFinder {
  #rest = '';
  #found: Enrolled | undefined;
  #last = '';

  /** The last line with something in it; empty where there is none. */
  get last(): string {
    return this.#last;
  }

  /** The last one so far. */
  get found(): Enrolled | undefined {
    return this.#found;
  }

  /** @param text what came, cut anywhere */
  push(text: string): void {
    const lines = (this.#rest + text).split(/[\r\n]/);
    this.#rest = (lines.pop() as string).slice(-LINE_CHARACTERS);
    for (const line of lines) {
      this.#look(line);
      if (line.trim() !== '') this.#last = line.trim();
    }
  }

  /** Nothing more comes: the last line may lack its end. */
  end(): Enrolled | undefined {
    this.push('\n');
    return this.#found;
  }

  #look(line: string): void {
    const [, key = '', digits] = /([A-Za-z0-9+/]{43}=) (\d{1,5})[ \t]*$/.exec(line) ?? [];
    const publicKey = parseKey(key);
    const port = Number(digits);
    if (publicKey !== undefined && port > 0 && port <= 65_535) this.#found = { publicKey, port };
  }
}
