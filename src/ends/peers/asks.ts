// Asks somebody else whether a public key may connect.
import { messageOf } from '../../error.js';
import { optionName } from '../../options/name.js';
import { type Outcome, runShell } from '../shell.js';
import type { PeersDirectory } from './peers-option.js';
import { directoryText } from './read-only.js';
import type { Asked, AskPeer } from './verifier.js';

const LIMIT_MS = 10_000;
const ANSWER_BYTES = 4_000;
/** There is no such peer. */
const NOBODY: readonly number[] = [204, 404];

/** By a command, which sh runs, and its environment. */
export function askCommand(command: string): AskPeer {
  return (publicKey, address) =>
    runShell(command, { CRYPTCAB_PUBLIC_KEY: publicKey, CRYPTCAB_ADDRESS: address });
}

/** By a URL, to which `publicKey` and `address` are added. */
export function askUrl(place: string): AskPeer {
  return async (publicKey, address) => {
    const url = new URL(place);
    url.searchParams.set('publicKey', publicKey);
    url.searchParams.set('address', address);
    try {
      const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(LIMIT_MS) });
      if (NOBODY.includes(response.status)) {
        await response.body?.cancel();
        return { failure: undefined, printed: '' };
      }
      if (response.status !== 200) {
        await response.body?.cancel();
        return failed(`answers with status ${response.status}`);
      }
      return { failure: undefined, printed: await beginning(response) };
    } catch (error) {
      return failed(`does not answer: ${whyOf(error)}`);
    }
  };
}

const failed = (failure: string): Outcome => ({ failure, printed: '' });

/** What fetch says is less than what its cause says. */
function whyOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return messageOf(cause instanceof Error ? cause : error);
}

/** No more of an answer is read than it may have. */
async function beginning({ body }: Response): Promise<string> {
  if (body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  for await (const bytes of body) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length > ANSWER_BYTES) break;
  }
  return text.slice(0, ANSWER_BYTES);
}

/** Who is asked about keys that are not known, and what messages call that. */
export function askedOf({
  verify,
  directory,
}: {
  readonly verify?: AskPeer | undefined;
  readonly directory?: PeersDirectory | undefined;
}): Asked | undefined {
  if (verify !== undefined) return { who: optionName('verify'), from: optionName('verify'), ask: verify };
  if (directory === undefined || directory.kind === 'etcd') return undefined;
  const ask = directory.kind === 'exec' ? askCommand(directory.command) : askUrl(directory.url);
  return { who: optionName('secure.peers'), from: directoryText(directory), ask };
}
