// The other thread: takes the lock again and again, and counts under it as one does who has no other to fear.
import { parentPort, workerData } from 'node:worker_threads';
import { Lock } from '../../../dist/src/core/lock.js';

const { memory, layout, at, times } = workerData;
const lock = new Lock({ memory, layout });
lock.shared = true;
const words = new Int32Array(memory.buffer);
parentPort.postMessage('ready');
for (let i = 0; i < times; i++) {
  lock.take();
  const before = words[at];
  for (let spin = 0; spin < 20; spin++) words[at + 1] = spin;
  words[at] = before + 1;
  lock.give();
}
