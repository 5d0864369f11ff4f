// Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s (Noise revision 34, §5, §7.5, §9; WireGuard whitepaper §5.4).
//
// Payloads are arguments, so that vectors of the pattern alone can be run; WireGuard's first payload is a timestamp, its
// second is empty. What is secret is wiped when a handshake has ended.
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { blake2s, mixHash, mixKey, open, seal } from '../../core/handshake.js';
import { copyKey } from '../secret.js';
import { CONSTRUCTION } from './constants.js';
import { agree, agreeTwice, publicKeyOf } from './x25519.js';

export { agree };

let nameHash: Uint8Array | undefined;

/** A private key and its public key, 32 bytes each. */
export interface KeyPair {
  readonly secret: Uint8Array;
  readonly public: Uint8Array;
}

export function keyPair(secret: Uint8Array): KeyPair {
  return { secret, public: publicKeyOf(secret) };
}

/** Chaining key and hash, §5.2. */
export interface SymmetricState {
  chain: Uint8Array;
  hash: Uint8Array;
}

/** What both ends know before the first message. @param responder public key */
export function begin(prologue: Uint8Array, responder: Uint8Array): SymmetricState {
  nameHash ??= blake2s(utf8ToBytes(CONSTRUCTION)); // the name is longer than a hash
  const state = { chain: copyKey(nameHash), hash: nameHash.slice() };
  mixHash(state.hash, prologue);
  mixHash(state.hash, responder);
  return state;
}

export function copyState(state: SymmetricState): SymmetricState {
  return { chain: copyKey(state.chain), hash: state.hash.slice() };
}

export function wipeState(state: SymmetricState): void {
  state.chain.fill(0);
  state.hash.fill(0);
}

/** MixKey of an agreement, which is wiped. @returns the key, if one is asked for */
function mixShared(state: SymmetricState, shared: Uint8Array, outputs: 1 | 2 = 2): Uint8Array {
  const key = mixKey(state.chain, shared, outputs);
  shared.fill(0);
  return key;
}

function encryptAndHash(state: SymmetricState, key: Uint8Array, plain: Uint8Array): Uint8Array {
  const sealed = seal(key, state.hash, plain);
  key.fill(0);
  mixHash(state.hash, sealed);
  return sealed;
}

/** @throws where the tag is wrong */
function decryptAndHash(state: SymmetricState, key: Uint8Array, sealed: Uint8Array): Uint8Array {
  const plain = open(key, state.hash, sealed);
  key.fill(0);
  if (plain === undefined) throw new RangeError('this is not authentic');
  mixHash(state.hash, sealed);
  return plain;
}

function mixEphemeral(state: SymmetricState, ephemeral: Uint8Array): void {
  mixHash(state.hash, ephemeral);
  mixKey(state.chain, ephemeral, 1); // as the pattern has a preshared key, §9.2
}

/** What a reader returns; undefined where it throws, as it does for what is not authentic. */
export function authentic(read: () => Uint8Array): Uint8Array | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** What the first message of Noise_IKpsk2 carries. */
export interface Initiation {
  /** The initiator's ephemeral public key, 32 bytes. */
  readonly ephemeral: Uint8Array;
  /** Its static public key, sealed: 32 + 16 bytes. */
  readonly sealedStatic: Uint8Array;
  /** The payload, sealed: a timestamp's 12 + 16 bytes. */
  readonly sealedPayload: Uint8Array;
}

/**
 * -> e, es, s, ss
 * @param staticShared the two static keys' agreement
 */
export function writeInitiation(
  state: SymmetricState,
  own: KeyPair,
  ephemeral: KeyPair,
  responder: Uint8Array,
  staticShared: Uint8Array,
  payload: Uint8Array,
): Initiation {
  mixEphemeral(state, ephemeral.public);
  const sealedStatic = encryptAndHash(
    state,
    mixShared(state, agree(ephemeral.secret, responder)),
    own.public,
  );
  const sealedPayload = encryptAndHash(state, mixShared(state, copyKey(staticShared)), payload);
  return { ephemeral: ephemeral.public, sealedStatic, sealedPayload };
}

/**
 * Who sends an initiation: its first half.
 * @throws where it is not authentic
 */
export function readInitiator(state: SymmetricState, own: KeyPair, message: Initiation): Uint8Array {
  mixEphemeral(state, message.ephemeral);
  return decryptAndHash(state, mixShared(state, agree(own.secret, message.ephemeral)), message.sealedStatic);
}

/**
 * The payload of an initiation: its second half.
 * @throws where it is not authentic
 */
export function readPayload(
  state: SymmetricState,
  staticShared: Uint8Array,
  message: Initiation,
): Uint8Array {
  return decryptAndHash(state, mixShared(state, copyKey(staticShared)), message.sealedPayload);
}

/** What the second one carries. */
export interface Response {
  /** The responder's ephemeral public key, 32 bytes. */
  readonly ephemeral: Uint8Array;
  /** The payload, sealed: none, 16 bytes. */
  readonly sealedPayload: Uint8Array;
}

function mixPreshared(state: SymmetricState, preshared: Uint8Array): Uint8Array {
  const out = mixKey(state.chain, preshared, 3);
  mixHash(state.hash, out.subarray(0, 32));
  const key = copyKey(out.subarray(32));
  out.fill(0);
  return key;
}

/**
 * <- e, ee, se, psk
 * @param preshared 32 bytes; zeros where there is none
 * @throws for keys of small order
 */
export function writeResponse(
  state: SymmetricState,
  ephemeral: KeyPair,
  initiator: Uint8Array,
  initiatorEphemeral: Uint8Array,
  preshared: Uint8Array,
  payload: Uint8Array,
): Response {
  mixEphemeral(state, ephemeral.public);
  const own = ephemeral.secret;
  for (const shared of agreeTwice([own, own], [initiatorEphemeral, initiator])) mixShared(state, shared, 1);
  const sealedPayload = encryptAndHash(state, mixPreshared(state, preshared), payload);
  return { ephemeral: ephemeral.public, sealedPayload };
}

/** @throws where it is not authentic */
export function readResponse(
  state: SymmetricState,
  own: KeyPair,
  ephemeral: KeyPair,
  preshared: Uint8Array,
  message: Response,
): Uint8Array {
  mixEphemeral(state, message.ephemeral);
  const theirs = message.ephemeral;
  for (const shared of agreeTwice([ephemeral.secret, own.secret], [theirs, theirs]))
    mixShared(state, shared, 1);
  return decryptAndHash(state, mixPreshared(state, preshared), message.sealedPayload);
}

/** The keys of the two directions, the initiator's first; the state is wiped. */
export function split(state: SymmetricState): [Uint8Array, Uint8Array] {
  const second = mixKey(state.chain, new Uint8Array(), 2);
  const first = copyKey(state.chain);
  wipeState(state);
  return [first, second];
}
