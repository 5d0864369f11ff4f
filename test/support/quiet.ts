import type { Log } from '../../src/log.js';

/** A log for tests that look at something else. */
export const quiet: Log = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
