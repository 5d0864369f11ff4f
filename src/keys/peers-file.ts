// The peers file (secure.md §3.2): who may connect, one a line, in the manner of `authorized_keys`.
//
//     PUBLIC-KEY [name=alice] [psk=FILE] [endpoint=host:port] [isolated] [rate=20mbit] …
//     PUBLIC-KEY name=phone ip=10.0.0.7/24,fd00::7/64 [gateway=10.0.0.1] [mac=02:…] [multicast=all]
//
// A line with ip= is that of a stock WireGuard device, as host.ts reads it.
// What the peer may do on the network is there as policy.ts reads it.
// `#` begins a comment, at the beginning of a line or behind white space. A line that is wrong does not touch the others.
import { isIPv6 } from 'node:net';
import { mayBeKey } from '../key-like.js';
import { type HostFields, type HostWords, isHostWord, parseHost } from '../network/host.js';
import {
  conflictOf,
  isPolicyField,
  POLICY_FIELDS,
  type PolicyFields,
  parsePolicyField,
} from '../network/policy.js';
import { keyText, parseKey } from './key-text.js';

/** What a peer may be called, for people. */
export const NAME_RULE = 'at most 64 characters, of letters, digits and . _ @ + -, a letter or a digit first';

/** Whether a peer may be called so: the name is a word of a line, and of a table, and may be a file's. */
export function isName(name: unknown): name is string {
  return (
    typeof name === 'string' && /^[\p{L}\p{N}][\p{L}\p{N}\p{M}._@+-]{0,63}$/u.test(name) && !mayBeKey(name)
  );
}

/** A peer, as its line says. */
export interface PeerLine {
  /** Its number, from 1 on. */
  readonly line: number;
  readonly publicKey: Uint8Array;
  readonly name?: string;
  /** File with the preshared key, as it is written there. */
  readonly presharedKeyFile?: string;
  readonly endpoint?: { readonly host: string; readonly port: number };
  /** What it may do on the network; undefined where its line says nothing of that. */
  readonly policy?: PolicyFields;
  /** Of a stock WireGuard device: which host it is. */
  readonly host?: HostFields;
}

/** A line that was skipped, and why; nothing of it is repeated, since it may hold a private key by mistake. */
export interface WrongLine {
  readonly line: number;
  readonly why: string;
}

/** @throws nothing: what is wrong is returned by line */
export function parsePeers(text: string): { readonly peers: PeerLine[]; readonly wrong: WrongLine[] } {
  const peers: PeerLine[] = [];
  const wrong: WrongLine[] = [];
  const seen = new Map<string, number>();
  for (const [i, content] of text.split(/\r?\n/).entries()) {
    const line = i + 1;
    const words = content
      .replace(/(^|\s)#.*/, '')
      .trim()
      .split(/\s+/);
    if (words[0] === '') continue;
    const peer = parseLine(line, words as [string, ...string[]]);
    if (typeof peer === 'string') {
      wrong.push({ line, why: peer });
      continue;
    }
    const id = keyText(peer.publicKey);
    const first = seen.get(id);
    if (first === undefined) {
      seen.set(id, line);
      peers.push(peer);
    } else {
      wrong.push({ line, why: `this public key is in line ${first} already` });
    }
  }
  return { peers, wrong };
}

/** The peer of a line, or what is wrong with it. */
function parseLine(line: number, [key, ...options]: [string, ...string[]]): PeerLine | string {
  const publicKey = parseKey(key);
  if (publicKey === undefined)
    return 'it does not begin with a public key, 44 characters as `wg pubkey` prints them';
  const peer: { -readonly [name in keyof PeerLine]: PeerLine[name] } = { line, publicKey };
  const names = new Set<string>();
  const host: { -readonly [name in keyof HostWords]: HostWords[name] } = {};
  for (const option of options) {
    const [, name, value] = /^([a-z-]+)(?:=(.+))?$/i.exec(option) ?? [];
    if (name === undefined || mayBeKey(name) || (value === undefined && !isPolicyField(name)))
      return 'an option is written name=VALUE, without white space';
    if (value?.split(':').some(mayBeKey))
      return `${name}= is followed by what may be a key itself: psk= names the file that holds one`;
    if (names.has(name)) return `${name}= is there twice`;
    names.add(name);
    if (isPolicyField(name)) {
      const field = parsePolicyField(name, value);
      if (typeof field === 'string') return field;
      peer.policy = { ...peer.policy, ...field };
    } else if (value === undefined) {
      return 'an option is written name=VALUE, without white space';
    } else if (name === 'name') {
      peer.name = value;
    } else if (name === 'psk') {
      peer.presharedKeyFile = value;
    } else if (name === 'endpoint') {
      const endpoint = parseEndpoint(value);
      if (endpoint === undefined) return 'endpoint= is written HOST:PORT, or [IPV6-ADDRESS]:PORT';
      peer.endpoint = endpoint;
    } else if (isHostWord(name)) {
      host[name] = value;
    } else {
      return `there is no option ${name}=; there are name=, psk=, endpoint=, ip=, gateway=, multicast= and mac=, and where the server plugs into bridge://NAME ${POLICY_FIELDS.filter((field) => field !== 'mac').join(', ')}`;
    }
  }
  const { mac, ...policy } = peer.policy ?? {};
  const read = parseHost({ ...host, mac: mac ?? undefined });
  if (typeof read === 'string') return read;
  if (read !== undefined) {
    peer.host = read;
    if (peer.policy !== undefined) peer.policy = policy; // its mac= is what it has, not what it may have
  }
  return conflictOf(peer.policy ?? {}) ?? peer;
}

function parseEndpoint(text: string): { host: string; port: number } | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port < 1 || port > 65_535) return undefined;
  return bracketed !== undefined && !isIPv6(bracketed) ? undefined : { host, port };
}
