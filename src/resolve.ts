import { lookup } from 'node:dns/promises';
import { CryptcabError, messageOf } from './error.js';

/**
 * All addresses of a host, in the order of the system's choice.
 * @throws CryptcabError when there is none
 */
export async function resolveHost(host: string): Promise<string[]> {
  try {
    return (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);
  } catch (error) {
    throw new CryptcabError(
      `no such host ${host} (${messageOf(error)}): see how the name is written after -c`,
    );
  }
}
