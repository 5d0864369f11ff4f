// Keys that go by ssh or scp: to whom, by which options, and before a daemon leaves its terminal.

import type { Endpoint } from '../../ends/endpoint.js';
import { Resolver } from '../../ends/resolve.js';
import { CryptcabError, messageOf, TemporaryError } from '../../error.js';
import { drawSecret } from '../../keys/draw.js';
import { carryKey, splitOptions } from '../../keys/scp.js';
import { type Enrolment, enrolBySsh } from '../../keys/ssh.js';
import { sshHost, sshOptionsOf } from '../../keys/ssh-name.js';
import { SILENT } from '../../log.js';
import { newId, newKey } from '../../protocol/classic/session-key.js';
import type { Settings } from '../options.js';
import type { Target } from '../values.js';
import type { Carried } from './hand-over.js';

/** How long -d waits for a server's name, before it leaves that to the background, ms. */
const NAME_MS = 5_000;
/** Sends a key to the server of the command line. */
export function carrier(target: Target, { keyDirectory: directory, ...settings }: Settings) {
  const extra = scpOptions(settings);
  return (id: string, key: Uint8Array, signal: AbortSignal) =>
    carryKey({ ...target, directory, extra }, id, key, signal);
}

/** Random keys go by scp; SCP_EXTRA_OPTIONS is looked at only then. */
function scpOptions(settings: Pick<Settings, 'keyFile'>): string[] {
  return settings.keyFile === undefined ? splitOptions(process.env.SCP_EXTRA_OPTIONS ?? '') : [];
}

/** Options for the ssh that enrols. */
function sshOptions(): string[] {
  return splitOptions(process.env.SSH_EXTRA_OPTIONS ?? '', 'SSH_EXTRA_OPTIONS');
}

/** Where datagrams go where keys go by ssh: the server's name is one of ssh's, which may stand for another. */
export async function endpointOf(settings: Settings, target: Target, signal: AbortSignal): Promise<Endpoint> {
  if (settings.endpoint !== undefined) return settings.endpoint;
  const extra = settings.secure === undefined ? sshOptionsOf(scpOptions(settings)) : sshOptions();
  return { host: await sshHost(target, extra, signal), port: target.port };
}

/** How a client enrols by ssh; what a daemon's parent has got already is used first, once. */
export function enrolment(target: Target, carried?: Enrolment): (signal: AbortSignal) => Promise<Enrolment> {
  const { CRYPTCAB_REMOTE = 'cryptcab' } = process.env;
  const extra = sshOptions();
  const port = target.portNamed ? target.port : undefined;
  let first = carried;
  return async (signal) => {
    const got =
      first ?? (await enrolBySsh({ ...target, port, extra, remoteCommand: CRYPTCAB_REMOTE }, signal));
    first = undefined;
    return got;
  };
}

/** What the server has to get by ssh before the cable can come up; nothing where both ends have their keys. */
export async function carry(
  settings: Settings,
  target: Target,
  signal: AbortSignal,
): Promise<Carried | undefined> {
  const { secure, keyFile } = settings;
  if (secure === undefined ? keyFile !== undefined || settings.plain : secure.keyFile !== undefined)
    return undefined;
  if (settings.user !== undefined) return undefined; // who logs in by ssh is that user, from the first time on
  const { host } = await endpointOf(settings, target, signal);
  const resolver = new Resolver(host, settings.bind ?? '::', SILENT);
  try {
    // Without it the cable would have to wait all the same, and ssh may take long to find that out.
    await resolver.look(AbortSignal.any([signal, AbortSignal.timeout(NAME_MS)]));
    return await carryNow(settings, target, signal);
  } catch (error) {
    const late = error instanceof Error && error.name === 'TimeoutError';
    if (late && settings.now) throw new CryptcabError(resolver.trouble ?? messageOf(error));
    if (!signal.aborted && !settings.now && (late || error instanceof TemporaryError)) return undefined; // the background keeps trying
    throw error;
  }
}

async function carryNow(settings: Settings, target: Target, signal: AbortSignal): Promise<Carried> {
  if (settings.secure !== undefined) return { secure: await enrolment(target)(signal) };
  const classic = { id: newId(drawSecret), key: newKey(drawSecret, settings.cipher) };
  await carrier(target, settings)(classic.id, classic.key, signal);
  return { classic };
}
