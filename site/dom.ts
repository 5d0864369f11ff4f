// The page's elements, found and made.
import { messageOf } from '../src/error.js';

/** @throws Error when index.html lacks it, or has another kind of element there */
export function byId<T extends HTMLElement>(id: string, kind: abstract new (...args: never[]) => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`the page lacks #${id}`);
  return element;
}

/** Makes an element of a class, with what it holds. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className !== '') element.className = className;
  element.append(...children);
  return element;
}

type Control = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

/** A control with its error line: what is in it, as a value, or a line beside it that says what to fix. */
export class Entry<T> {
  readonly control: Control;
  readonly #error: HTMLElement | null;
  readonly #parse: (text: string) => T;

  constructor(id: string, parse: (text: string) => T) {
    this.control = byId(id, HTMLElement) as Control;
    this.#error = document.getElementById(`${id}-error`);
    this.#parse = parse;
  }

  get text(): string {
    return this.control.value;
  }

  set text(text: string) {
    if (this.control.value !== text) this.control.value = text;
    this.complain('');
  }

  /** The value; undefined where there is none, and then the line says why. */
  read(): T | undefined {
    try {
      const value = this.#parse(this.control.value);
      this.complain('');
      return value;
    } catch (error) {
      this.complain(messageOf(error));
      return undefined;
    }
  }

  complain(why: string): void {
    if (why === '') this.control.removeAttribute('aria-invalid');
    else this.control.setAttribute('aria-invalid', 'true');
    if (this.#error !== null && this.#error.textContent !== why) this.#error.textContent = why;
  }
}
