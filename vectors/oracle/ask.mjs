// The ciphers and checksums of others: OpenSSL by node:crypto, zlib and hashlib by Python. Nothing of cryptcab is used here.
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import { createInterface } from 'node:readline';

const PYTHON = `
import hashlib, json, sys, zlib
print(json.dumps([sys.version.split()[0], zlib.ZLIB_RUNTIME_VERSION]), flush=True)
for line in sys.stdin:
    what, *rest = json.loads(line)
    if what == 'crc32':
        print('%08x' % zlib.crc32(bytes.fromhex(rest[0])), flush=True)
    else:
        message, key, size = rest
        print(hashlib.blake2s(bytes.fromhex(message), key=bytes.fromhex(key), digest_size=size).hexdigest(), flush=True)
`;

/** A question that is asked again has the same answer. */
const answers = new Map();
const waiting = [];
let python;

/** Starts Python, and waits for it to say which one it is. */
export async function begin() {
  python = spawn('python3', ['-c', PYTHON], { stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = new Promise((_, reject) => {
    python.on('error', (error) => reject(new Error(`python3 is missing: ${error.message}`)));
    python.on('exit', () => reject(new Error('python3 has ended')));
  });
  gone.catch((error) => {
    for (const { reject } of waiting.splice(0)) reject(error);
  });
  createInterface({ input: python.stdout }).on('line', (line) => waiting.shift()?.resolve(line));
  const [version, zlib] = JSON.parse(await Promise.race([answer(), gone]));
  return { openssl: process.versions.openssl, node: process.versions.node, python: version, zlib };
}

export function end() {
  python.removeAllListeners('exit');
  python.stdin.end();
}

const answer = () => new Promise((resolve, reject) => waiting.push({ resolve, reject }));

function ask(...question) {
  const text = JSON.stringify(question);
  if (!answers.has(text)) {
    answers.set(text, answer());
    python.stdin.write(`${text}\n`);
  }
  return answers.get(text);
}

/** Eight digits. */
export const crc32 = (bytes) => ask('crc32', bytes.toString('hex'));

/** BLAKE2s with a key. */
export async function mac(key, bytes, size = 16) {
  return Buffer.from(await ask('blake2s', bytes.toString('hex'), key.toString('hex'), size), 'hex');
}

export const hash = (...parts) => crypto.createHash('blake2s256').update(Buffer.concat(parts)).digest();
export const hmac = (key, ...parts) =>
  crypto.createHmac('blake2s256', key).update(Buffer.concat(parts)).digest();

/** A cipher of OpenSSL, without padding unless it is said. Throws where the padding is wrong. */
export function cipher(name, way, key, iv, input, padding = false) {
  const make = way === 'encrypt' ? crypto.createCipheriv : crypto.createDecipheriv;
  const one = make(name, key, iv).setAutoPadding(padding);
  return Buffer.concat([one.update(input), one.final()]);
}

/** ChaCha20; OpenSSL takes the number of the block and the nonce as one. */
export function chacha20(key, block, nonce, input) {
  const start = Buffer.alloc(4);
  start.writeUInt32LE(block);
  return cipher('chacha20', 'encrypt', key, Buffer.concat([start, nonce]), input);
}

/** ChaCha20-Poly1305: ciphertext and tag. */
export function seal(key, nonce, plain, data = Buffer.alloc(0)) {
  const one = crypto.createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  one.setAAD(data, { plaintextLength: plain.length });
  return Buffer.concat([one.update(plain), one.final(), one.getAuthTag()]);
}

/** Undefined where the tag is wrong. */
export function open(key, nonce, sealed, data = Buffer.alloc(0)) {
  const [body, tag] = [sealed.subarray(0, -16), sealed.subarray(-16)];
  const one = crypto.createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  one.setAAD(data, { plaintextLength: body.length });
  one.setAuthTag(tag);
  try {
    return Buffer.concat([one.update(body), one.final()]);
  } catch {
    return undefined;
  }
}

/**
 * XChaCha20-Poly1305's key for the last 8 bytes of its nonce: HChaCha20 is ChaCha20 without the last addition, of which
 * OpenSSL's key stream lets us take the start away again.
 */
export function hchacha20(key, nonce) {
  const stream = cipher('chacha20', 'encrypt', key, nonce, Buffer.alloc(64));
  const start = Buffer.concat([Buffer.from('expand 32-byte k'), key, nonce]);
  const out = Buffer.alloc(32);
  for (const [i, word] of [0, 1, 2, 3, 12, 13, 14, 15].entries())
    out.writeUInt32LE((stream.readUInt32LE(4 * word) - start.readUInt32LE(4 * word)) >>> 0, 4 * i);
  return out;
}

// X25519 keys in the form that OpenSSL takes them in (RFC 8410).
const PRIVATE = Buffer.from('302e020100300506032b656e04220420', 'hex');
const PUBLIC = Buffer.from('302a300506032b656e032100', 'hex');
const privateKey = (key) =>
  crypto.createPrivateKey({ key: Buffer.concat([PRIVATE, key]), format: 'der', type: 'pkcs8' });

export function publicOf(key) {
  return crypto.createPublicKey(privateKey(key)).export({ format: 'der', type: 'spki' }).subarray(-32);
}

export function agree(key, other) {
  const publicKey = crypto.createPublicKey({
    key: Buffer.concat([PUBLIC, other]),
    format: 'der',
    type: 'spki',
  });
  return crypto.diffieHellman({ privateKey: privateKey(key), publicKey });
}

// What the files are read with.

export const hex = (text) => Buffer.from(text, 'hex');

/** @throws where something is not what the file says */
export function expect(holds, what) {
  if (!holds) throw new Error(what);
}

/** The same bytes, or the same text, or the same list. */
export function same(what, expected, got) {
  const text = (value) =>
    Buffer.isBuffer(value)
      ? value.toString('hex')
      : typeof value === 'string'
        ? value
        : JSON.stringify(value);
  const short = (value) => (text(value).length > 200 ? `${text(value).slice(0, 200)}…` : text(value));
  if (text(expected) !== text(got)) throw new Error(`${what} is ${short(got)}, not ${short(expected)}`);
}

/** Which counters are accepted: each once, and none that is more than 8128 behind the highest. */
export class Window {
  #came = new Set();
  #highest = -1n;

  judge(counter) {
    if (this.#highest - counter > 8128n) return 'too old';
    return this.#came.has(counter) ? 'replayed' : undefined;
  }

  take(counter) {
    this.#came.add(counter);
    if (counter > this.#highest) this.#highest = counter;
  }
}
