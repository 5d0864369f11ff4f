// IP addresses as text, and as bytes: 4 of IPv4, 16 of IPv6.

/** The bytes of an address in text, 4 or 16 of them; a zone is left out. @returns undefined for what is none */
export function addressBytes(address: string): Uint8Array | undefined {
  const [host = ''] = address.split('%');
  if (!host.includes(':')) return ofV4(host);
  const [head = '', tail, more] = host.split('::');
  const front = wordsIn(head);
  const back = wordsIn(tail ?? '');
  if (front === undefined || back === undefined || more !== undefined) return undefined;
  const missing = 8 - front.length - back.length;
  if (tail === undefined ? missing !== 0 : missing < 0) return undefined;
  const words = [...front, ...new Array<number>(missing).fill(0), ...back];
  return Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
}

function ofV4(host: string): Uint8Array | undefined {
  const parts = host.split('.').map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 256));
  return parts.length === 4 && parts.every((part) => part < 256) ? Uint8Array.from(parts) : undefined;
}

/** Words of 16 bits between colons; the last ones may be an IPv4 address. */
function wordsIn(text: string): number[] | undefined {
  if (text === '') return [];
  const words: number[] = [];
  for (const part of text.split(':')) {
    const four = part.includes('.') ? ofV4(part) : undefined;
    if (four !== undefined) {
      const [a = 0, b = 0, c = 0, d = 0] = four;
      words.push((a << 8) | b, (c << 8) | d);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) {
      words.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return words;
}

/** An address as text; of IPv6 in the form of RFC 5952. @param bytes 4 or 16 */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const words = Array.from(
    { length: 8 },
    (_, i) => ((bytes[2 * i] as number) << 8) | (bytes[2 * i + 1] as number),
  );
  const text = words.map((word) => word.toString(16)).join(':');
  const [longest] = [...text.matchAll(/(?:^|(?<=:))0(?::0)+(?![0-9a-f])/g)]
    .map(([zeros]) => zeros)
    .sort((one, other) => other.length - one.length);
  if (longest === undefined) return text;
  const at = text.search(new RegExp(`(?:^|(?<=:))${longest}(?![0-9a-f])`));
  return `${text.slice(0, at).replace(/:$/, '')}::${text.slice(at + longest.length).replace(/^:/, '')}`;
}
