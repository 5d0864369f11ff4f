// The builder: what is in the form, as a datagram, in steps.
import { concatBytes } from '@noble/hashes/utils.js';
import { CryptcabError, messageOf } from '../src/error.js';
import { checked, KEY_LENGTHS, secretOf, stepsOf } from './cables.js';
import { legendItems, stepItem } from './colours.js';
import { byId, Entry } from './dom.js';
import { ethertypeOf, fieldsOf, framesOf, HEADER_BYTES, payloadOf } from './frame.js';
import { bytesOf, counterOf, hexOf, indexOf, keyOf, macOf } from './hex.js';
import type { Step } from './steps/parts.js';
import type { Kind, Secret, Workshop } from './workshop.js';

/** What the form holds of each kind while another one is shown. */
interface Settings {
  key: string;
  counter: string;
}

const range = (from: number, length: number) => hexOf(Uint8Array.from({ length }, (_, i) => from + i));
const FRAME = concatBytes(macOf('52:54:00:00:00:02'), macOf('52:54:00:00:00:01'), ethertypeOf('88b5'));
const IV_AT = 16;
const IV_BYTES = 8;

export const blockOf = (text: string): 0 | 12 => (text === '0' ? 0 : 12);

export class Builder {
  readonly #workshop: Workshop;
  readonly #built: (datagram: Uint8Array, secret: Secret) => void;
  readonly #settings: Record<Kind, Settings> = {
    blowfish: { key: range(0, IV_AT) + range(0xf0, IV_BYTES), counter: '1' },
    chacha20: { key: range(0, KEY_LENGTHS.chacha20), counter: '1' },
    secure: { key: range(0x40, KEY_LENGTHS.secure), counter: '0' },
  };
  #kind: Kind = 'blowfish';

  readonly #destination = new Entry('destination', macOf);
  readonly #source = new Entry('source', macOf);
  readonly #ethertype = new Entry('ethertype', ethertypeOf);
  readonly #text = new Entry('text', payloadOf);
  readonly #fields = [this.#destination, this.#source, this.#ethertype, this.#text];
  readonly #frames: Entry<Uint8Array[]>;
  readonly #key = new Entry('key', (text) => keyOf(text, KEY_LENGTHS[this.#kind]));
  readonly #iv = new Entry('iv', (text) => {
    const iv = bytesOf(text);
    if (iv.length !== IV_BYTES) throw new CryptcabError(`an IV has ${IV_BYTES} bytes; this has ${iv.length}`);
    return iv;
  });
  readonly #block = new Entry('block', blockOf);
  readonly #index = new Entry('index', indexOf);
  readonly #counter = new Entry('counter', counterOf);

  /** @param built gets each datagram that was built */
  constructor(workshop: Workshop, built: (datagram: Uint8Array, secret: Secret) => void) {
    this.#workshop = workshop;
    this.#built = built;
    this.#frames = new Entry('frames', (text) => framesOf(text, workshop.frameMax));
    this.#frames.text = hexOf(concatBytes(FRAME, payloadOf('Hello, cable!')));
    this.#index.text = '0x0a0b0c0d';
    for (const { control } of this.#fields) control.addEventListener('input', () => this.#fromFields());
    this.#frames.control.addEventListener('input', () => {
      this.#toFields();
      this.#build();
    });
    this.#key.control.addEventListener('input', () => {
      this.#toIv();
      this.#build();
    });
    this.#iv.control.addEventListener('input', () => {
      const iv = this.#iv.read();
      const key = this.#key.read();
      if (iv !== undefined && key !== undefined)
        this.#key.text = hexOf(concatBytes(key.subarray(0, IV_AT), iv));
      this.#build();
    });
    for (const { control } of [this.#block, this.#index, this.#counter])
      control.addEventListener('input', () => this.#build());
    const hex = byId('built-hex', HTMLTextAreaElement);
    byId('copy', HTMLButtonElement).addEventListener('click', () => {
      hex.select();
      navigator.clipboard?.writeText(hex.value).catch(() => {}); // it is selected, all the same
    });
    this.#toFields();
    this.#restore();
  }

  show(kind: Kind): void {
    this.#settings[this.#kind] = { key: this.#key.text, counter: this.#counter.text };
    this.#kind = kind;
    this.#restore();
    this.#toIv();
    this.#build();
  }

  #restore(): void {
    this.#key.text = this.#settings[this.#kind].key;
    this.#counter.text = this.#settings[this.#kind].counter;
  }

  #toIv(): void {
    const key = this.#kind === 'blowfish' ? this.#key.read() : undefined;
    if (key !== undefined) this.#iv.text = hexOf(key.subarray(IV_AT));
  }

  /** The fields show the first frame. */
  #toFields(): void {
    const frame = this.#frames.read()?.[0];
    if (frame === undefined) return;
    const { destination, source, ethertype, text } = fieldsOf(frame);
    this.#destination.text = destination;
    this.#source.text = source;
    this.#ethertype.text = ethertype;
    this.#text.text = text ?? '';
    const control = this.#text.control as HTMLInputElement;
    control.disabled = text === undefined;
    control.placeholder = text === undefined ? 'no text: change it in the hex' : '';
  }

  /** The first frame becomes what the fields say. */
  #fromFields(): void {
    const typed = this.#fields.map((entry) => entry.read());
    // What is no text is in the hex alone.
    const payload = this.#text.control.disabled
      ? this.#frames.read()?.[0]?.subarray(HEADER_BYTES)
      : payloadOf(this.#text.text);
    if (payload !== undefined && !typed.includes(undefined)) {
      const lines = this.#frames.text.split('\n');
      const first = lines.findIndex((line) => line.trim() !== '');
      const header = [this.#destination, this.#source, this.#ethertype].map((entry) => bytesOf(entry.text));
      lines[Math.max(0, first)] = hexOf(concatBytes(...header, payload));
      this.#frames.text = lines.join('\n');
    }
    this.#build();
  }

  #build(): void {
    const blowfish = this.#kind === 'blowfish';
    const fields = this.#fields.map((entry) => entry.read());
    const frames = this.#frames.read();
    const key = this.#key.read();
    const iv = blowfish ? this.#iv.read() : null;
    const index = this.#kind === 'secure' ? this.#index.read() : 0;
    const counter = this.#counter.read();
    const good =
      !fields.includes(undefined) &&
      frames !== undefined &&
      key !== undefined &&
      iv !== undefined &&
      index !== undefined &&
      counter !== undefined &&
      this.#make(secretOf(this.#kind, key, blockOf(this.#block.text), index), counter, frames);
    byId('build-note', HTMLElement).hidden = good;
    byId('built', HTMLElement).classList.toggle('stale', !good);
  }

  /** @returns whether it could be made; if not, it has been said where */
  #make(secret: Secret, counter: bigint, frames: readonly Uint8Array[]): boolean {
    let steps: Step[];
    try {
      steps = stepsOf(this.#workshop.primitives, secret, counter, frames);
    } catch (error) {
      this.#frames.complain(messageOf(error));
      return false;
    }
    const sealed = this.#workshop.seal(secret, counter, frames);
    if (sealed.status !== 'ok') {
      this.#counter.complain(
        sealed.status === 'counter exhausted'
          ? 'the core seals nothing with this counter: it is beyond the first or the last one'
          : `the core refuses it: ${sealed.status}`,
      );
      return false;
    }
    const same = checked(steps, sealed);
    byId('legend', HTMLElement).replaceChildren(...legendItems(steps));
    byId('steps', HTMLElement).replaceChildren(...(same ?? steps).map(stepItem));
    const verdict = byId('built-verdict', HTMLElement);
    verdict.className = `verdict ${same ? 'good' : 'bad'}`;
    verdict.textContent = same
      ? `The core sealed the same ${sealed.datagram.length} bytes.`
      : 'The core sealed other bytes than these steps come to. That is a fault of this page or of the core: please report it. Below are the core’s.';
    byId('built-hex', HTMLTextAreaElement).value = hexOf(sealed.datagram);
    this.#built(sealed.datagram, secret);
    return true;
  }
}
