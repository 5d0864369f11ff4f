// In a browser node:fs is this: tests read the files that stand beside them, from vitest's own server.

/** @throws Error when there is no such file */
export function readFileSync(file: URL): string {
  const request = new XMLHttpRequest();
  request.open('GET', file, false);
  request.send();
  if (request.status !== 200) throw new Error(`${file}: status ${request.status}`);
  return request.responseText;
}
