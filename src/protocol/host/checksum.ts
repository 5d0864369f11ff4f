// The checksum of the Internet (RFC 1071).

/**
 * The sum of 16-bit words, big-endian, with the carries added.
 * @param from what is summed already
 */
export function sum(bytes: Uint8Array, from = 0): number {
  let total = from;
  for (let i = 0; i + 1 < bytes.length; i += 2)
    total += ((bytes[i] as number) << 8) | (bytes[i + 1] as number);
  if (bytes.length % 2 > 0) total += (bytes.at(-1) as number) << 8;
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return total;
}

/** The checksum of a message under a pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1); 0 where its own is in place and right. */
export function checksum(
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  message: Uint8Array,
): number {
  return 0xffff ^ sum(message, sum(destination, sum(source, protocol + message.length)));
}
