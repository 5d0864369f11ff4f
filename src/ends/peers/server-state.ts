import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { blake2s } from '@noble/hashes/blake2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { Origin } from '../../control/status.js';
import { codeOf, messageOf } from '../../error.js';
import { HeldElsewhere, type HeldFile, holdFile } from '../../held-file.js';
import { makeDirectory, readRegular, replaceFile } from '../../keys/files.js';
import { keyText, parseKey } from '../../keys/key-text.js';
import type { Log } from '../../log.js';
import { optionWithValue } from '../../options/name.js';
import { type Remote, remoteText } from '../../protocol/remote.js';
import { secretRoom } from '../../protocol/secret.js';
import type { Invite } from '../../protocol/secure/invites.js';

/** What is kept of a peer. */
export interface Kept {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly name: string;
  /** Where it was last. */
  readonly endpoint: Remote | undefined;
  /** When something authentic came of it last, ms since 1970. */
  readonly heard: number;
  /** Of one that has enrolled, or joined: its preshared key as seal() gives it. */
  readonly sealed: string | undefined;
  /** And how it did. One that has joined by an invite is not forgotten by itself. */
  readonly origin?: Origin | undefined;
  /** And what it may do on the network, as its line would have it. */
  readonly policy?: string | undefined;
}

/** An invite, and its guest's preshared key as sealForGuest() gives it. */
export interface KeptInvite {
  readonly invite: Invite;
  readonly sealed: string;
}

/** What a server keeps. */
export interface KeptAll {
  readonly peers: readonly Kept[];
  readonly invites: readonly KeptInvite[];
}

/** What a server knows of a peer when it starts again. */
export interface Remembered extends Kept {
  /** Of one that has enrolled, or joined, 32 bytes, to be wiped. */
  readonly presharedKey: Uint8Array | undefined;
}

/** An invite when it starts again. */
export interface RememberedInvite extends KeptInvite {
  /** The guest's, 32 bytes, to be wiped. */
  readonly presharedKey: Uint8Array;
}

/** What a server knew. */
export interface RememberedAll {
  readonly peers: readonly Remembered[];
  readonly invites: readonly RememberedInvite[];
}

const NOTHING: RememberedAll = { peers: [], invites: [] };

const VERSION = 1;
const NONCE_BYTES = 24;
const TAG_BYTES = 16;
/** How long a change waits for others before all is written, ms. */
const SAVE_MS = 200;

interface Line {
  readonly publicKey: string;
  readonly name: string;
  readonly endpoint?: string;
  readonly heard: number;
  /** Nonce and sealed preshared key, base64. */
  readonly psk?: string;
  readonly by?: Origin;
  readonly policy?: string;
}

/** What a file says of how a peer has enrolled; undefined where that is no such thing. */
function originIn(by: unknown): Origin | undefined {
  if (typeof by !== 'object' || by === null) return undefined;
  const { how, user, address, at } = by as Record<keyof Origin, unknown>;
  if (how !== 'ssh' && how !== 'invite') return undefined;
  const text = (value: unknown) => (typeof value === 'string' ? value : null);
  return { how, user: text(user), address: text(address), at: text(at) };
}

interface InviteLine {
  readonly publicKey: string;
  readonly name: string;
  readonly until: number;
  readonly uses: number;
  readonly used: readonly { readonly publicKey: string; readonly at: number; readonly from: string }[];
  readonly psk: string;
  readonly cancelled?: boolean;
}

/** A guest's preshared key is sealed for nothing else. */
const FOR_GUEST = utf8ToBytes('invite');
const forGuest = (publicKey: Uint8Array) => Buffer.concat([FOR_GUEST, publicKey]);

function keyIn(value: unknown): Uint8Array | undefined {
  return typeof value === 'string' ? parseKey(value) : undefined;
}

function parseRemote(text: unknown): Remote | undefined {
  const parts = typeof text === 'string' ? /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) : null;
  const address = parts?.[1] ?? parts?.[2];
  return address === undefined ? undefined : { address, port: Number(parts?.[3]) };
}

export interface StateOptions {
  readonly directory: string;
  /** The server's, 32 bytes; not kept. */
  readonly privateKey: Uint8Array;
  /** The server's, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly random: (length: number) => Uint8Array;
  readonly log: Log;
}

/**
 * What a server keeps in a file, so that it finds its peers when it starts again: public keys, names, where they were, and
 * of those that have enrolled the preshared keys, sealed under a key that follows from the server's private key. Who has
 * the file alone has no key.
 */
export class ServerState {
  readonly #directory: string;
  readonly #server: string;
  readonly #key: Uint8Array;
  readonly #log: Log;
  readonly #random: (length: number) => Uint8Array;
  #timer: NodeJS.Timeout | undefined;
  #collect: () => KeptAll = () => NOTHING;
  #failed = false;
  #held: HeldFile | undefined;

  /** Takes the directory for this server alone. @returns undefined, after a warning, where another server runs that has it */
  static open(options: StateOptions): ServerState | undefined {
    const state = new ServerState(options);
    try {
      state.#hold();
    } catch (error) {
      if (!(error instanceof HeldElsewhere)) return state; // said when there is something to keep
      state.close();
      options.log.warn(
        { directory: options.directory },
        `keeps nothing over a restart: the server that runs as process ${error.pid} has its directory; give each its own with ${optionWithValue('secure.state')}`,
      );
      return undefined;
    }
    return state;
  }

  /** @throws HeldElsewhere where another server has the directory; Error where it cannot be used */
  #hold(): void {
    makeDirectory(this.#directory, 0o700);
    const path = join(this.#directory, 'server.pid');
    try {
      this.#held = holdFile(path);
    } catch (error) {
      if (error instanceof HeldElsewhere) throw error;
      rmSync(path, { force: true }); // what a power cut has left of it
      this.#held = holdFile(path);
    }
  }

  constructor(options: StateOptions) {
    this.#directory = options.directory;
    this.#server = keyText(options.publicKey);
    this.#key = blake2s(utf8ToBytes('cryptcab state 1'), { key: options.privateKey });
    this.#random = options.random;
    this.#log = options.log;
  }

  get #path(): string {
    return join(this.#directory, 'peers.json');
  }

  /** Reads what was kept; a file of another server's, or one that cannot be read, is reported and set aside. */
  load(): RememberedAll {
    let text: string;
    try {
      text = readRegular(this.#path, { follow: false }).bytes.toString();
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#passedOver(messageOf(error));
      return NOTHING;
    }
    try {
      const { version, server, peers, invites = [] } = JSON.parse(text);
      if (version !== VERSION || !Array.isArray(peers) || !Array.isArray(invites))
        throw new Error('not written by this program');
      if (server !== this.#server) throw new Error('it is of a server with another key');
      return {
        peers: peers.flatMap((line) => this.#read(line) ?? []),
        invites: invites.flatMap((line) => (line && this.#readInvite(line)) ?? []),
      };
    } catch (error) {
      // The parser's own words repeat what it read.
      this.#passedOver(error instanceof SyntaxError ? 'it is damaged' : messageOf(error));
      return NOTHING;
    }
  }

  #passedOver(why: string): void {
    const aside = `${this.#path}.old`;
    let where = '';
    try {
      renameSync(this.#path, aside);
      where = `; the old file is ${aside} now`;
    } catch {
      // It stays where it is until something new is kept, if that can be.
    }
    this.#log.warn({ file: this.#path }, `starts without what it knew of its peers: ${why}${where}`);
  }

  #read(line: Line | null): Remembered | undefined {
    const publicKey = keyIn(line?.publicKey);
    if (!line || publicKey === undefined || typeof line.name !== 'string' || !Number.isFinite(line.heard))
      return undefined;
    const presharedKey = line.psk === undefined ? undefined : this.#open(publicKey, line.psk);
    if (line.psk !== undefined && presharedKey === undefined) return undefined;
    const { name, heard, psk: sealed } = line;
    return {
      publicKey,
      name,
      endpoint: parseRemote(line.endpoint),
      heard,
      sealed,
      presharedKey,
      origin: originIn(line.by),
      policy: typeof line.policy === 'string' ? line.policy : undefined,
    };
  }

  #readInvite(line: InviteLine): RememberedInvite | undefined {
    const { publicKey: key, name, until, uses, used, psk } = line;
    const publicKey = keyIn(key);
    const whole = typeof name === 'string' && Number.isFinite(until) && Number.isSafeInteger(uses);
    if (publicKey === undefined || !whole || !Array.isArray(used) || typeof psk !== 'string')
      return undefined;
    const presharedKey = this.#open(publicKey, psk, forGuest(publicKey));
    if (presharedKey === undefined) return undefined;
    const all = used.flatMap(({ publicKey: of, at, from }) => {
      const peer = keyIn(of);
      return peer === undefined ? [] : [{ publicKey: peer, at: Number(at), from: String(from) }];
    });
    const cancelled = line.cancelled === true && { cancelled: true };
    return { invite: { publicKey, name, until, uses, used: all, ...cancelled }, sealed: psk, presharedKey };
  }

  #open(publicKey: Uint8Array, text: string, bound = publicKey): Uint8Array | undefined {
    const bytes = Buffer.from(text, 'base64');
    const nonce = bytes.subarray(0, NONCE_BYTES);
    try {
      const sealed = bytes.subarray(NONCE_BYTES);
      const room = secretRoom(sealed.length - TAG_BYTES); // too short: it throws
      return xchacha20poly1305(this.#key, nonce, bound).decrypt(sealed, room);
    } catch {
      return undefined;
    }
  }

  /** The preshared key of a peer in the form in which it is kept. */
  seal(publicKey: Uint8Array, presharedKey: Uint8Array): string {
    return this.#seal(publicKey, presharedKey);
  }

  /** The same of a guest: nobody can make a peer's of it. */
  sealForGuest(publicKey: Uint8Array, presharedKey: Uint8Array): string {
    return this.#seal(forGuest(publicKey), presharedKey);
  }

  #seal(bound: Uint8Array, presharedKey: Uint8Array): string {
    const nonce = this.#random(NONCE_BYTES);
    const room = secretRoom(presharedKey.length + TAG_BYTES); // the key is there before it is sealed
    const sealed = xchacha20poly1305(this.#key, nonce, bound).encrypt(presharedKey, room);
    return Buffer.concat([nonce, sealed]).toString('base64');
  }

  /** Something has changed: all is written, soon. @param collect says what there is to keep then */
  changed(collect: () => KeptAll): void {
    this.#collect = collect;
    this.#timer ??= setTimeout(() => this.save(), SAVE_MS).unref();
  }

  /**
   * Writes what has changed. A file that cannot be written is reported once.
   * @returns whether all is written
   */
  save(): boolean {
    if (this.#timer === undefined) return !this.#failed;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { peers: known, invites: made } = this.#collect();
    const peers = known.map(
      ({ publicKey, name, endpoint, heard, sealed, origin, policy }): Line => ({
        publicKey: keyText(publicKey),
        name,
        ...(endpoint && { endpoint: remoteText(endpoint) }),
        heard,
        ...(sealed !== undefined && { psk: sealed }),
        ...(origin !== undefined && { by: origin }),
        ...(policy && { policy }),
      }),
    );
    const invites = made.map(
      ({ invite, sealed }): InviteLine => ({
        ...invite,
        publicKey: keyText(invite.publicKey),
        used: invite.used.map((use) => ({ ...use, publicKey: keyText(use.publicKey) })),
        psk: sealed,
      }),
    );
    try {
      makeDirectory(this.#directory, 0o700);
      const content = {
        version: VERSION,
        server: this.#server,
        peers,
        ...(invites.length > 0 && { invites }),
      };
      replaceFile(this.#path, Buffer.from(`${JSON.stringify(content, undefined, 1)}\n`));
      this.#failed = false;
    } catch (error) {
      if (!this.#failed)
        this.#log.warn(
          { file: this.#path },
          `cannot keep what it knows of its peers, who will have to enrol again after a restart: ${messageOf(error)}`,
        );
      this.#failed = true;
    }
    return !this.#failed;
  }

  /** Writes what has changed, wipes the key, and leaves the directory to others. */
  close(): void {
    this.save();
    this.#key.fill(0);
    this.#held?.remove();
    this.#held = undefined;
  }
}
