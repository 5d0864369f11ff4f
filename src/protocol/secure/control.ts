import { type Remote, remoteText } from '../remote.js';
import { copyKey } from '../secret.js';
import { GUEST_NAME_MAX, KEY_BYTES } from './constants.js';

/** Bytes of a control payload, at most; the core keeps no longer ones. */
export const CONTROL_MAX_BYTES = 256;
/** First byte of a control payload. */
export const CONTROL = 0x02;
const RECORD_HEADER = 3;
const TYPE = { HELLO: 1, GOAWAY: 2, ECHO: 3, ECHO_REPLY: 4, ENROL: 5, ENROL_ANSWER: 6, ANNOUNCE: 7 } as const;
const VERSION = 1;
const HELLO_BYTES = 5;
const ECHO_BYTES = 8;
const ENROL_BYTES = 2 * KEY_BYTES;
const ENROL_ANSWER_BYTES = 5;
/** `[IPv6 address%zone]:port` is no longer. */
const ADDRESS_MAX = 80;

/** What an end can do, a bit each; a bit that is not known is passed over. */
export const CAPABILITY = { ECHO: 1, GOAWAY: 2 } as const;
/** Of this end. */
export const CAPABILITIES = CAPABILITY.ECHO | CAPABILITY.GOAWAY;

/** What a guest says of the peer that it wants to be (secure.md §8.3). */
export interface Introduction {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes. */
  readonly presharedKey: Uint8Array;
  /** What its machine is called: letters, digits and `.-_`; empty where it does not say. */
  readonly name: string;
}

/** What a server may answer, by number. */
export const ENROL_RESULTS = ['enrolled', 'used', 'over', 'not kept', 'no key'] as const;
/** What became of it: see ENROL_RESULTS. */
export type EnrolResult = (typeof ENROL_RESULTS)[number];

/** A server's answer to a guest. */
export interface EnrolAnswer {
  /** `unknown`: of a later version. */
  readonly result: EnrolResult | 'unknown';
  /** When the invite was used, or was over, s since 1970; 0 where that does not matter. */
  readonly time: number;
}

/** What the ends say to each other besides frames (secure.md §7). */
export type Control =
  | {
      readonly what: 'hello';
      readonly version: number;
      readonly capabilities: number;
      readonly seenAt: string;
    }
  | { readonly what: 'goaway' }
  | { readonly what: 'announce' }
  | { readonly what: 'echo'; readonly token: Uint8Array }
  | { readonly what: 'echo reply'; readonly token: Uint8Array }
  | ({ readonly what: 'enrol' } & Introduction)
  | ({ readonly what: 'enrol answer' } & EnrolAnswer);

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
  const address = asciiOf(remoteText(peer).slice(0, ADDRESS_MAX));
  return payload(TYPE.HELLO, new Uint8Array(able.buffer), address);
}

/** This end ends. */
export function goaway(): Uint8Array {
  return payload(TYPE.GOAWAY);
}

/** Asks the other end to announce who is behind it. */
export function announce(): Uint8Array {
  return payload(TYPE.ANNOUNCE);
}

/** Asks for an answer. @param token 8 bytes, which come back */
export function echo(token: Uint8Array): Uint8Array {
  return payload(TYPE.ECHO, token);
}

/** That answer. */
export function echoReply(token: Uint8Array): Uint8Array {
  return payload(TYPE.ECHO_REPLY, token);
}

const text = (bytes: Uint8Array) => String.fromCharCode(...bytes);
const asciiOf = (letters: string) => Uint8Array.from(letters, (letter) => letter.charCodeAt(0));

/** A guest's name as it goes into logs and lists; empty for any that does not. */
export function guestName(name: string): string {
  return name.length <= GUEST_NAME_MAX && /^[\w.-]*$/.test(name) ? name : '';
}

/** Asks to be let in. Holds a key: to be wiped. */
export function enrol({ publicKey, presharedKey, name }: Introduction): Uint8Array {
  return payload(TYPE.ENROL, publicKey, presharedKey, asciiOf(guestName(name)));
}

/** Says what became of that. */
export function enrolAnswer(result: EnrolResult, time: number): Uint8Array {
  const body = new DataView(new ArrayBuffer(ENROL_ANSWER_BYTES));
  body.setUint8(0, ENROL_RESULTS.indexOf(result));
  body.setUint32(1, time);
  return payload(TYPE.ENROL_ANSWER, new Uint8Array(body.buffer));
}

function record(type: number, body: Uint8Array): Control | 'malformed' | undefined {
  switch (type) {
    case TYPE.HELLO: {
      if (body.length < HELLO_BYTES) return 'malformed';
      const view = new DataView(body.buffer, body.byteOffset);
      const seenAt = text(body.subarray(HELLO_BYTES));
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
    case TYPE.ANNOUNCE:
      return { what: 'announce' };
    case TYPE.ECHO:
    case TYPE.ECHO_REPLY:
      if (body.length !== ECHO_BYTES) return 'malformed';
      return { what: type === TYPE.ECHO ? 'echo' : 'echo reply', token: body.slice() };
    case TYPE.ENROL:
      if (body.length < ENROL_BYTES) return 'malformed';
      return {
        what: 'enrol',
        publicKey: body.slice(0, KEY_BYTES),
        presharedKey: copyKey(body.subarray(KEY_BYTES, ENROL_BYTES)),
        name: guestName(text(body.subarray(ENROL_BYTES))),
      };
    case TYPE.ENROL_ANSWER: {
      if (body.length < ENROL_ANSWER_BYTES) return 'malformed';
      const view = new DataView(body.buffer, body.byteOffset);
      const result = ENROL_RESULTS[view.getUint8(0)] ?? 'unknown';
      return { what: 'enrol answer', result, time: view.getUint32(1) };
    }
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
