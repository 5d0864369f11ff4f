import type { ClientEffect, ClientOptions } from '../client-terms.js';
import { BackOff } from './back-off.js';
import { ClientKey } from './client-key.js';
import { Logins } from './logins.js';
import { Turn } from './turn.js';
import { Whereabouts } from './whereabouts.js';

/** What a client keeps from one state to the next, each a concern of its own. */
export class Self {
  readonly effects: ClientEffect[] = [];
  readonly options: ClientOptions;
  readonly key: ClientKey;
  readonly logins = new Logins();
  readonly turn = new Turn();
  readonly backOff = new BackOff();
  readonly whereabouts = new Whereabouts();

  constructor(options: ClientOptions) {
    this.options = options;
    this.key = new ClientKey(options);
  }
}
