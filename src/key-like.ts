// What may be a key, as text: somebody has put it where a file, a name or a number belongs. It is never repeated.

/** Base64 of 32 bytes, as `wg` writes it; also as URLs have it, and without its padding. */
const BASE64 = /^[\w+/-]{43}=?$/;
/** Hex of 24, 32 or 44 bytes. */
const HEX = /^(?:[\da-f]{48}|[\da-f]{64}|[\da-f]{88})$/i;
/** An invite, or a part of one: base64 as URLs have it, longer than a key. */
const INVITE = /cryptcab:\d+:[\w-]*|(?<![\w-])[\w-]{44,}(?![\w-])/gi;
/** The same anywhere in a text, a little more or less of it included: a part of a key is too much as well. */
const ANYWHERE =
  /[\w+/-]{40,}={1,2}|(?<![\w+-])[\w+/-]{43}(?![\w+/-])|(?<![\w+/-])[\w-]{40,42}(?![\w+/-])|[\da-f]{48,}/gi;

/** Of 43 random characters of base64 all but one text in 100 000 have as many of either; hardly a path has. */
function looksRandom(text: string): boolean {
  return /(?:[a-z].*){5}/.test(text) && /(?:[A-Z].*){5}/.test(text);
}

/** Whether a text, white space around it apart, may be a key. A path of the same shape is told apart by `./` before it. */
export function mayBeKey(text: string): boolean {
  const trimmed = text.trim();
  if (HEX.test(trimmed)) return true;
  if (/^cryptcab:\d+:/i.test(trimmed) || (/^[\w-]{44,}$/.test(trimmed) && looksRandom(trimmed))) return true;
  return BASE64.test(trimmed) && (trimmed.endsWith('=') || looksRandom(trimmed));
}

/** What stands for a text that may be a key. */
function hide(found: string): string {
  const secret =
    found.endsWith('=') ||
    /^[\da-f]{48,}$/i.test(found) ||
    /^cryptcab:\d+:./i.test(found) ||
    looksRandom(found);
  return secret ? '[hidden: may be a key]' : found;
}

/** A text without what may be a key in it. */
export function hideKeys(text: string): string {
  return text.replace(INVITE, hide).replace(ANYWHERE, hide);
}
