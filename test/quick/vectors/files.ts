import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Where the package's vectors are. */
export const DIRECTORY = fileURLToPath(new URL('../../../vectors/', import.meta.url));
const FOREIGN = `${DIRECTORY}foreign/`;

/** A file as it is, and its name as tests show it. */
export interface ShippedFile {
  readonly name: string;
  readonly text: string;
}

function inDirectory(directory: string, prefix: string): ShippedFile[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.json') && !name.endsWith('.schema.json'))
    .map((name) => ({ name: `${prefix}${name}`, text: readFileSync(`${directory}${name}`, 'utf8') }));
}

/** Made by us. */
export const ours = inDirectory(DIRECTORY, '');
/** Made by others. */
export const foreign = inDirectory(FOREIGN, 'foreign/');

export const manifest = (of: 'ours' | 'foreign'): string =>
  readFileSync(`${of === 'ours' ? DIRECTORY : FOREIGN}SHA256SUMS`, 'utf8');
