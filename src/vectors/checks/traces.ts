// Traces of the state machines: each step's outcome has to be the one that the test gives.
import { FieldError, type Fields, same } from '../fields.js';
import { Tape } from '../random.js';
import type { Check, Tools } from '../tools.js';
import {
  type Outcome,
  type Step,
  type Traced,
  tracedClient,
  tracedHost,
  tracedSecure,
  tracedServer,
} from '../traces.js';

const trace =
  (make: (fields: Fields, tape: Tape, tools: Tools) => Traced): Check =>
  (fields, tools) => {
    const traced = make(fields, new Tape(fields.bytes('random')), tools);
    for (const [i, one] of fields.list('steps').entries()) {
      const { effects, state, deadline, ...step } = one as Step & Outcome;
      if (typeof step.now !== 'number' || typeof step.event !== 'string')
        throw new FieldError(`has a step ${i + 1} without now and event`);
      const got = traced.step(step);
      const what = `what comes of step ${i + 1}, ${step.event} at ${step.now} ms,`;
      same(what, text({ effects, state, deadline }), text(got));
    }
  };

/** The same text for the same value, whatever the order of its fields. */
function text(value: unknown): string {
  return JSON.stringify(value, (_, one) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}

export const clientTrace = trace((fields, { draw }, tools) => tracedClient(fields, draw, tools));
export const serverTrace = trace((fields, { draw }, { core }) => tracedServer(fields, draw, core));
export const secureTrace = trace((fields, { draw }) => tracedSecure(fields, draw));
export const hostTrace = trace((fields, { draw }) => tracedHost(fields, draw));
