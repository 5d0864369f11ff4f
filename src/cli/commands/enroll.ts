// `cryptcab enroll`: what a client runs by ssh on the server's machine (secure.md §3.3).
import type { Readable } from 'node:stream';
import { ask } from '../../control/ask.js';
import { ByteLine } from '../../control/byte-line.js';
import { oneServer, type RunningEnd, strange } from '../../control/ends.js';
import { type By, parseEnrolled } from '../../control/message.js';
import { controlPlace, type Place } from '../../control/path.js';
import { CryptcabError } from '../../error.js';
import { enrolledLine, parseIntroduction } from '../../keys/enrolment.js';
import { isName, NAME_RULE } from '../../keys/peers-file.js';

/** Two keys and what is between them; more is no introduction. */
const INPUT_BYTES = 1_024;
/** How long it waits for the line: ssh brings it at once. */
const INPUT_MS = 10_000;

/**
 * Hands the client of one line of input to the running server.
 * @param port the server's; undefined where one alone runs
 * @param client what it is called, and who brings it
 * @returns the line for the client
 * @throws CryptcabError
 */
export async function enroll(
  input: Readable,
  port: number | undefined,
  { name, by = {} }: { readonly name?: string | undefined; readonly by?: By } = {},
  place: Place = controlPlace(),
): Promise<string> {
  if (name !== undefined && !isName(name))
    throw new CryptcabError(`--name: this is not a valid name: ${NAME_RULE}`);
  const line = await firstLine(input);
  const introduction = parseIntroduction(line);
  line.fill(0);
  if (introduction === undefined) {
    throw new CryptcabError(
      'enroll reads a line PUBLIC-KEY PRESHARED-KEY: a client runs it by ssh, with cryptcab connect USER@HOST',
    );
  }
  const { path } = await oneServer({ port }, place, severalPorts);
  const answer = await ask(path, { do: 'enrol', ...introduction, ...(name !== undefined && { name }), by });
  introduction.presharedKey.fill(0);
  if (answer === undefined) throw new CryptcabError(`the server at ${path} has just ended: start it again`);
  const enrolled = parseEnrolled(answer);
  if (enrolled === undefined) throw strange(path);
  return enrolledLine(enrolled);
}

/** What the client should do, which has enrolled by ssh: it can say a port, and nothing else. */
function severalPorts(servers: readonly RunningEnd[]): CryptcabError {
  const ports = [...new Set(servers.map(({ status }) => status.port))];
  return new CryptcabError(
    ports.length > 1
      ? `several servers run here, on UDP ports ${ports.join(', ')}: choose one with cryptcab connect USER@HOST:PORT`
      : `several servers run here, on UDP port ${ports[0]}, and nobody can enrol by ssh at one of them: connect with --key and --peer`,
  );
}

/**
 * The port that a client asked for, where sshd runs `cryptcab enroll` in place of the client's command (`command=` in
 * authorized_keys, ForceCommand). It then puts that command into SSH_ORIGINAL_COMMAND. The client chose every character
 * of it: a number at its end is taken, and nothing else.
 * @returns undefined when it asks for no port
 */
export function wishedPort(originalCommand = ''): number | undefined {
  const port = Number(/(?:^|\s)enroll? --port[= ](\d{1,5})$/.exec(originalCommand)?.[1]);
  return port > 0 && port <= 65_535 ? port : undefined;
}

/** Who has logged in by ssh, and from where, as sshd tells the program that it runs. */
export function sshClient({ SSH_CONNECTION = '', USER, LOGNAME }: NodeJS.ProcessEnv = process.env): By {
  const [address] = SSH_CONNECTION.split(' ');
  const user = USER ?? LOGNAME;
  return { ...(user !== undefined && { user }), ...(address && { address }) };
}

/** The first line of a stream, bounded in length and time; what there is, where it ends without one. */
function firstLine(input: Readable): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const line = new ByteLine(INPUT_BYTES);
    const done = () => {
      clearTimeout(timer);
      input.off('data', take).off('end', done).off('error', done).pause();
      resolve(line.bytes);
    };
    const take = (bytes: Uint8Array) => {
      line.push(bytes);
      if (line.ended || line.long) done();
    };
    const timer = setTimeout(done, INPUT_MS);
    input.on('data', take).on('end', done).on('error', done);
  });
}
