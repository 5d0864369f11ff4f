import { HOLE_FRAMES, HOLE_LEAST, HOLE_MOST } from './constants.js';

/**
 * Notices at the receiver that something on the way silently drops a peer's large datagrams. Of a frame in
 * fragments (secure.md §2.5) all but the last fill their datagrams, and the last seldom does. So where the last ones come
 * alone, time after time, it is the size that is lost.
 *
 * It is not bad luck: where 30 % of all datagrams are lost, whatever their size, 8 frames in a row of which only the last fragment
 * comes are one chance in 100 000. Nor is it a queue that is full, which takes small ones for a moment and drops large ones: that
 * is over, or lets some through, within seconds.
 */
export class Hole {
  #leading = 0n;
  /** Where the frames in a row begin: when, ms, and how many were incomplete before. */
  #since = -Infinity;
  #before = 0n;
  #last = 0n;

  /**
   * To be asked several times a second.
   * @param leading fragments that came and were not the last of their frames, in all
   * @param incomplete frames that were given up, in all
   * @returns how many frames it takes it from, when it should be said
   */
  look(now: number, leading: bigint, incomplete: bigint): bigint | undefined {
    if (leading !== this.#leading) {
      this.#leading = leading;
      this.#since = -Infinity; // some do come; frames that are given up now may have begun before
    } else if (incomplete !== this.#last && now - this.#since > HOLE_MOST) {
      this.#since = now;
      this.#before = this.#last;
    }
    this.#last = incomplete;
    const frames = incomplete - this.#before;
    if (frames < HOLE_FRAMES || now - this.#since < HOLE_LEAST || now - this.#since > HOLE_MOST)
      return undefined;
    this.#since = -Infinity;
    return frames;
  }
}
