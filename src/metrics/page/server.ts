// The page of a running end, by HTTP. It can be read, and nothing else.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { equalBytes } from '@noble/ciphers/utils.js';
import { blake2s } from '@noble/hashes/blake2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { EndReport } from '../../control/status.js';
import { messageOf } from '../../error.js';
import { type Log, SeldomLog } from '../../log.js';
import { openHttp, type Served } from '../http.js';
import type { HttpPlace } from '../place.js';
import { SCRIPT, STYLE } from './assets.js';
import type { Markup } from './html.js';
import { documentOf, endPage, nobodyPage, peerNamed, peerPage, titleOf } from './page.js';
import { RateHistory, SAMPLE_MS } from './plot.js';

/** Bytes that a reader may be behind; it gets the next ones when it has read these. */
const BEHIND_BYTES = 1 << 20;

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

export interface PageConfiguration {
  readonly place: HttpPlace;
  /** What whoever reads it has to give as a password; nothing when undefined. */
  readonly token: string | undefined;
  readonly report: () => EndReport;
  /** Version of the program. */
  readonly program: string;
  readonly log: Log;
}

const digest = (text: string) => blake2s(utf8ToBytes(text));

function passwordOf({ headers }: IncomingMessage): string {
  const [, encoded = ''] = /^Basic (.+)$/i.exec(headers.authorization ?? '') ?? [];
  return Buffer.from(encoded, 'base64')
    .toString()
    .replace(/^[^:]*:/, '');
}

/** A name may be anybody's, and lead a browser here that shows another one's page: an address is asked for, or this machine. */
function isNamedRightly({ headers }: IncomingMessage): boolean {
  return /^(?:localhost|[\d.]+|\[[\da-f:.]+\])(?::\d+)?$/i.test(headers.host ?? '');
}

/** What should be shown at an address of the page. */
function mainAt(report: EndReport, url: URL, plot: Markup): Markup {
  const id = url.searchParams.get('peer');
  if (id === null) return endPage(report, plot);
  const peer = peerNamed(report, id);
  return peer === undefined ? nobodyPage(report) : peerPage(report, peer);
}

/**
 * Serves the page.
 * @throws CryptcabError when the place cannot be had
 */
export async function openPage({ place, token, report, program, log }: PageConfiguration): Promise<Served> {
  const wanted = token === undefined ? undefined : digest(token);
  const open = token === undefined && 'host' in place;
  const rates = new RateHistory();
  rates.take(report().rates.over5s);
  const readers = new Map<ServerResponse, URL>();
  const send = (answer: ServerResponse, url: URL, now: EndReport) => {
    if (answer.writableLength > BEHIND_BYTES) return;
    const lines = mainAt(now, url, rates.markup()).text.split('\n');
    answer.write(`${lines.map((line) => `data: ${line}\n`).join('')}\n`);
  };
  const answerTo = (request: IncomingMessage, answer: ServerResponse) => {
    const say = (status: number, type: string, text: string, more: Record<string, string> = {}) =>
      answer
        .writeHead(status, { ...HEADERS, 'content-type': `${type}; charset=utf-8`, ...more })
        .end(request.method === 'HEAD' ? '' : text);
    if (open && !isNamedRightly(request))
      return say(421, 'text/plain', `ask for this page by its address, as http://${served.at}/\n`);
    if (wanted !== undefined && !equalBytes(digest(passwordOf(request)), wanted))
      return say(
        401,
        'text/plain',
        'this page has a password, which its token file holds; the name may be any\n',
        {
          'www-authenticate': 'Basic realm="cryptcab", charset="UTF-8"',
        },
      );
    const asked = request.url ?? '/';
    const url = new URL(URL.canParse(asked, 'http://page') ? asked : '/none', 'http://page');
    switch (url.pathname) {
      case '/': {
        const now = report();
        const text = documentOf(titleOf(now), mainAt(now, url, rates.markup()), program);
        return say(200, 'text/html', text);
      }
      case '/style.css':
        return say(200, 'text/css', STYLE);
      case '/live.js':
        return say(200, 'text/javascript', SCRIPT);
      case '/events':
        answer.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' });
        if (request.method === 'HEAD') return answer.end();
        readers.set(answer, url);
        answer.on('close', () => readers.delete(answer));
        return send(answer, url, report());
      default:
        return say(404, 'text/plain', 'the page is at /\n');
    }
  };
  const seldom = new SeldomLog();
  /** Whatever goes wrong costs the page something, and the cable nothing. @returns whether it was well */
  const tried = (what: () => void): boolean => {
    try {
      what();
      return true;
    } catch (error) {
      const why = messageOf(error);
      seldom.note(performance.now(), why, (times) => log.warn({ times }, `cannot show the page: ${why}`));
      return false;
    }
  };
  const served = await openHttp(place, 'the page', 'web', (request, answer) => {
    if (tried(() => answerTo(request, answer))) return;
    if (!answer.headersSent) answer.writeHead(500);
    answer.end();
  });
  const look = () => {
    const now = report();
    rates.take(now.rates.over5s);
    for (const [answer, url] of readers) send(answer, url, now);
  };
  const timer = setInterval(() => tried(look), SAMPLE_MS);
  log.info({ at: served.at }, 'the page is served');
  return {
    at: served.at,
    close() {
      clearInterval(timer);
      return served.close();
    },
  };
}
