import type { OpenUdp } from '../cable/udp/udp.js';
import { joinByInvite } from '../ends/join.js';
import { lineFault } from '../ends/peers/line-of.js';
import { CryptcabError } from '../error.js';
import { publicKeyOf } from '../keys/public-key.js';
import { SILENT } from '../log.js';
import { IO_PATHS } from '../options/io-path.js';
import { guestName } from '../protocol/secure/control.js';
import { readInviteLine } from '../protocol/secure/invite-line.js';
import { Checked, isText, type Names } from './check.js';
import { bindOf, signalOf } from './common.js';
import type { Joined, JoinOptions } from './options.js';

const NAMES: Names<JoinOptions> = {
  privateKey: true,
  presharedKey: true,
  name: true,
  bind: true,
  io: true,
  openUdp: true,
  signal: true,
};

/**
 * Has the server of an invite know this end by keys of its own (secure.md §8); then {@link connect} connects with these.
 * @param line as `cryptcab invite` prints it, or {@link Server.invite} gives it
 * @throws CryptcabError for a line that is torn, used or over, and where nobody answers within a minute; the signal's reason when
 * that was aborted
 */
export async function join(line: string, options: JoinOptions): Promise<Joined> {
  const checked = new Checked<JoinOptions>('join', options, NAMES);
  const signal = signalOf(checked) ?? new AbortController().signal;
  const invite = readInviteLine(String(line));
  if (typeof invite === 'string') throw new CryptcabError(`join: ${lineFault(invite)}`);
  const privateKey = checked.required('privateKey', checked.secureKey('privateKey', 'keygen', SILENT));
  const presharedKey = checked.required('presharedKey', checked.secureKey('presharedKey', 'genpsk', SILENT));
  try {
    const place = await joinByInvite({
      ...{ invite, signal },
      introduction: {
        ...{ publicKey: publicKeyOf(privateKey), presharedKey },
        name: guestName(checked.take<string>('name', isText, 'a text that is not empty') ?? ''),
      },
      ...bindOf(checked),
      io: checked.choice('io', IO_PATHS),
      openUdp: checked.method<OpenUdp>('openUdp'),
    });
    return { ...place, serverPublicKey: invite.serverPublicKey };
  } finally {
    for (const key of [privateKey, presharedKey, invite.privateKey, invite.presharedKey]) key.fill(0);
  }
}
