// The I/O side of the ring on a thread of its own, by the protocol of assembly/ring.ts and nothing else:
// it fills slots as long as there is room, and looks again when told that some were released.
import { parentPort, workerData } from 'node:worker_threads';

const { memory, layout, jobs } = workerData;
const bytes = new Uint8Array(memory.buffer);
const words = new Int32Array(memory.buffer);
const load = (address) => Atomics.load(words, address >> 2);

function fill({ session, op, payload }) {
  const head = load(layout.RING_HEAD);
  const slot = head & (layout.RING_SLOTS - 1);
  // A datagram begins one byte before a frame would.
  const address =
    layout.SLOTS + slot * layout.SLOT_BYTES + layout.SLOT_BODY - (op === layout.OP_OPEN ? 1 : 0);
  bytes.set(payload, address);
  const descriptor = (layout.DESCRIPTORS + slot * layout.DESCRIPTOR_BYTES) >> 2;
  words[descriptor + (layout.DESCRIPTOR_SESSION >> 2)] = session;
  words[descriptor + (layout.DESCRIPTOR_OP >> 2)] = op;
  words[descriptor + (layout.DESCRIPTOR_ADDRESS >> 2)] = address;
  words[descriptor + (layout.DESCRIPTOR_LENGTH >> 2)] = payload.length;
  Atomics.store(words, layout.RING_HEAD >> 2, head + 1);
}

function fillAll() {
  while (jobs.length > 0 && ((load(layout.RING_HEAD) - load(layout.RING_TAIL)) | 0) < layout.RING_SLOTS) {
    fill(jobs.shift());
    parentPort.postMessage('filled');
  }
  if (jobs.length === 0) parentPort.unref(); // its end; Deno has no close() there
}

parentPort.on('message', fillAll);
fillAll();
