/** Where something is served by HTTP: by TCP, or at a UNIX socket. */
export type HttpPlace = { readonly host: string; readonly port: number } | { readonly path: string };

/** The place as people write it. */
export function placeText(place: HttpPlace): string {
  if ('path' in place) return `unix:${place.path}`;
  return place.host.includes(':') ? `[${place.host}]:${place.port}` : `${place.host}:${place.port}`;
}
