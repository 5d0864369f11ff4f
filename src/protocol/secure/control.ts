import { type Remote, remoteText } from '../remote.js';

/** First byte of a control payload. */
export const CONTROL = 0x02;
const RECORD_HEADER = 3;
const TYPE = { HELLO: 1, GOAWAY: 2, ECHO: 3, ECHO_REPLY: 4 } as const;
const VERSION = 1;
const HELLO_BYTES = 5;
const ECHO_BYTES = 8;
/** `[IPv6 address%zone]:port` is no longer. */
const ADDRESS_MAX = 80;

/** What an end can do, a bit each; a bit that is not known is passed over. */
export const CAPABILITY = { ECHO: 1, GOAWAY: 2 } as const;
/** Of this end. */
export const CAPABILITIES = CAPABILITY.ECHO | CAPABILITY.GOAWAY;

/** What the ends say to each other besides frames (secure.md §7). */
export type Control =
  | {
      readonly what: 'hello';
      readonly version: number;
      readonly capabilities: number;
      readonly seenAt: string;
    }
  | { readonly what: 'goaway' }
  | { readonly what: 'echo'; readonly token: Uint8Array }
  | { readonly what: 'echo reply'; readonly token: Uint8Array };

function payload(type: number, ...parts: Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(1 + RECORD_HEADER + length);
  bytes.set([CONTROL, type, length >> 8, length]);
  let at = 1 + RECORD_HEADER;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** What this end can do, and the address that it sees the other at. */
export function hello(peer: Remote): Uint8Array {
  const able = new DataView(new ArrayBuffer(HELLO_BYTES));
  able.setUint8(0, VERSION);
  able.setUint32(1, CAPABILITIES);
  const address = Uint8Array.from(remoteText(peer).slice(0, ADDRESS_MAX), (letter) => letter.charCodeAt(0));
  return payload(TYPE.HELLO, new Uint8Array(able.buffer), address);
}

/** This end ends. */
export function goaway(): Uint8Array {
  return payload(TYPE.GOAWAY);
}

/** Asks for an answer. @param token 8 bytes, which come back */
export function echo(token: Uint8Array): Uint8Array {
  return payload(TYPE.ECHO, token);
}

/** That answer. */
export function echoReply(token: Uint8Array): Uint8Array {
  return payload(TYPE.ECHO_REPLY, token);
}

function record(type: number, body: Uint8Array): Control | 'malformed' | undefined {
  switch (type) {
    case TYPE.HELLO: {
      if (body.length < HELLO_BYTES) return 'malformed';
      const view = new DataView(body.buffer, body.byteOffset);
      const seenAt = String.fromCharCode(...body.subarray(HELLO_BYTES));
      // It goes into logs: nothing that is no address does.
      const readable = seenAt.length <= ADDRESS_MAX && /^[\w.:[\]%-]*$/.test(seenAt);
      return {
        what: 'hello',
        version: view.getUint8(0),
        capabilities: view.getUint32(1),
        seenAt: readable ? seenAt : '',
      };
    }
    case TYPE.GOAWAY:
      return { what: 'goaway' };
    case TYPE.ECHO:
    case TYPE.ECHO_REPLY:
      if (body.length !== ECHO_BYTES) return 'malformed';
      return { what: type === TYPE.ECHO ? 'echo' : 'echo reply', token: body.slice() };
    default:
      return undefined; // of a later version
  }
}

/**
 * Reads a control payload.
 * @param bytes its kind first
 * @returns its records that are known, up to the first that is not whole; and whether one is malformed
 */
export function readControls(bytes: Uint8Array): { controls: Control[]; malformed: boolean } {
  const controls: Control[] = [];
  let malformed = false;
  for (let at = 1; at < bytes.length; ) {
    const [type = 0, high = 0, low = 0] = bytes.subarray(at);
    const from = at + RECORD_HEADER;
    const end = from + ((high << 8) | low);
    if (end > bytes.length || from > bytes.length) return { controls, malformed: true };
    const control = record(type, bytes.subarray(from, end));
    if (control === 'malformed') malformed = true;
    else if (control !== undefined) controls.push(control);
    at = end;
  }
  return { controls, malformed };
}
