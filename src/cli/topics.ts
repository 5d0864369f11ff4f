// `cryptcab help TOPIC`.
import { COMMANDS, type CommandName } from '../options/commands.js';
import { nearWord } from '../options/near.js';
import { commandHelp, shortHelp, TOPICS } from './help.js';
import { readLine } from './line.js';
import { Answer, UsageError } from './usage.js';

const names = Object.keys(COMMANDS) as CommandName[];

/** What --help says of a cable. */
function lineHelp(spelling: 'serve' | 'connect' | 'options'): string {
  try {
    readLine('cryptcab', spelling, ['--help']);
  } catch (error) {
    if (error instanceof Answer) return error.message;
    throw error;
  }
  return '';
}

/**
 * What `help` says.
 * @param words those of a command, or a topic; none for what is most used
 * @throws UsageError
 */
export function help(words: readonly string[]): string {
  const topic = words.join(' ');
  if (topic === '') return shortHelp();
  if (topic === 'options') return lineHelp('options');
  if (topic === 'serve' || topic === 'connect') return lineHelp(topic);
  if (Object.hasOwn(TOPICS, topic)) return TOPICS[topic]?.() ?? '';
  // The first word of two stands for both.
  const meant = names.filter((name) => name === topic || name.startsWith(`${topic} `));
  if (meant.length > 0) return meant.map(commandHelp).join('\n');
  const near = nearWord(topic, [...names, ...Object.keys(TOPICS), 'options']);
  const hint =
    near === undefined ? 'use cryptcab help for all of them' : `did you mean cryptcab help ${near}?`;
  throw new UsageError(`there is no such topic: ${hint}`);
}
