import { oneLine } from '../error.js';
import { hideKeys } from '../key-like.js';
import { commandText } from './names.js';

/** The command line is not one: its message is one line that says what to do. */
export class UsageError extends Error {
  /** @param message of which nothing is kept that may be a key; options may be in marks */
  constructor(message: string) {
    super(commandText(oneLine(hideKeys(message))));
  }
}

/** Help or the version was asked for: this is it. */
export class Answer extends Error {}
