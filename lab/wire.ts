// Frames on a host's device as they are: sent one by one, and what comes, in hexadecimal.
import type { Host } from './lab.js';
import { type Process, until } from './process.js';

/**
 * AF_PACKET, what this machine itself sends left out (PACKET_IGNORE_OUTGOING). The kernel takes the tag of a VLAN out of a frame, and says
 * beside it which it was (PACKET_AUXDATA): it is put in again.
 */
const SCRIPT = `
import socket, struct, sys, threading
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.setsockopt(263, 23, 1)
wire.setsockopt(263, 8, 1)
wire.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)
wire.bind((sys.argv[1], 0))
def receive():
    while True:
        frame, beside, _, _ = wire.recvmsg(65535, 64)
        status, _, _, _, _, tag, kind = struct.unpack('IIIHHHH', beside[0][2][:20])
        if status & 16: frame = frame[:12] + struct.pack('!HH', kind, tag) + frame[12:]
        print('got ' + frame.hex(), flush=True)
threading.Thread(target=receive, daemon=True).start()
print('listening', flush=True)
for line in sys.stdin:
    wire.send(bytes.fromhex(line))
`;

export class Wire {
  readonly #process: Process;

  private constructor(process: Process) {
    this.#process = process;
  }

  static async open(host: Host, device = 'tap0'): Promise<Wire> {
    const process = host.start(['python3', '-c', SCRIPT, device]);
    await process.prints(/listening/);
    return new Wire(process);
  }

  send(frames: readonly Buffer[]): void {
    this.#process.write(frames.map((frame) => `${frame.toString('hex')}\n`).join(''));
  }

  /** How many frames have come that hold these bytes. */
  count(bytes: Buffer): number {
    return this.#process.output.split(bytes.toString('hex')).length - 1;
  }

  /** Waits until a frame has come that holds these bytes. */
  comes(bytes: Buffer): Promise<void> {
    return until('a frame comes', () => this.count(bytes) > 0);
  }
}
