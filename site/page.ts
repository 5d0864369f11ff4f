// The page: its parts, wired.
import { sha256 } from '@noble/hashes/sha2.js';
import { coreBytes } from '../src/core/modules.js';
import { messageOf } from '../src/error.js';
import { Builder } from './build.js';
import { byId } from './dom.js';
import { hexOf } from './hex.js';
import { Opener } from './open.js';
import { wireVectors } from './vectors.js';
import { type Kind, Workshop } from './workshop.js';

/** Of package.json; put in by scripts/site.mjs. */
declare const CRYPTCAB_VERSION: string;

function footer(): void {
  byId('version', HTMLElement).textContent = CRYPTCAB_VERSION;
  byId('digest', HTMLElement).textContent = hexOf(sha256(coreBytes()));
}

async function start(): Promise<void> {
  footer();
  const workshop = await Workshop.open();
  const opener = new Opener(workshop);
  const builder = new Builder(workshop, (datagram, secret) => opener.built(datagram, secret));
  const show = (kind: Kind) => {
    for (const element of document.querySelectorAll<HTMLElement>('[data-kinds]'))
      element.hidden = element.dataset.kinds !== kind;
    opener.show(kind);
    builder.show(kind);
  };
  wireVectors();
  const radios = document.querySelectorAll<HTMLInputElement>('input[name="kind"]');
  for (const radio of radios) radio.addEventListener('change', () => show(radio.value as Kind));
  // A browser may have kept what was chosen before the page was loaded again.
  show(([...radios].find(({ checked }) => checked)?.value ?? 'blowfish') as Kind);
}

start().catch((error: unknown) => {
  const fault = byId('fault', HTMLElement);
  fault.hidden = false;
  fault.textContent = `The core does not run in this browser: ${messageOf(error)}`;
});
