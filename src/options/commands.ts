// Every command beside the cable's own, once, with its options.
import type { CommandTerms } from './terms.js';

const SERVER = {
  port: {
    value: { kind: 'port', placeholder: 'PORT' },
    text: "the server's UDP port, where several run",
  },
} as const;

/** Shells that options can be completed in. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export const COMMANDS = {
  serve: {
    text: 'offers a switch to clients, which enrol by ssh or have keys',
    cableEnd: 'server',
    usage: '[-s SWITCH] [-p PORT] [--key FILE --peers FILE] [--classic [-P KEYFILE]]',
  },
  connect: {
    text: 'joins a switch to that of a server by a cable; keys go by ssh, or are in files',
    more: 'All that ssh knows of the host counts: another name, a jump host, an agent. With `--key` and `--peer` there is no ssh.',
    cableEnd: 'client',
    usage: '[-s SWITCH] [--key FILE --peer PUBLIC-KEY] [--classic [-P KEYFILE]]',
    operands: { placeholder: '[USER@]HOST[:PORT]', what: 'the server', kind: 'server' },
  },
  status: {
    text: 'lists the peers of the servers on this machine, and what each has carried',
    options: SERVER,
  },
  keygen: { text: 'makes a private key' },
  pubkey: { text: 'prints the public key of the private key on standard input' },
  genpsk: { text: 'makes a preshared key' },
  enroll: {
    text: 'enrols a client at the running server; the client runs it by ssh',
    options: SERVER,
    alias: 'enrol',
  },
  'vectors verify': {
    text: 'checks test vectors, those of the package where no file is named',
    more: 'See [vectors.md](vectors.md).',
    options: { strict: { text: 'a group that is skipped is a failure' } },
    operands: { placeholder: '[FILE...]', what: 'files' },
  },
  'vectors make': {
    text: 'makes the test vectors of the package again',
    options: {
      seed: {
        value: {
          kind: 'number',
          placeholder: 'N',
          what: 'a whole number',
          min: 0,
          max: Number.MAX_SAFE_INTEGER,
        },
        text: 'the seed of their random bytes',
      },
      out: {
        value: { kind: 'directory', placeholder: 'DIRECTORY', names: 'the directory to write to' },
        text: 'where they are written to',
      },
    },
  },
  completion: {
    text: 'prints a script by which a shell completes options and commands: `bash`, `zsh` or `fish`',
    operands: { placeholder: 'SHELL', what: SHELLS.join(' or '), choices: SHELLS },
  },
  help: {
    text: 'explains a command, or `options`, `environment` or `signals`',
    operands: { placeholder: '[TOPIC]', what: 'a topic', kind: 'topic' },
  },
} as const satisfies Readonly<Record<string, CommandTerms>>;

export type CommandName = keyof typeof COMMANDS;
