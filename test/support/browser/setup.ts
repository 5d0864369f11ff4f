// What tests use of Node's globals, for browsers. What is tested gets nothing from here but setImmediate, which
// the cable has its batches by.
import { Buffer } from 'buffer';

const channel = new MessageChannel();
const due: (() => void)[] = [];
channel.port1.onmessage = () => due.shift()?.();

Object.assign(globalThis, {
  Buffer,
  setImmediate: (act: () => void) => {
    due.push(act);
    channel.port2.postMessage(undefined);
  },
});
