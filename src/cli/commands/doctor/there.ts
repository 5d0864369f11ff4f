// What can be found out about the way to another machine, and about a server there: by ssh, and by a cable that is laid for a moment.
import { isIP } from 'node:net';
import { memoryPort } from '../../../cable/plug/memory-plug.js';
import { Resolver } from '../../../ends/resolve.js';
import { startSecureClient } from '../../../ends/secure-client.js';
import { messageOf } from '../../../error.js';
import { keyText } from '../../../keys/key-text.js';
import { canAsk, start } from '../../../keys/openssh-child.js';
import { publicKeyOf } from '../../../keys/public-key.js';
import { type Enrolment, enrolBySsh } from '../../../keys/ssh.js';
import { loginText, reasonIn, sshFault } from '../../../keys/ssh-failure.js';
import { sshHost } from '../../../keys/ssh-name.js';
import { SILENT } from '../../../log.js';
import { datagramMax, PATH_MTU } from '../../../protocol/sizes.js';
import type { Target } from '../../values.js';
import { VERSION } from '../../version.generated.js';
import { type Facts, factsIn } from './facts.js';
import { bad, type Finding, good, unknown } from './finding.js';
import { pathMtu } from './ping.js';

/** How long the name, ssh with somebody at the terminal or without, and a handshake may take, ms. */
const LIMIT_MS = { name: 10_000, asking: 120_000, ssh: 60_000, handshake: 8_000 } as const;
/** A clock that is further off is said, ms. */
const CLOCK_MS = 10_000;

/** How ssh is called. */
interface Way {
  readonly target: Target;
  readonly extra: readonly string[];
  readonly remoteCommand: string;
  readonly signal: AbortSignal;
}

/** Finds out about a host, and reports each thing when it is known. */
export async function findThere(way: Way, tell: (finding: Finding) => void): Promise<void> {
  const { target, extra, signal } = way;
  const host = await sshHost(target, extra, signal);
  const address = await findName(host, signal, tell);
  if (address === undefined) return;
  const facts = await findLogin(way, tell);
  tell(await mtuFinding(`to ${host}`, pathMtu(address)));
  if (facts === undefined) return;
  tell(await mtuFinding(`from ${host}`, Promise.resolve(facts.back ?? undefined)));
  const server = serverIn(facts, target, tell);
  if (server !== undefined) await findCable(way, host, server, tell);
}

async function findName(host: string, signal: AbortSignal, tell: (finding: Finding) => void) {
  if (isIP(host)) return host;
  try {
    const resolver = new Resolver(host, '::', SILENT);
    const found = await resolver.look(AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS.name)]));
    tell(good(`${host} is ${found.join(', ')}`));
    return found[0];
  } catch (error) {
    const late = error instanceof Error && error.name === 'TimeoutError';
    tell(
      bad(
        late
          ? `${host} has no address within ${LIMIT_MS.name / 1000} s: see that a name server answers`
          : `${messageOf(error)}: see that the name is right, or give an address`,
      ),
    );
    return undefined;
  }
}

/** Runs a command of the far side's cryptcab. */
function startFar(
  { target, extra, remoteCommand, signal }: Way,
  words: string,
  prints: (text: string) => void,
) {
  const options = [
    '-T',
    '-x',
    '-a',
    ...['ClearAllForwardings=yes', 'ConnectTimeout=30'].flatMap((one) => ['-o', one]),
  ];
  const run = start('ssh', [...extra, ...options, '--', loginText(target), `${remoteCommand} ${words}`], {
    input: '',
    prints,
    signal,
    instead: 'see what can be found out without a HOST',
  });
  run.within(canAsk() ? LIMIT_MS.asking : LIMIT_MS.ssh);
  return run;
}

/** Runs the far side's own doctor. */
async function askFar(way: Way) {
  let prints = '';
  const run = startFar(way, 'doctor --facts', (text) => {
    prints += text;
  });
  const from = Date.now();
  return { ...(await run.ended), facts: factsIn(prints), from, until: Date.now() };
}

async function findLogin(way: Way, tell: (finding: Finding) => void): Promise<Facts | undefined> {
  const login = loginText(way.target);
  const { remoteCommand } = way;
  const look = `see what 'ssh ${login} ${remoteCommand} --version' prints`;
  let asked: Awaited<ReturnType<typeof askFar>>;
  try {
    asked = await askFar(way);
  } catch (error) {
    tell(bad(messageOf(error)));
    return undefined;
  }
  const { status, says, facts, from, until } = asked;
  if (facts === undefined) {
    if (status === undefined) tell(bad(`ssh ${login} has not answered: ${look}`));
    else if (status === 255 || status === null)
      tell(bad(sshFault(way.target, `ssh ${login} does not log in`, status, says, 'and try again').message));
    else {
      tell(good(`ssh ${login} logs in`));
      if (status === 127 || status === 126)
        tell(
          bad(
            `there is no ${remoteCommand} for ${login} (${reasonIn(says) ?? `status ${status}`}): install it there, or say in CRYPTCAB_REMOTE where it is`,
          ),
        );
      else
        tell(
          bad(
            `${remoteCommand} there is of another version, or is none: ${look}, and install ${VERSION} there`,
          ),
        );
    }
    return undefined;
  }
  tell(good(`ssh ${login} logs in`));
  const { cryptcab, now } = facts;
  tell(
    cryptcab === VERSION
      ? good(`cryptcab ${cryptcab} is there, as here`)
      : bad(`cryptcab ${cryptcab} is there, and ${VERSION} here: install the newer one at both ends`),
  );
  tell(clockFinding(from, now, until));
  return facts;
}

/** How far the clock there is off, which said `now` between two times here. */
export function clockFinding(from: number, now: number, until: number): Finding {
  const off = now < from ? now - from : now > until ? now - until : 0;
  const seconds = Math.round(Math.abs(off) / 1000);
  if (Math.abs(off) <= CLOCK_MS) return good('the clocks agree');
  return bad(
    `the clock there is ${seconds} s ${off < 0 ? 'behind' : 'ahead of'} the one here: have both set by NTP; a clock that is set back keeps a peer out until that time has come again`,
  );
}

async function mtuFinding(way: string, asked: Promise<number | undefined>): Promise<Finding> {
  const mtu = await asked;
  if (mtu === undefined)
    return unknown(`the path MTU ${way} is unknown: pings are not answered, or there is no ping`);
  if (mtu >= PATH_MTU.usual) return good(`packets of ${mtu} bytes come through ${way}`);
  return bad(
    `packets of ${mtu} bytes come through ${way}, larger ones do not: start both ends with --path-mtu ${mtu}, unless routers say so (see mtu.md)`,
  );
}

function serverIn({ servers }: Facts, { port, portNamed, user }: Target, tell: (finding: Finding) => void) {
  const ports = servers.map((one) => one.port);
  const found = portNamed ? servers.find((one) => one.port === port) : servers[0];
  if (found === undefined) {
    const which = portNamed ? ` on UDP port ${port}` : '';
    const others = ports.length > 0 ? `; there are servers on ${ports.join(', ')}` : '';
    tell(
      bad(
        `no secure server${which} is run there by ${user ?? 'that user'}${others}: start one there with cryptcab serve`,
      ),
    );
  } else if (!portNamed && ports.length > 1) {
    tell(bad(`several servers run there, on UDP ports ${ports.join(', ')}: choose one with HOST:PORT`));
    return undefined;
  } else tell(good(`a server runs there on UDP port ${found.port}, with ${peersText(found.peers.length)}`));
  return found?.port;
}

/** How many peers: `1 peer`. */
export function peersText(count: number): string {
  return `${count} ${count === 1 ? 'peer' : 'peers'}`;
}

/** Lays a cable to the server for a moment; nothing of this machine is plugged in. */
async function findCable(way: Way, host: string, port: number, tell: (finding: Finding) => void) {
  const { target, extra, remoteCommand, signal } = way;
  let keys: Enrolment;
  try {
    keys = await enrolBySsh({ ...target, port, extra, remoteCommand }, signal);
  } catch (error) {
    tell(bad(messageOf(error)));
    return;
  }
  const publicKey = keyText(publicKeyOf(keys.privateKey));
  let answeredBy = '';
  let from = 0;
  const client = await startSecureClient({
    port: 0,
    server: { host, port },
    keys,
    keepalive: false,
    path: datagramMax(PATH_MTU.usual),
    plug: memoryPort(() => {}).open,
    log: SILENT,
    watcher: {
      up: ({ address }) => {
        answeredBy = address;
      },
      ...{ down() {}, plugged() {}, unplugged() {} },
    },
    tap: (direction) => {
      if (direction === 'out') from = performance.now();
    },
  });
  try {
    const patience = new Promise<'late'>((resolve) =>
      setTimeout(resolve, LIMIT_MS.handshake, 'late').unref(),
    );
    const began = performance.now();
    const came = await Promise.race([client.up.then(() => 'up' as const), client.ended, patience]);
    const ms = Math.max(1, Math.round(performance.now() - (from || began)));
    if (came === 'up')
      tell(good(`UDP port ${port} is open there and back: ${answeredBy} answers, in ${ms} ms`));
    const { facts } = await askFar(way);
    const peers = facts?.servers.find((one) => one.port === port)?.peers ?? [];
    const mine = peers.find((one) => one.publicKey === publicKey);
    if (came !== 'up') tell(silence(host, port, mine?.address ?? undefined));
    else tell(switchFinding(mine));
    // Whoever was up says goodbye, and is forgotten for it; what nobody hears has to be taken away.
    if (came !== 'up') await forget(way, publicKey, tell);
  } finally {
    await client.close();
  }
}

/** Takes the key of this doctor's cable out of the server's list again. */
async function forget(way: Way, publicKey: string, tell: (finding: Finding) => void): Promise<void> {
  const { status } = await startFar(way, `peers remove ${publicKey}`, () => {}).ended;
  if (status !== 0)
    tell(
      unknown(`the server there goes on to know the key of this test: cryptcab peers remove ${publicKey}`),
    );
}

function silence(host: string, port: number, heardFrom: string | undefined): Finding {
  if (heardFrom)
    return bad(
      `datagrams to UDP port ${port} arrive there, from ${heardFrom}, but no answer comes back: open the way from there to here, for UDP from port ${port}`,
    );
  return bad(
    `datagrams to ${host}, UDP port ${port}, do not arrive there: open that port in the firewall there and on the way; behind a port forward use --endpoint HOST:PORT`,
  );
}

function switchFinding(peer: Facts['servers'][number]['peers'][number] | undefined): Finding {
  if (peer === undefined) return unknown('whether the switch there gives a port is unknown');
  const { port, portTrouble } = peer;
  if (port === null)
    return bad(`the switch there gives no port${portTrouble === null ? '' : `: ${portTrouble}`}`);
  return good(
    port === 'open'
      ? 'the switch there gives a port'
      : `the server there has the port ${port} for this machine`,
  );
}
