import { cipher, crc32, expect, hex, same } from './ask.mjs';

/** Refused by OpenSSL, or what it gives. */
function attempt(work) {
  try {
    return work();
  } catch {
    return undefined;
  }
}

export function blocks({ key, msg, ct, result }) {
  const [k, m] = [hex(key), hex(msg)];
  const right = k.length >= 4 && k.length <= 56 && m.length % 8 === 0;
  expect(right === (result === 'valid'), 'the sizes do not fit the result');
  if (right) same('ct', ct, cipher('bf-ecb', 'encrypt', k, null, m));
}

export function cbc({ key, iv, msg, ct, result, reason }) {
  const opened = attempt(() => cipher('bf-cbc', 'decrypt', hex(key), hex(iv), hex(ct), true));
  if (result === 'valid') {
    same('msg', msg, opened ?? 'refused');
    same('ct', ct, cipher('bf-cbc', 'encrypt', hex(key), hex(iv), hex(msg), true));
  } else {
    expect(opened === undefined, 'OpenSSL does not refuse it');
    const whole = ct !== '' && ct.length % 16 === 0;
    same('reason', reason, whole ? 'bad padding' : 'bad length');
  }
}

export async function checksum({ msg, crc, result }) {
  expect(((await crc32(hex(msg))) === crc) === (result === 'valid'), 'zlib has another checksum');
}

const framed = (frame) => {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(frame.length);
  return Buffer.concat([length, frame]);
};

export function streamRead({ stream, frames, refused, pieces }) {
  const bytes = hex(stream);
  same('the length of all pieces', String(bytes.length), String(pieces.reduce((sum, one) => sum + one, 0)));
  const [whole, why] = [[], []];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const length = bytes.readUInt16BE(at);
    at += 2;
    if (length < 14) why.push('frame too short');
    else if (length > 9216) why.push('frame too long');
    else if (at + length <= bytes.length) whole.push(bytes.toString('hex', at, at + length));
    at += length;
  }
  same('frames', frames, whole);
  same('refused', refused, why);
}

export function streamWritten({ stream, frames, result }) {
  const all = frames.map(hex);
  expect(
    (result === 'acceptable') === all.some(({ length }) => length % 2 === 1),
    'the result is another one',
  );
  same(
    'stream',
    stream,
    Buffer.concat(all.map((one) => framed(Buffer.concat([one, Buffer.alloc(one.length % 2)])))),
  );
}
