import { connect } from 'node:net';
import { CryptcabError, codeOf, messageOf } from '../error.js';
import { ANSWER_BYTES, errorIn, PATIENCE_MS, type Request, requestLine } from './message.js';

/**
 * Asks a running end by its control socket.
 * @returns the line that it answered; undefined when nobody listens there
 * @throws CryptcabError when it refuses, or does not answer
 */
export function ask(path: string, request: Request): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      socket.destroy();
      reject(new CryptcabError(why));
    };
    const pieces: string[] = [];
    let length = 0;
    const socket = connect(path);
    socket.setEncoding('utf8');
    // Of all, not of the last byte: a trickle is no answer.
    const timer = setTimeout(() => fail(`the end at ${path} does not answer`), PATIENCE_MS);
    const line = requestLine(request);
    socket.on('connect', () => socket.end(line));
    socket.on('data', (text: string) => {
      pieces.push(text);
      length += text.length;
      if (length > ANSWER_BYTES) fail(`the end at ${path} answers too much`);
    });
    socket.on('close', () => {
      clearTimeout(timer);
      line.fill(0);
    });
    socket.on('error', (error) => {
      if (['ENOENT', 'ECONNREFUSED'].includes(codeOf(error) ?? '')) return resolve(undefined);
      fail(`cannot ask the end at ${path}: ${messageOf(error)}`);
    });
    socket.on('end', () => {
      const [line, rest] = pieces.join('').split('\n', 2) as [string, string | undefined];
      if (rest === undefined) return fail(`the end at ${path} does not answer`);
      const error = errorIn(line);
      if (error !== undefined) return fail(error);
      resolve(line);
    });
  });
}
