// Every command beside the cable's own, once, with its options.
import { INVITE_USES_MAX as USES_MAX } from '../protocol/secure/constants.js';
import { DRAIN_SECONDS, SERVER_ID } from '../protocol/secure/fleet.js';
import type { CommandTerms } from './terms.js';

const SERVER = {
  port: {
    value: { kind: 'port', placeholder: 'PORT' },
    text: "the server's UDP port, where several run",
  },
} as const;

const JSON_LINES = { text: 'as lines of JSON' } as const;
const END = {
  end: {
    value: { kind: 'text', placeholder: 'NAME' },
    text: 'of this end, as `status` calls it, where several run',
  },
} as const;
const PEER = {
  placeholder: 'PEER',
  what: 'a peer: its name, its public key or the beginning of it, or the address of a classic client',
} as const;
const NAMED = { placeholder: 'NAME', what: 'the name of one cable', kind: 'name' } as const;
const FOREGROUND = { foreground: { text: 'stay in the foreground, as a service does' } } as const;

/** Shells that options can be completed in. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export const COMMANDS = {
  serve: {
    text: 'offers a switch to clients, which enrol by ssh or have keys',
    cableEnd: 'server',
    usage: '[-s SWITCH] [-p PORT] [--key FILE --peers PATH] [--classic [-P KEYFILE]]',
  },
  connect: {
    text: 'joins a switch to that of a server by a cable; keys go by ssh, or are in files',
    more: 'All that ssh knows of the host counts: another name, a jump host, an agent. With `--key` and `--peer` there is no ssh.',
    cableEnd: 'client',
    usage: '[-s SWITCH] [--key FILE --peer PUBLIC-KEY] [--classic [-P KEYFILE]]',
    operands: { placeholder: '[USER@]HOST[:PORT]', what: 'the server', kind: 'server' },
  },
  status: {
    text: 'says how the ends on this machine are, and who is up: status 0 where all are up, 3 otherwise',
    more: 'NAME is what it calls an end, the port of a server, or the server of a client. See [control.md](control.md).',
    options: { json: JSON_LINES, watch: { text: 'again every second, until it is ended' } },
    operands: { placeholder: '[NAME]', what: 'the name of one end', least: 0 },
  },
  'peers list': {
    text: 'lists who may connect to the servers on this machine, and who is up',
    options: { json: JSON_LINES, ...END },
    alias: 'peers',
  },
  'peers pending': {
    text: 'lists whose public keys are not known here and who called, the last 64',
    options: { json: JSON_LINES, ...END },
  },
  'peers add': {
    text: 'lets one more connect to the running server, and writes it into the list of `--peers`',
    more: 'Of a key that is pending its first characters are enough. See [secure-cable.md](secure-cable.md#who-may-connect).',
    options: {
      name: {
        value: { kind: 'text', placeholder: 'NAME' },
        text: 'what it is called',
      },
      psk: {
        value: { kind: 'file', placeholder: 'FILE', names: 'the file with the preshared key' },
        text: 'its preshared key, from `cryptcab genpsk`',
      },
      ...END,
    },
    operands: { placeholder: 'PUBLIC-KEY', what: 'a public key' },
  },
  'peers remove': {
    text: 'cuts a peer off for good, and takes it out of the list of `--peers`',
    options: END,
    operands: PEER,
  },
  'peers kick': {
    text: 'ends the session of a peer, which may connect again',
    options: END,
    operands: PEER,
  },
  'peers rename': {
    text: 'calls a peer by another name',
    options: END,
    operands: { placeholder: 'PEER NAME', what: 'a peer and its new name', least: 2, most: 2 },
  },
  'peers set': {
    text: 'changes what a peer may do on the network, also while it is up, and in its line of `--peers`',
    more: 'Fields are written as in that line; `FIELD=no` takes a default away, and `FIELD=` takes the field out of the line. See [network.md](network.md#what-a-client-may-do).',
    options: END,
    operands: {
      placeholder: 'PEER FIELD...',
      what: 'a peer and fields of its line',
      least: 2,
      most: Infinity,
    },
  },
  ping: {
    text: 'asks a peer of the secure cable whether it is there, and measures the way, once a second',
    more: 'PEER is its name, its public key or the beginning of it; of a client, the server that it was started with. Status 0 where an answer came, 3 where none did.',
    options: {
      count: {
        short: 'c',
        value: { kind: 'number', placeholder: 'N', what: 'a number of questions', min: 1, max: 1_000_000 },
        text: 'ask so often; until it is ended without',
      },
      json: JSON_LINES,
      ...END,
    },
    operands: PEER,
  },
  capture: {
    text: 'shows what passes a running cable, in pcapng on standard output, for Wireshark or tcpdump',
    more: 'See [capture.md](capture.md).',
    options: {
      wire: { text: 'the datagrams on the wire, instead of the frames within' },
      ...END,
    },
    operands: { ...PEER, placeholder: '[PEER]', least: 0 },
  },
  log: {
    text: 'shows the last lines of the log of a running end',
    more: 'It does so wherever that log goes: the end keeps the last thousand lines in its memory, from `-v` on and whatever its own `-v` is. NAME is as of `status`.',
    options: {
      follow: { short: 'f', text: 'go on with the lines that come, until it is ended' },
      json: JSON_LINES,
    },
    operands: { placeholder: '[NAME]', what: 'the name of one end', least: 0 },
  },
  up: {
    text: 'makes the cable of /etc/cryptcab/NAME.toml, in the background; see cryptcab.toml(5)',
    options: FOREGROUND,
    operands: NAMED,
  },
  down: { text: 'ends that cable', operands: NAMED },
  restart: { text: 'ends that cable, if it is up, and makes it anew', operands: NAMED },
  invite: {
    text: 'prints a line by which another machine joins the running server; on a terminal a QR code as well',
    more: 'NAME is what that machine is called here. The line is a secret: who has it first can join. See [secure-cable.md](secure-cable.md#by-an-invite).',
    options: {
      for: {
        value: { kind: 'time', placeholder: 'TIME' },
        text: 'for how long the line is good, as `30m`, `1h` or `7d`; an hour unless told',
      },
      uses: {
        value: { kind: 'number', placeholder: 'N', what: 'a number of machines', min: 1, max: USES_MAX },
        text: 'how many machines may join with it; one unless told',
      },
      at: {
        value: { kind: 'places', placeholder: 'HOST[:PORT][,...]' },
        text: "where they find the server, if not at this machine's addresses",
      },
      cancel: { text: 'takes back the lines that were made for NAME and are still good' },
      wireguard: {
        text: 'makes a device that has a stock WireGuard alone a host on the network, and prints once what its WireGuard is to be told',
        more: 'See [phones.md](phones.md).',
      },
      network: {
        value: { kind: 'text', placeholder: 'ADDRESS/PREFIX[,...]' },
        text: 'with `--wireguard`: the networks of the switch, which addresses are picked from; those that the last one was invited to unless told',
      },
      gateway: {
        value: { kind: 'text', placeholder: 'ADDRESS[,...]' },
        text: 'with `--wireguard`: where its packets for other networks go, if no router says so by itself',
      },
      'public-key': {
        value: { kind: 'public key', placeholder: 'KEY' },
        text: 'with `--wireguard`: the public key of a device that has made its own; one is made unless told, and its private key kept nowhere',
      },
      'default-route': { text: 'with `--wireguard`: the device sends everything through the tunnel' },
      ...SERVER,
    },
    operands: { placeholder: 'NAME', what: 'a name' },
  },
  join: {
    text: 'joins the server of an invite, and runs the cable',
    more: 'Without LINE the invite comes from standard input, where no other user sees it. All options of `cryptcab connect` may follow.',
    options: {
      to: {
        value: { kind: 'directory', placeholder: 'DIRECTORY', names: 'the directory' },
        text: "where this machine's keys are kept, if not in `joined/HOST-PORT` where a server keeps its state",
      },
    },
    operands: { placeholder: '[LINE]', what: 'an invite' },
    usage: '[-s SWITCH] [OPTION...]',
  },
  doctor: {
    text: 'looks at what a cable needs, on this machine or on the way to a server, and says what to do about what is missing',
    more: 'With HOST it logs in by ssh, and lays a cable to the server there for a moment.',
    options: {
      on: {
        value: { kind: 'switch', placeholder: 'PATH', names: 'the switch to plug into' },
        text: 'the switch that is asked for a port, without HOST',
      },
      port: {
        value: { kind: 'port', placeholder: 'PORT' },
        text: 'the UDP port of a server here, without HOST',
      },
      facts: { text: 'what the doctor of another machine wants to know, as JSON; it asks by ssh' },
    },
    operands: { placeholder: '[[USER@]HOST[:PORT]]', what: 'a server', kind: 'server', least: 0 },
  },
  drain: {
    text: 'sends the peers of a server to another one; the server answers no call any more, and ends when they have gone',
    more: 'NAME is what `status` calls it. For servers with `--server-id`: see [fleet.md](fleet.md#take-a-server-out).',
    options: {
      within: {
        value: { kind: 'number', placeholder: 'SECONDS', what: 'a number of seconds', ...DRAIN_SECONDS },
        text: `end it after so long at the latest; ${DRAIN_SECONDS.usual} unless told`,
      },
    },
    operands: { placeholder: '[NAME]', what: 'the name of one server', least: 0 },
  },
  balancer: {
    text: 'prints the nft file of a balancer; by it datagrams go to several servers with one key, from one address',
    more: 'See [fleet.md](fleet.md#the-balancer).',
    options: {
      address: {
        value: { kind: 'text', placeholder: 'ADDRESS', names: 'an address' },
        several: true,
        text: 'the address that clients call; one of IPv4, one of IPv6, or both',
      },
      server: {
        value: { kind: 'text', placeholder: 'N=ADDRESS', names: 'a server' },
        several: true,
        text: 'a server: its `--server-id`, and where this machine reaches it; again for each one, and each version of IP',
      },
      leaving: {
        value: { kind: 'number', placeholder: 'N', what: 'the number of a server', ...SERVER_ID },
        several: true,
        text: 'a server that gets no calls any more, and is about to be drained',
      },
      port: {
        value: { kind: 'port', placeholder: 'PORT' },
        text: 'the UDP port of the servers and of the balancer; 7667 unless told',
      },
      check: { text: 'load the file into a network namespace of its own, and print nothing of it' },
    },
  },
  keygen: { text: 'makes a private key' },
  pubkey: { text: 'prints the public key of the private key on standard input' },
  genpsk: { text: 'makes a preshared key' },
  enroll: {
    text: 'enrols a client at the running server; the client runs it by ssh',
    options: {
      ...SERVER,
      name: {
        value: { kind: 'text', placeholder: 'NAME' },
        text: 'what the client is called here',
      },
    },
    more: 'Who has logged in, and from where, is kept with the client. In `authorized_keys`, `command="cryptcab enroll --name alice"` gives a login a name.',
    alias: 'enrol',
  },
  'vectors verify': {
    text: 'checks test vectors, those of the package where no file is named',
    more: 'See [vectors.md](vectors.md).',
    options: { strict: { text: 'a group that is skipped is a failure' } },
    operands: { placeholder: '[FILE...]', what: 'files', kind: 'files', least: 0, most: Infinity },
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
  unit: {
    text: 'prints a unit, by which `systemctl start cryptcab@NAME` runs a cable',
    more: 'Without NAME it is that of all cables; with NAME that of one, which may do what its file asks for: make taps, open a network card, or a port below 1024.',
    operands: { placeholder: '[NAME]', what: 'the name of one cable', kind: 'name', least: 0 },
  },
  completion: {
    text: 'prints a script by which a shell completes options and commands: `bash`, `zsh` or `fish`',
    operands: { placeholder: 'SHELL', what: SHELLS.join(' or '), choices: SHELLS },
  },
  help: {
    text: 'explains a command, or `options`, `environment` or `signals`',
    operands: { placeholder: '[TOPIC]', what: 'a topic', kind: 'topic', least: 0, most: 2 },
  },
} as const satisfies Readonly<Record<string, CommandTerms>>;

export type CommandName = keyof typeof COMMANDS;
