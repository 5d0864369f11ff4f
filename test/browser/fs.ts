/// <reference types="vite/client" />
// In a browser node:fs and node:url are this: tests read the files that stand beside them, from vitest's own server.

/** By path from here; their content is not loaded. */
const FILES = Object.keys(import.meta.glob('../vectors/**/*.json'));

/** Of a directory, whose slash vite takes away; there a path is a URL. */
export const fileURLToPath = ({ href }: URL): string => (href.endsWith('/') ? href : `${href}/`);

/** @throws Error when there is no such file */
export function readFileSync(file: URL | string): string {
  const request = new XMLHttpRequest();
  request.open('GET', file, false);
  request.send();
  if (request.status !== 200) throw new Error(`${file}: status ${request.status}`);
  return request.responseText;
}

/** The names of the vectors in a directory. */
export function readdirSync(directory: string): string[] {
  const here = `..${directory.slice(directory.lastIndexOf('/vectors/'))}`;
  return FILES.filter((file) => file.startsWith(here) && !file.slice(here.length).includes('/')).map((file) =>
    file.slice(here.length),
  );
}
