// Which of the sockets that share a port gets a datagram: a program of the classic BPF, which the kernel runs for each.
// A transport message of the secure cable goes by the receiver's index that it carries, so that a peer stays on its thread
// wherever it roams to: the end that gives out an index chooses its lowest byte (threadIndex). All else goes by the source
// address.
import { MESSAGE } from '../../protocol/secure/constants.js';

/** struct sock_filter: u16 code, u8 jump when true, u8 jump when false, u32 operand. */
export const INSTRUCTION_BYTES = 8;

// Codes of linux/bpf_common.h.
const LOAD_BYTE = 0x30;
const LOAD_WORD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP = 0x05;
const MULTIPLY = 0x24;
const SHIFT_RIGHT = 0x74;
const MODULO = 0x94;
const RETURN = 0x16;
/** What is loaded from beyond the payload: the protocol's number, and the IP header (linux/filter.h). */
const PROTOCOL = 0xfffff000;
const IP_HEADER = 0xfff00000;
const IPV6 = 0x86dd;

const GOLDEN = 0x9e3779b1;

/** @param sockets that share the port, in the order in which they were bound */
export function steering(sockets: number): Uint8Array {
  const program: readonly (readonly [code: number, operand: number, ifTrue?: number, ifFalse?: number])[] = [
    [LOAD_BYTE, 0],
    [JUMP_EQUAL, MESSAGE.TRANSPORT, 0, 2],
    [LOAD_BYTE, 4], // the lowest byte of the receiver's index
    [JUMP, 7],
    [LOAD_WORD, PROTOCOL],
    [JUMP_EQUAL, IPV6, 0, 2],
    [LOAD_WORD, IP_HEADER + 20], // the end of the source address
    [JUMP, 1],
    [LOAD_WORD, IP_HEADER + 12],
    [MULTIPLY, GOLDEN],
    [SHIFT_RIGHT, 16],
    [MODULO, sockets],
    [RETURN, 0],
  ];
  const bytes = new DataView(new ArrayBuffer(program.length * INSTRUCTION_BYTES));
  for (const [i, [code, operand, ifTrue = 0, ifFalse = 0]] of program.entries()) {
    const at = i * INSTRUCTION_BYTES;
    bytes.setUint16(at, code, true);
    bytes.setUint8(at + 2, ifTrue);
    bytes.setUint8(at + 3, ifFalse);
    bytes.setUint32(at + 4, operand, true);
  }
  return new Uint8Array(bytes.buffer);
}

/**
 * Makes a receiver's index lead to a thread.
 * @param drawn at random
 * @param thread 0 to threads - 1; its socket's place among those that share the port
 */
export function threadIndex(drawn: number, thread: number, threads: number): number {
  const lowest = drawn & 0xff;
  const sameThread = lowest - (lowest % threads) + thread;
  return ((drawn & ~0xff) | (sameThread > 0xff ? sameThread - threads : sameThread)) >>> 0;
}
