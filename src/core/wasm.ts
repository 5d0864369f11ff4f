import { moduleBytes } from './embedded.js';
import { WASM_BASE64 } from './wasm.generated.js';

/** Numbers of the memory map, each an exported constant of assembly/layout.ts, ring.ts or session.ts. */
const LAYOUT = [
  'AEAD_MAX',
  'ARRIVAL_BYTES',
  'ARRIVALS',
  'ARRIVALS_COUNT',
  'CONTROL_MAX',
  'CONTROLS',
  'CONTROLS_BYTES',
  'CONTROLS_COUNT',
  'CONTROLS_MAX',
  'CONTROLS_PAYLOAD',
  'DATAGRAM_MAX',
  'DESCRIPTOR_ADDRESS',
  'DESCRIPTOR_BYTES',
  'DESCRIPTOR_DATA',
  'DESCRIPTOR_FRAMES',
  'DESCRIPTOR_KEYPAIR',
  'DESCRIPTOR_LENGTH',
  'DESCRIPTOR_OP',
  'DESCRIPTOR_SESSION',
  'DESCRIPTOR_STATUS',
  'DESCRIPTORS',
  'FETCHED',
  'FETCHED_BYTES',
  'FETCHED_COUNT',
  'FETCHED_FRAME',
  'FRAME_MAX',
  'FRAMES',
  'FRAMES_ENTRY',
  'FROM_HOST',
  'FROM_SWITCH',
  'HOST_KEPT',
  'HOST_KEPT_BYTES',
  'HOST_KEPT_COUNT',
  'HOST_KEPT_FRAME',
  'HOST_KEPT_MAX',
  'HOST_NETWORKS_MAX',
  'HOST_OWN_MAX',
  'LOCK_NEXT',
  'LOCK_SERVING',
  'INCOMPLETE',
  'INCOMPLETE_BYTES',
  'INCOMPLETE_COUNT',
  'INCOMPLETE_FRAME',
  'KEYPAIR_BYTES',
  'KEYPAIR_COUNTER',
  'KEYPAIRS',
  'NEWS_OPENED',
  'NEWS_OPENED_DATA',
  'NEWS_SEALED',
  'NEWS_SEALED_DATA',
  'NEWS_SEALED_LAST',
  'OP_OPEN',
  'OP_OPEN_TRANSPORT',
  'OP_SEAL',
  'OP_SEAL_TRANSPORT',
  'OWN_NOTES',
  'OWN_NOTES_COUNT',
  'RING_BATCH',
  'RING_DONE',
  'RING_HEAD',
  'RING_SLOTS',
  'RING_TAIL',
  'SEEN_BYTES',
  'SEEN_COUNT',
  'SEEN_NOW',
  'SEND_COUNTER',
  'SESSION_ACTIVITY',
  'SESSION_BYTES',
  'SESSION_DROPPED_BY_SWITCH',
  'SESSION_DROPPED_UNOPENED',
  'SESSION_KEYPAIRS',
  'SESSION_LEADING',
  'SESSION_NEWS',
  'SESSION_OPENED',
  'SESSION_OPENED_BYTES',
  'SESSION_SEALED',
  'SESSION_SEALED_BYTES',
  'SESSION_SEEN',
  'SESSION_SOURCES',
  'SESSION_STATUS',
  'SESSION_WEAR',
  'SESSIONS',
  'SESSIONS_MAX',
  'SLOT_BODY',
  'SLOT_BYTES',
  'SLOTS',
  'SOURCES_COUNT',
  'STAGE_IN',
  'STAGE_IN_BYTES',
  'STAGE_OUT',
  'TAP_FRAME',
  'TAP_HEADER',
  'TAP_STAGE',
  'TAP_STAGE_BYTES',
  'STATUS_COUNT',
  'TRANSPORT_HEADER',
  'VNET_BYTES',
] as const;

/** The numbers of the memory map, by name: addresses and bytes, and what is in a descriptor's fields. */
export type Layout = Readonly<Record<(typeof LAYOUT)[number], number>>;

/** The functions of the module; all addresses and lengths are in bytes. See assembly/ for each. */
export interface Functions {
  initialise(): void;
  aeadDecrypt(address: number, length: number): void;
  aeadSeal(address: number, length: number, key: number, nonce: number): void;
  aeadVerify(address: number, length: number, key: number, nonce: number): number;
  blowfishEncrypt(address: number, blocks: number): void;
  blowfishDecrypt(address: number, blocks: number): void;
  cbcSeal(address: number, length: number, iv: number): number;
  cbcOpen(address: number, length: number, iv: number): number;
  chacha20(address: number, length: number, key: number, nonce: number, counter: number): void;
  coalesceAdd(frame: number, length: number): number;
  coalesceBegin(frame: number, length: number, datagrams: number): void;
  coalesceEnd(): number;
  controlSeal(session: number, length: number): number;
  crc32(address: number, length: number): number;
  fragmentBorrow(): number;
  fragmentRelease(number: number): void;
  hostAddresses(session: number, at: number, own: number, networks: number): void;
  hostGateway(session: number, family: number, at: number, there: number): void;
  hostBusy(session: number): void;
  hostListen(session: number, address: number, on: number): void;
  hostNeighbour(session: number, at: number, there: number): void;
  intakeEnd(session: number): void;
  keypairDrop(session: number, place: number): void;
  keypairInstall(session: number, place: number, keys: number, local: number, remote: number): void;
  keypairSealed(session: number, place: number): bigint;
  keypairUse(session: number, place: number): void;
  intakeFetched(session: number, count: number): number;
  ownNote(at: number, length: number): void;
  ownPort(port: number): void;
  polyBegin(key: number): void;
  polyBlocks(address: number, length: number): void;
  polyEnd(tag: number): void;
  responseSeal(session: number, at: number): number;
  responseOpen(session: number, at: number, length: number): number;
  ringCommit(session: number, op: number, length: number): void;
  ringFill(session: number, op: number, at: number, length: number, segment: number): number;
  ringProcess(now: number): number;
  segmentBegin(bytes: number): void;
  segmentNext(session: number): number;
  sessionClear(session: number): void;
  sessionDropped(session: number, bySwitch: number, unopened: number): void;
  sessionKeyBlowfish(session: number, key: number, length: number): void;
  sessionKeyChaCha20(session: number, key: number, block: number): void;
  sessionKeyPlain(session: number): void;
  sessionLimit(session: number, bytes: number): void;
  sessionNews(session: number): number;
  sessionOverShare(session: number): void;
  sessionPath(session: number, path: number): void;
  sessionResetStream(session: number): void;
  sessionStormLimit(session: number, rate: number): void;
  sessionUnkey(session: number): void;
  transportFrames(session: number, count: number, now: number): number;
  vdestreamRead(session: number, length: number): number;
  vdestreamWrite(session: number, count: number, now: number, even: number): number;
}

export interface Wasm {
  readonly memory: WebAssembly.Memory;
  readonly layout: Layout;
  readonly functions: Functions;
}

/** Pages of 64 KiB; as in asconfig.json, which the module repeats as its import's type. */
const PAGES = { initial: 184, maximum: 16384 };

/** A memory that the core can run in. */
export function newMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ ...PAGES, shared: true });
}

/** The core as it is compiled. */
export function wasmBytes(): Uint8Array<ArrayBuffer> {
  return moduleBytes(WASM_BASE64);
}

/**
 * Instantiates the core. It runs on every runtime that has WebAssembly; nothing is read from a file.
 * @param memory a memory made by newMemory(), if another thread has to reach it as well
 */
export async function instantiate(memory = newMemory()): Promise<Wasm> {
  const { instance } = await WebAssembly.instantiate(wasmBytes(), { env: { memory } });
  const exported = instance.exports;
  const layout = Object.fromEntries(
    LAYOUT.map((name) => [name, (exported[name] as WebAssembly.Global).value as number]),
  ) as Layout;
  const functions = exported as unknown as Functions;
  functions.initialise();
  return { memory, layout, functions };
}
