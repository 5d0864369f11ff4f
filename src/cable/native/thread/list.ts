/** A list that keeps its room when it is emptied: to empty an array or a Set costs as much as to read a frame. */
export class List<T> {
  count = 0;
  readonly #all: T[] = [];

  push(one: T): void {
    this.#all[this.count++] = one;
  }

  at(i: number): T {
    return this.#all[i] as T;
  }

  clear(): void {
    this.count = 0;
  }
}
