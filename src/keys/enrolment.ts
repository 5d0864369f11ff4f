// What travels through ssh when a client is enrolled (secure-protocol §3): one line each way.
//
//     → PUBLIC-KEY PRESHARED-KEY     of the client
//     ← PUBLIC-KEY PORT              of the server
import { keyText, parseKey } from './key-text.js';

/** What a client tells of itself. */
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

export function introductionLine({ publicKey, presharedKey }: Introduction): string {
  return `${keyText(publicKey)} ${keyText(presharedKey)}\n`;
}

/** @returns undefined for a line that is none; nothing of it may be repeated */
export function parseIntroduction(line: string): Introduction | undefined {
  const words = line.trim().split(/[ \t]+/);
  const [publicKey, presharedKey] = words.map(parseKey);
  if (words.length !== 2 || publicKey === undefined || presharedKey === undefined) return undefined;
  return { publicKey, presharedKey };
}

export function enrolledLine({ publicKey, port }: Enrolled): string {
  return `${keyText(publicKey)} ${port}\n`;
}

/** Finds the server's line in what the far side printed: a login shell may have said something before it. */
export function findEnrolled(text: string): Enrolled | undefined {
  for (const line of text.split('\n').reverse()) {
    const [, key = '', digits] = /^(\S{44}) (\d{1,5})\r?$/.exec(line) ?? [];
    const publicKey = parseKey(key);
    const port = Number(digits);
    if (publicKey !== undefined && port > 0 && port <= 65_535) return { publicKey, port };
  }
  return undefined;
}
