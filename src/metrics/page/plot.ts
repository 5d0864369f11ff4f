// What was carried in the last minutes, as a drawing.
import type { Flow } from '../../control/status.js';
import { size } from '../../control/words.js';
import { html, type Markup } from './html.js';

/** How often a rate is taken, ms, and how many are kept: ten minutes. */
export const SAMPLE_MS = 2_000;
export const SAMPLES = 300;

const WIDTH = 600;
const HEIGHT = 120;

/** Bytes a second. */
interface Sample {
  readonly in: number;
  readonly out: number;
}

/** The last rates, the newest last. */
export class RateHistory {
  readonly #samples: Sample[] = [];

  take({ in: came, out: went }: Flow): void {
    this.#samples.push({ in: came.bytes, out: went.bytes });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }

  /** The drawing; what it shows is beside it in words. */
  markup(): Markup {
    const most = Math.max(1, ...this.#samples.flatMap((sample) => [sample.in, sample.out]));
    const now = this.#samples.at(-1) ?? { in: 0, out: 0 };
    const minutes = Math.max(1, Math.round((this.#samples.length * SAMPLE_MS) / 60_000));
    const line = (direction: keyof Sample) =>
      this.#samples
        .map((sample, i) => {
          const x = WIDTH - ((this.#samples.length - 1 - i) * WIDTH) / (SAMPLES - 1);
          return `${x.toFixed(1)},${(HEIGHT - (sample[direction] / most) * HEIGHT).toFixed(1)}`;
        })
        .join(' ');
    return html`<figure>
<svg viewBox="0 -4 ${WIDTH} ${HEIGHT + 8}" preserveAspectRatio="none" aria-hidden="true"><polyline class="in" points="${line('in')}"/><polyline class="out" points="${line('out')}"/></svg>
<figcaption><span class="key in">in, now ${size(now.in)}/s</span> <span class="key out">out, now ${size(now.out)}/s</span> <span>at most ${size(most === 1 ? 0 : most)}/s in the last ${minutes} min</span></figcaption>
</figure>`;
  }
}
