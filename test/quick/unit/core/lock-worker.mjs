// The other thread: takes the lock again and again, and counts under it as one does who has no other to fear.
import { workerData } from 'node:worker_threads';
import { Lock } from '../../../../dist/src/core/lock.js';

const { memory, layout, at } = workerData;
const lock = new Lock({ memory, layout });
lock.shared = true;
const words = new Int32Array(memory.buffer);
// Until it is told to stop; what it has counted is beside the count of both.
while (Atomics.load(words, at + 2) === 0) {
  lock.take();
  const before = words[at];
  Atomics.store(words, at + 1, 2);
  for (let spin = 0; spin < 300; spin++) if (Atomics.load(words, at + 1) !== 2) Atomics.add(words, at + 4, 1);
  words[at] = before + 1;
  words[at + 3]++;
  lock.give();
}
