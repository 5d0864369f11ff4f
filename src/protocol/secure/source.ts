/**
 * Whom a rate holds for: an IPv4 address, also one written as IPv6; of an IPv6 address the first 64 bits, since
 * whoever has one address has all of those.
 */
export function sourceOf(address: string): string {
  if (!address.includes(':')) return address;
  const [text] = address.split('%') as [string];
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1];
  if (mapped !== undefined) return mapped;
  const [head, tail] = text.split('::') as [string, string | undefined];
  const groups = (part: string) => part.split(':').filter((group) => group !== '');
  // An IPv4 address at the end stands for two groups; it does not reach the first four.
  const before = groups(head);
  const after = groups(tail ?? '');
  const length = before.length + after.length + (text.includes('.') ? 1 : 0);
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - length)).fill('0');
  return [...before, ...zeros, ...after]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
