// An Ethernet frame, as fields that people can type and as bytes.
import { CryptcabError } from '../src/error.js';
import { bytesOf, hexOf } from './hex.js';

/** Destination, source, type. */
export const HEADER_BYTES = 14;

export interface FrameFields {
  readonly destination: string;
  readonly source: string;
  readonly ethertype: string;
  /** Undefined for a payload that is no text. */
  readonly text: string | undefined;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = decoder.decode(bytes);
    return /\p{Cc}/u.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** @throws CryptcabError for anything but two bytes */
export function ethertypeOf(text: string): Uint8Array {
  const bytes = bytesOf(text);
  if (bytes.length !== 2)
    throw new CryptcabError(`an EtherType has 2 bytes, as 0800 for IPv4; this has ${bytes.length}`);
  return bytes;
}

/** The fields of a frame of at least HEADER_BYTES. */
export function fieldsOf(frame: Uint8Array): FrameFields {
  return {
    destination: hexOf(frame.subarray(0, 6), ':'),
    source: hexOf(frame.subarray(6, 12), ':'),
    ethertype: hexOf(frame.subarray(12, 14)),
    text: textOf(frame.subarray(HEADER_BYTES)),
  };
}

export const payloadOf = (text: string): Uint8Array => encoder.encode(text);

/**
 * The frames of a text, one a line, in hex.
 * @throws CryptcabError for none, for what is no hex, and for a length that no cable carries
 */
export function framesOf(text: string, most: number): Uint8Array[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0) throw new CryptcabError('give a frame, in hex');
  return lines.map((line, i) => {
    const where = lines.length > 1 ? `line ${i + 1}: ` : '';
    try {
      const frame = bytesOf(line);
      if (frame.length < HEADER_BYTES || frame.length > most)
        throw new CryptcabError(`a frame has ${HEADER_BYTES} to ${most} bytes; this has ${frame.length}`);
      return frame;
    } catch (error) {
      throw error instanceof CryptcabError ? new CryptcabError(where + error.message) : error;
    }
  });
}
