// `cryptcab completion`: a script by which a shell completes options and commands.
import type { Shell } from '../../../options/commands.js';
import { bashScript } from './bash.js';
import { fishScript } from './fish.js';
import { zshScript } from './zsh.js';

const SCRIPTS: Readonly<Record<Shell, () => string>> = { bash: bashScript, zsh: zshScript, fish: fishScript };

export function completion(shell: Shell): string {
  return SCRIPTS[shell]();
}
