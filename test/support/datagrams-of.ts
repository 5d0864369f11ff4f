import type { SecureMachine } from '../../src/protocol/secure/machine.js';

/** The datagrams that a machine wants to have sent; what else it wants is dropped. */
export function datagramsOf(machine: SecureMachine): Uint8Array[] {
  return machine.take().flatMap((effect) => (effect.do === 'send' ? [effect.datagram] : []));
}
