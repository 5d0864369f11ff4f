// The reverse: a datagram opened, or refused and why; and what one bit does.

import { CryptcabError } from '../src/error.js';
import { classify } from '../src/protocol/classic/messages.js';
import { blockOf } from './build.js';
import { KEY_LENGTHS, outline, readingOf, secretOf } from './cables.js';
import { run } from './colours.js';
import { byId, Entry, make } from './dom.js';
import { bytesOf, hexByte, hexOf, indexOf, keyOf } from './hex.js';
import { FIELDS, wholeOf } from './steps/parts.js';
import type { Kind, Opened, Secret, Workshop } from './workshop.js';

/** The bit that a click flips. */
const BIT = 1;

const CLASSIC = ['blowfish', 'chacha20'];

/** Why the cable refuses, for people. */
function why(kind: Kind, status: Opened['status'], datagram: Uint8Array): string {
  switch (status) {
    case 'other type': {
      if (!CLASSIC.includes(kind))
        return 'A transport message begins with 04 00 00 00 and has at least 32 bytes. This is none, and goes no further.';
      const claimed = classify(datagram);
      return claimed === 'other'
        ? 'DATA begins with 20. This begins with no type that goes with its length, and goes no further.'
        : `DATA begins with 20. This claims to be another message, ${claimed}, which holds no frame.`;
    }
    case 'bad length':
      if (kind === 'blowfish')
        return 'Behind the type come whole blocks of 8 bytes, room for a frame, counter and CRC.';
      return 'It is too short or too long for any frame.';
    case 'bad padding':
      return 'Decrypted, it has to end in 1 to 8 bytes that each tell their number. These do not: another key, or changed on the way.';
    case 'bad checksum':
      return kind === 'blowfish'
        ? 'The CRC is not that of frame and counter. One bit of ciphertext garbles its own block, and flips one bit of the next.'
        : 'The CRC is not that of the frame. One bit of ciphertext flips one bit of the frame; one of CRC or counter is another nonce, and garbles all.';
    case 'replayed':
      return 'Its counter has been taken already, or is 0, which nobody sends.';
    case 'decrypt failed':
      return 'The tag is not that of these bytes under this key and counter: forged, changed on the way, or another key.';
    case 'unknown receiver index':
      return 'No keys are known by this index.';
    default:
      return '';
  }
}

const FAULTS: Readonly<Record<string, string>> = {
  'malformed record': 'a record says it is longer than what is left',
  ip: 'it is an IP packet, as stock WireGuard sends it, and no frame',
  'unknown payload': 'its first byte is unknown',
  'frame too short': 'a frame in it is shorter than its own header',
};

export class Opener {
  readonly #workshop: Workshop;
  #kind: Kind = 'blowfish';
  readonly #follow = byId('follow', HTMLInputElement);
  readonly #datagram: Entry<Uint8Array>;
  readonly #key = new Entry('o-key', (text) => keyOf(text, KEY_LENGTHS[this.#kind]));
  readonly #block = new Entry('o-block', blockOf);
  readonly #index = new Entry('o-index', indexOf);
  readonly #flips = byId('flips', HTMLElement);
  readonly #restore = byId('restore', HTMLButtonElement);
  #built: { datagram: Uint8Array; secret: Secret } | undefined;
  /** The datagram as it was given, and as it is now. */
  #given: Uint8Array = new Uint8Array();
  #now: Uint8Array = new Uint8Array();
  #secret: Secret | undefined;

  constructor(workshop: Workshop) {
    this.#workshop = workshop;
    this.#datagram = new Entry('o-datagram', (text) => {
      const bytes = bytesOf(text);
      if (bytes.length === 0) throw new CryptcabError('give a datagram, in hex');
      if (bytes.length > workshop.datagramMax)
        throw new CryptcabError(
          `a datagram has at most ${workshop.datagramMax} bytes; this has ${bytes.length}`,
        );
      return bytes;
    });
    for (const { control } of [this.#datagram, this.#key, this.#block, this.#index])
      control.addEventListener('input', () => {
        this.#follow.checked = false;
        this.#take();
      });
    this.#follow.addEventListener('change', () => this.#mirror());
    this.#restore.addEventListener('click', () => {
      this.#now = this.#given.slice();
      this.#drawBytes();
      this.#judge();
    });
    this.#flips.addEventListener('click', ({ target }) => {
      if (target instanceof HTMLButtonElement) this.#flip(target);
    });
    this.#flips.addEventListener('keydown', (event) => this.#move(event));
  }

  show(kind: Kind): void {
    this.#kind = kind;
    this.#take();
  }

  /** A datagram was built. */
  built(datagram: Uint8Array, secret: Secret): void {
    this.#built = { datagram, secret };
    this.#mirror();
  }

  #mirror(): void {
    if (!this.#follow.checked || this.#built === undefined) return;
    const { datagram, secret } = this.#built;
    this.#datagram.text = hexOf(datagram);
    this.#key.text = hexOf(secret.key);
    if (secret.suite === 'chacha20') this.#block.text = String(secret.block);
    if (secret.suite === 'secure') this.#index.text = `0x${secret.index.toString(16).padStart(8, '0')}`;
    this.#take();
  }

  /** Opens what is in the form. */
  #take(): void {
    const datagram = this.#datagram.read();
    const key = this.#key.read();
    const index = this.#kind === 'secure' ? this.#index.read() : 0;
    const good = datagram !== undefined && key !== undefined && index !== undefined;
    byId('open-note', HTMLElement).hidden = good;
    byId('opened', HTMLElement).classList.toggle('stale', !good);
    if (!good) return;
    this.#secret = secretOf(this.#kind, key, blockOf(this.#block.text), index);
    this.#given = datagram;
    this.#now = datagram.slice();
    this.#drawBytes();
    this.#judge();
  }

  #drawBytes(): void {
    let at = 0;
    const buttons = outline(this.#kind, this.#now).flatMap(({ field, bytes }) =>
      Array.from(bytes, (_, i) => {
        const button = make('button', `byte f-${field}${i === bytes.length - 1 ? ' last' : ''}`);
        button.type = 'button';
        button.title = FIELDS[field];
        button.tabIndex = at === 0 ? 0 : -1;
        button.dataset.at = String(at);
        this.#label(button, at++);
        return button;
      }),
    );
    this.#flips.replaceChildren(...buttons);
  }

  #label(button: HTMLButtonElement, at: number): void {
    const byte = hexByte(this.#now[at] as number);
    const flipped = this.#now[at] !== this.#given[at];
    button.textContent = byte;
    button.setAttribute('aria-pressed', String(flipped));
    button.setAttribute('aria-label', `byte ${at}: ${byte}${flipped ? ', flipped' : ''}`);
    this.#restore.disabled = this.#now.every((value, i) => value === this.#given[i]);
  }

  #flip(button: HTMLButtonElement): void {
    const at = Number(button.dataset.at);
    this.#now[at] = (this.#now[at] as number) ^ BIT;
    this.#label(button, at);
    this.#focus(button);
    this.#judge();
  }

  /** One byte is in the order of tabs; the arrows move which one it is. */
  #focus(button: HTMLButtonElement): void {
    for (const other of this.#flips.querySelectorAll<HTMLButtonElement>('button[tabindex="0"]'))
      other.tabIndex = -1;
    button.tabIndex = 0;
    button.focus();
  }

  #move(event: KeyboardEvent): void {
    const buttons = [...this.#flips.querySelectorAll('button')];
    const at = buttons.indexOf(event.target as HTMLButtonElement);
    if (at < 0) return;
    const top = buttons[0]?.offsetTop;
    const line = Math.max(
      1,
      buttons.findIndex(({ offsetTop }) => offsetTop !== top),
    );
    const steps: Record<string, number> = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at - line,
      ArrowDown: at + line,
      Home: 0,
      End: buttons.length - 1,
    };
    const next = buttons[steps[event.key] ?? -1];
    if (steps[event.key] === undefined) return;
    event.preventDefault();
    if (next !== undefined) this.#focus(next);
  }

  /** Has the core open the datagram as it is now, twice, and says what became of it. */
  #judge(): void {
    const secret = this.#secret;
    if (secret === undefined) return;
    const [first, again] = this.#workshop.open(secret, [this.#now, this.#now]) as [Opened, Opened];
    const verdict = byId('verdict', HTMLElement);
    const good = first.status === 'ok';
    verdict.className = `verdict ${good && first.faults.length === 0 ? 'good' : 'bad'}`;
    if (good) verdict.replaceChildren(this.#opened(first));
    else
      verdict.replaceChildren(
        'Refused: ',
        make('b', '', first.status),
        `. ${why(this.#kind, first.status, this.#now)}`,
      );
    byId('again', HTMLElement).textContent = good
      ? `The same datagram once more, to the same receiver: ${again.status === 'ok' ? 'opened again' : `refused, ${again.status}`}.`
      : '';
    this.#drawReading(secret, first);
  }

  #opened({ bytes, frames, faults }: Opened): string {
    const what =
      this.#kind !== 'secure'
        ? `a frame of ${bytes.length} bytes`
        : bytes.length === 0
          ? 'an empty payload, which is a keepalive'
          : `a payload of ${bytes.length} bytes; ${frames === 1 ? 'one frame goes' : `${frames} frames go`} to the switch`;
    const wrong = faults.map((fault) => FAULTS[fault] ?? fault).join('; ');
    return `Opened: ${what}.${wrong === '' ? '' : ` But ${wrong}.`}`;
  }

  #drawReading(secret: Secret, { status, bytes }: Opened): void {
    const parts = readingOf(this.#workshop.primitives, secret, this.#now, bytes);
    const note = byId('reading-note', HTMLElement);
    note.textContent =
      parts.length > 0
        ? 'What a flipped bit has changed is marked.'
        : status === 'ok'
          ? 'Nothing: it is empty.'
          : this.#kind === 'secure'
            ? 'Nothing. What has no good tag is not decrypted.'
            : 'Nothing: it cannot be cut into what a datagram holds.';
    if (parts.length > 0 && this.#restore.disabled) note.textContent = '';
    const were = readingOf(this.#workshop.primitives, secret, this.#given, bytes);
    byId('reading', HTMLElement).replaceChildren(
      ...run(parts, this.#kind === 'secure' ? undefined : wholeOf(were)),
    );
  }
}
