// What the host sees. Exports only; each is documented where it is defined.
import { crc32Initialise } from './crc32';

/** Fills the tables of a fresh memory. Once per memory, before anything else. */
export function initialise(): void {
  crc32Initialise();
}

export { aeadDecrypt, aeadSeal, aeadVerify } from './aead';
export { blowfishDecrypt, blowfishEncrypt } from './blowfish';
export { cbcOpen, cbcSeal } from './cbc';
export { chacha20 } from './chacha20';
export { responseOpen, responseSeal } from './classic';
export { coalesceAdd, coalesceBegin, coalesceEnd } from './coalesce';
export { controlSeal } from './controls';
export { crc32 } from './crc32';
export { fragmentBorrow, fragmentRelease } from './fragments';
export { FROM_HOST, FROM_SWITCH, hostAddresses, hostBusy, hostGateway, hostNeighbour } from './host';
export { intakeEnd, intakeFetched } from './intake';
export {
  AEAD_MAX,
  ARRIVAL_BYTES,
  ARRIVALS,
  ARRIVALS_COUNT,
  CONTROL_MAX,
  CONTROLS,
  CONTROLS_BYTES,
  CONTROLS_COUNT,
  CONTROLS_MAX,
  CONTROLS_PAYLOAD,
  DATAGRAM_MAX,
  DESCRIPTOR_BYTES,
  DESCRIPTORS,
  FETCHED,
  FETCHED_BYTES,
  FETCHED_COUNT,
  FETCHED_FRAME,
  FRAME_MAX,
  FRAMES,
  FRAMES_ENTRY,
  HOST_KEPT,
  HOST_KEPT_BYTES,
  HOST_KEPT_COUNT,
  HOST_KEPT_FRAME,
  HOST_KEPT_MAX,
  HOST_NETWORKS_MAX,
  HOST_OWN_MAX,
  INCOMPLETE,
  INCOMPLETE_BYTES,
  INCOMPLETE_COUNT,
  INCOMPLETE_FRAME,
  KEYPAIR_BYTES,
  KEYPAIR_COUNTER,
  KEYPAIRS,
  LOCK_NEXT,
  LOCK_SERVING,
  OWN_NOTES,
  OWN_NOTES_COUNT,
  RING_BATCH,
  RING_DONE,
  RING_HEAD,
  RING_SLOTS,
  RING_TAIL,
  SEEN_BYTES,
  SEEN_COUNT,
  SEEN_NOW,
  SEND_COUNTER,
  SESSION_ACTIVITY,
  SESSION_BYTES,
  SESSION_DROPPED_BY_SWITCH,
  SESSION_DROPPED_UNOPENED,
  SESSION_KEYPAIRS,
  SESSION_LEADING,
  SESSION_NEWS,
  SESSION_OPENED,
  SESSION_OPENED_BYTES,
  SESSION_SEALED,
  SESSION_SEALED_BYTES,
  SESSION_SEEN,
  SESSION_SOURCES,
  SESSION_STATUS,
  SESSION_WEAR,
  SESSIONS,
  SESSIONS_MAX,
  SLOT_BODY,
  SLOT_BYTES,
  SLOTS,
  SOURCES_COUNT,
  STAGE_IN,
  STAGE_IN_BYTES,
  STAGE_OUT,
  TAP_FRAME,
  TAP_HEADER,
  TAP_STAGE,
  TAP_STAGE_BYTES,
  TRANSPORT_HEADER,
} from './layout';
export { hostListen } from './listens';
export { ownNote, ownPort } from './own';
export { polyBegin, polyBlocks, polyEnd } from './poly1305';
export {
  DESCRIPTOR_ADDRESS,
  DESCRIPTOR_DATA,
  DESCRIPTOR_FRAMES,
  DESCRIPTOR_KEYPAIR,
  DESCRIPTOR_LENGTH,
  DESCRIPTOR_OP,
  DESCRIPTOR_SESSION,
  DESCRIPTOR_STATUS,
  OP_OPEN,
  OP_OPEN_TRANSPORT,
  OP_SEAL,
  OP_SEAL_TRANSPORT,
  ringCommit,
  ringFill,
  ringProcess,
} from './ring';
export { segmentBegin, segmentNext } from './segment';
export {
  sessionClear,
  sessionDropped,
  sessionKeyBlowfish,
  sessionKeyChaCha20,
  sessionKeyPlain,
  sessionLimit,
  sessionOverShare,
  sessionPath,
  sessionResetStream,
  sessionUnkey,
} from './session';
export { STATUS_COUNT } from './status';
export { sessionStormLimit } from './storm';
export {
  keypairDrop,
  keypairInstall,
  keypairSealed,
  keypairUse,
  NEWS_OPENED,
  NEWS_OPENED_DATA,
  NEWS_SEALED,
  NEWS_SEALED_DATA,
  NEWS_SEALED_LAST,
  sessionNews,
} from './transport';
export { transportFrames } from './unpack';
export { vdestreamRead, vdestreamWrite } from './vdestream';
export { VNET_BYTES } from './vnet';
