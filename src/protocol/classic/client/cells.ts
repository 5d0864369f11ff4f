import type { ClientEvent, ClientState } from '../client-terms.js';
import type { Message } from '../messages.js';
import type { Self } from './self.js';
import type { State, States } from './states.js';

/** What happens to a client in one state: the state after it. */
export type Cell<S extends ClientState> = (
  state: States[S],
  self: Self,
  now: number,
  datagram: Uint8Array,
) => State;

/** What each message and each event does in one state. */
export type Row<S extends ClientState> = Readonly<Record<Message | ClientEvent, Cell<S>>>;

/** The row of a state in which all that is not named is passed over. */
export function row<S extends ClientState>(known: Partial<Row<S>>): Row<S> {
  const pass: Cell<S> = (state) => state;
  return {
    login: pass,
    challenge: pass,
    response: pass,
    authOk: pass,
    deny: pass,
    keepalive: pass,
    data: pass, // in `up` the host opens it without asking, and says `heard`
    empty: pass,
    other: pass,
    start: pass,
    resolved: pass,
    resolveFailed: pass,
    enrolled: pass,
    enrolFailed: pass,
    unreachable: pass,
    elsewhere: pass,
    sendFailed: pass,
    large: pass,
    sent: pass,
    heard: pass,
    timer: pass,
    ...known,
  };
}
