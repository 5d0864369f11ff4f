/// <reference types="vite/client" />
// In a browser node:fs and node:url are this: the text files that tests read are in the bundle.

/** By path from here. */
const FILES: Readonly<Record<string, string>> = import.meta.glob(
  ['../../../vectors/**/*.json', '../../../vectors/**/SHA256SUMS', '../../../docs/mtu.md'],
  { query: '?raw', import: 'default', eager: true },
);

/** Of a directory, whose slash vite takes away; there a path is a URL. */
export const fileURLToPath = ({ href }: URL): string => (href.endsWith('/') ? href : `${href}/`);

/** As FILES has it. */
const pathOf = (url: string): string => url.replace(/^.*\/(?=(?:vectors|docs)\/)/, '../../../');

/** @throws Error when there is no such file */
export function readFileSync(file: URL | string): string {
  const text = FILES[pathOf(`${file}`)];
  if (text === undefined) throw new Error(`${file} is not among the files that browsers get`);
  return text;
}

/** The names of the vectors in a directory. */
export function readdirSync(directory: string): string[] {
  const here = pathOf(directory);
  return Object.keys(FILES)
    .filter((file) => file.startsWith(here) && !file.slice(here.length).includes('/'))
    .map((file) => file.slice(here.length));
}
