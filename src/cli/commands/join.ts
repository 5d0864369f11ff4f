// `cryptcab join`: enrols this machine at the server of an invite, and says how the cable is run (secure.md §8).
import { hostname } from 'node:os';
import { join as joinPath, resolve } from 'node:path';
import { JoinRefused, joinByInvite, placeText } from '../../ends/join.js';
import { lineFault } from '../../ends/peers/line-of.js';
import { CryptcabError } from '../../error.js';
import { mayBeKey } from '../../key-like.js';
import { JoinedDirectory, type JoinedServer } from '../../keys/joined.js';
import { keyText } from '../../keys/key-text.js';
import { publicKeyOf } from '../../keys/public-key.js';
import { type Log, SILENT } from '../../log.js';
import { guestName } from '../../protocol/secure/control.js';
import { type InviteLine, type Place, readInviteLine } from '../../protocol/secure/invite-line.js';
import type { Settings } from '../options.js';
import { name } from '../program.js';
import { stateRoot } from '../run/state.js';
import { print, say } from '../say.js';
import { UsageError } from '../usage.js';

/**
 * @param Fault the error of where it comes from
 * @throws Fault that says what is wrong with the line, and repeats nothing of it
 */
export function inviteOf(text: string, Fault: new (why: string) => Error): InviteLine {
  const read = readInviteLine(text);
  if (typeof read === 'string') throw new Fault(lineFault(read));
  return read;
}

/** What follows `join`, sorted. */
interface Words {
  /** Empty: it comes by standard input, where nobody else sees it. */
  readonly line: string;
  /** Where the keys are kept, if that is said. */
  readonly to: string | undefined;
  /** Options of the cable. */
  readonly options: readonly string[];
}

/** Takes the invite out of the words, also one that a mail program has cut and a shell has made several words of. */
export function wordsOf(args: readonly string[]): Words {
  const options: string[] = [];
  let line = '';
  let to: string | undefined;
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--to') {
      to = rest.shift();
      if (to === undefined) throw new UsageError(TO);
    } else if (word.startsWith('--to=')) {
      to = word.slice('--to='.length);
    } else if (line === '' && (/^cryptcab:/.test(word) || (options.length === 0 && /^[^-]/.test(word)))) {
      line = word;
      while (readInviteLine(line) === 'torn' && /^[\w-]+$/.test(rest[0] ?? '') && !/^-/.test(rest[0] ?? ''))
        line += rest.shift();
    } else {
      options.push(word);
    }
  }
  if (to !== undefined && (to === '' || mayBeKey(to))) throw new UsageError(TO);
  return { line, to, options };
}

const TO = '--to is followed by the directory where the keys of this machine are kept';

/** An invite and some white space; more is none. */
const INPUT_BYTES = 4_096;

/** The invite of standard input: its first line, or all of it where that is cut into several. */
async function fromInput(): Promise<string> {
  if (process.stdin.isTTY) say('paste the invite, and press Enter:');
  let text = '';
  for await (const piece of process.stdin) {
    text += piece;
    if (text.length > INPUT_BYTES || typeof readInviteLine(text) !== 'string') break;
    if (process.stdin.isTTY && text.endsWith('\n')) break;
  }
  process.stdin.destroy();
  return text;
}

/** Where the keys of a server are kept that is joined. */
function directoryOf({ places: [first] }: InviteLine, to: string | undefined): JoinedDirectory {
  if (to !== undefined) return new JoinedDirectory(resolve(to));
  const root = stateRoot();
  if (root === undefined || first === undefined)
    throw new CryptcabError(
      'STATE_DIRECTORY is empty, so there is no place for keys: name a directory with --to',
    );
  return new JoinedDirectory(joinPath(root, 'joined', `${first.host.replaceAll(':', '-')}-${first.port}`));
}

/** How the cable is asked for, once it was joined. */
export function cableWords(
  directory: JoinedDirectory,
  server: JoinedServer,
  options: readonly string[],
): string[] {
  const { privateKeyFile, presharedKeyFile } = directory;
  const keys = ['--key', privateKeyFile, '--psk', presharedKeyFile, '--peer', keyText(server.publicKey)];
  return ['connect', placeText(server), ...keys, ...options];
}

/** A word as a shell takes it. */
const quoted = (word: string) =>
  /^[\w@%+=:,./[\]-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/**
 * Joins the server of an invite; at once where that was done before.
 * @param args what follows `join`
 * @param check reads the words that ask for a cable, before anything is done
 * @returns those words
 * @throws UsageError, or CryptcabError when it cannot be joined
 */
export async function join(
  args: readonly string[],
  check: (words: readonly string[]) => Settings,
): Promise<string[]> {
  const { line, to, options } = wordsOf(args);
  process.title = name; // the invite is in the list of processes no longer
  const invite = line === '' ? inviteOf(await fromInput(), CryptcabError) : inviteOf(line, UsageError);
  const guest = publicKeyOf(invite.privateKey);
  try {
    const directory = directoryOf(invite, to);
    const [place] = invite.places as [Place];
    const settings = check(cableWords(directory, { ...place, publicKey: invite.serverPublicKey }, options));
    const before = directory.server;
    if (before !== undefined && !directory.isOf(guest))
      throw new CryptcabError(
        `${directory.path} has the keys of a server that was joined before: ${commandOf(directory, before, options)} starts that cable; to join again, name another directory with --to, or remove that one`,
      );
    const server = before ?? (await enrol(directory, invite, guest, settings));
    const words = cableWords(directory, server, options);
    if (before === undefined)
      await print(
        `joined ${placeText(server)}; the keys of this machine are in ${directory.path}. This starts the cable again:\n\n    ${commandOf(directory, server, options)}\n\n`,
      );
    return words;
  } finally {
    for (const key of [invite.privateKey, invite.presharedKey]) key.fill(0);
  }
}

function commandOf(directory: JoinedDirectory, server: JoinedServer, options: readonly string[]): string {
  return ['cryptcab', ...cableWords(directory, server, options)].map(quoted).join(' ');
}

async function enrol(
  directory: JoinedDirectory,
  invite: InviteLine,
  guest: Uint8Array,
  { bind, io }: Settings,
): Promise<JoinedServer> {
  const { serverPublicKey: publicKey, places } = invite;
  say(`joins the server with the public key ${keyText(publicKey)}, at ${places.map(placeText).join(', ')}`);
  const { privateKey, presharedKey } = directory.keys(guest, SAYS);
  try {
    const introduction = { publicKey: publicKeyOf(privateKey), presharedKey, name: guestName(hostname()) };
    const { signal } = new AbortController();
    const place = await joinByInvite({ invite, introduction, bind, io, signal, waits: say });
    const server = { ...place, publicKey };
    directory.joined(server);
    return server;
  } catch (error) {
    if (error instanceof JoinRefused && !error.later) directory.remove();
    throw error;
  } finally {
    for (const key of [privateKey, presharedKey]) key.fill(0);
  }
}

/** Only what somebody should look at. */
const SAYS: Log = { ...SILENT, warn: (_, line) => say(line), error: (_, line) => say(line) };
