// Where the list of those who may connect is, as `--peers` says it.
import { isIPv6 } from 'node:net';

/** A place of etcd's, and what its keys begin with. */
export interface EtcdPlace {
  /** Asked one after the other while one does not answer. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  /** Peers are below `PREFIX/`, what servers tell each other of them below `PREFIX.seen/`. */
  readonly prefix: string;
  /** A file with options as etcdctl knows them. */
  readonly options?: string | undefined;
}

/** Somebody who is asked about a public key that is not known, or who says of himself when something changes. */
export type PeersDirectory =
  | { readonly kind: 'exec'; readonly command: string }
  | { readonly kind: 'https'; readonly url: string }
  | ({ readonly kind: 'etcd' } & EtcdPlace);

export type PeersSource = PeersDirectory | { readonly kind: 'file'; readonly path: string };

const ETCD_PORT = 2379;
const SOURCES =
  'give a file or a directory, or exec:COMMAND, https://URL or etcd://HOST[:PORT][,HOST[:PORT]...]/PREFIX';
const FORM = 'give etcd://HOST[:PORT][,HOST[:PORT]...]/PREFIX';

/** Whether a host is this machine, whatever names say. */
const isLoopback = (host: string) => /^(127(\.\d+){3}|\[::1\])$/.test(host);

function etcdSource(text: string): PeersSource | string {
  const [, hosts = '', prefix = '', query] =
    /^etcd:\/\/([^/?#]+)\/([^?#]+?)\/?(?:\?options=([^&#]+))?$/.exec(text) ?? [];
  if (prefix === '') return `is no place of etcd: ${FORM}, and perhaps ?options=FILE behind it`;
  if (hosts.includes('@')) return 'has a user in it: put ETCDCTL_USER into the file of ?options=FILE';
  if (!/^[\w./@+-]+$/.test(prefix)) return 'has a prefix of other than letters, digits and ./_@+-';
  const places: { host: string; port: number }[] = [];
  for (const one of hosts.split(',')) {
    const [, six, name, digits] = /^(?:\[([^\]]+)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(one) ?? [];
    const port = digits === undefined ? ETCD_PORT : Number(digits);
    const host = six ?? name;
    if (host === undefined || (six !== undefined && !isIPv6(six)) || port < 1 || port > 65_535)
      return `has a host that is none: ${FORM}, an IPv6 address as [ADDRESS]:PORT`;
    places.push({ host, port });
  }
  const options = query === undefined ? undefined : decodeURIComponent(query);
  return { kind: 'etcd', hosts: places, prefix, options };
}

function urlSource(text: string): PeersSource | string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return 'is no URL';
  }
  if (url.username !== '' || url.password !== '')
    return 'has a password in it, which other users can see in the list of processes: leave it out';
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    return 'would be asked without encryption, and who is on the way could let anybody in: give an https:// one (http:// is for 127.0.0.1 and [::1])';
  return { kind: 'https', url: url.href };
}

/**
 * Reads what `--peers` is followed by.
 * @returns a text that says what is wrong with it, for a sentence with its name before it
 */
export function readPeersSource(text: string): PeersSource | string {
  const [, scheme, slashes] = /^([a-z][a-z\d+.-]*):(\/\/)?/i.exec(text) ?? [];
  switch (scheme) {
    case 'exec': {
      const command = text.slice('exec:'.length);
      return command.trim() === '' ? 'names no command: give exec:COMMAND' : { kind: 'exec', command };
    }
    case 'http':
    case 'https':
      return urlSource(text);
    case 'etcd':
      return etcdSource(text);
    default:
      if (slashes !== undefined) return `is no source that can be asked: ${SOURCES}`;
      return { kind: 'file', path: text };
  }
}
