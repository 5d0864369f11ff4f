// The line of an invite that a server has made.
import { CryptcabError, messageOf } from '../../error.js';
import type { Invited } from '../../keys/enrolment.js';
import { commandOr } from '../../options/name.js';
import {
  type LineFault,
  PLACES_MAX,
  type Place,
  writeInviteLine,
} from '../../protocol/secure/invite-line.js';

const FAULTS: Readonly<Record<LineFault, string>> = {
  'no invite':
    'this is not an invite: give the line that cryptcab invite printed on the machine of the server, from cryptcab: on',
  version: 'this invite is of a later version of cryptcab: use the version that the server has',
  torn: 'this invite is torn, or a letter of it is another one: copy the whole line, from cryptcab: to its end',
  malformed: 'this invite is whole and makes no sense: have the server make another one',
};

/** What is wrong with a text that is no invite, and what to do; nothing of it is repeated. */
export function lineFault(fault: LineFault): string {
  return FAULTS[fault];
}

/** A place as an operator names it: with the server's own port where none is said. */
export interface NamedPlace {
  /** Name or address. */
  readonly host: string;
  /** UDP. */
  readonly port?: number | undefined;
}

/** Where those who join find the server: where its operator says, or else at its own addresses. */
export function placesOf({ port, addresses }: Invited, named: readonly NamedPlace[]): Place[] {
  return named.length > 0
    ? named.map((one) => ({ host: one.host, port: one.port ?? port }))
    : addresses.slice(0, PLACES_MAX).map((host) => ({ host, port }));
}

/**
 * @param guest the guest's keys
 * @throws CryptcabError for places that a line cannot hold
 */
export function lineOf(
  { publicKey: serverPublicKey, until }: Invited,
  guest: { readonly privateKey: Uint8Array; readonly presharedKey: Uint8Array },
  places: readonly Place[],
): string {
  if (places.length === 0)
    throw new CryptcabError(
      `this machine has no address that others reach: say where the server is, with ${commandOr('cryptcab invite --at HOST', 'at')}`,
    );
  try {
    return writeInviteLine({ ...guest, serverPublicKey, until, places });
  } catch (error) {
    throw new CryptcabError(`cannot make an invite: ${messageOf(error)}`);
  }
}
