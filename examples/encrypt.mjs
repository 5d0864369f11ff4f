// Seals one Ethernet frame as a datagram of the classic protocol, and prints it:
//   node examples/encrypt.mjs
import { Core } from 'cryptcab/core';

const key = Uint8Array.from({ length: 24 }, (_, i) => i); // 16 bytes of key, 8 of IV; random ones, outside of an example
const header = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]; // to all, from 02:…:01, an experiment
const frame = Uint8Array.of(...header, ...new TextEncoder().encode('a frame in a cable'));

const core = await Core.load();
const session = core.openSession({ suite: 'blowfish', key });
console.log(Buffer.from(session.seal(frame)).toString('hex'));
session.dispose();
