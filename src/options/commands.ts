// Every command beside the cable's own, once, with its options.
import { INVITE_USES_MAX as USES_MAX } from '../protocol/secure/constants.js';
import { DRAIN_SECONDS, SERVER_ID } from '../protocol/secure/fleet.js';
import type { CommandTerms } from './terms.js';

const JSON_LINES = { text: 'print lines of JSON' } as const;
const END = {
  end: {
    value: { kind: 'text', placeholder: 'NAME' },
    text: 'the end to ask, as `status` names it, if several run',
  },
} as const;
const PEER = {
  placeholder: 'PEER',
  what: 'a peer: its name, its public key or the beginning of it, the login that it enrolled by, or the address of a classic client',
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
    text: 'connects a switch to the switch of a server; keys go by ssh, or are in files',
    more: 'It uses what ssh knows of the host: aliases, a jump host, an agent. With `--key` and `--peer` it does not use ssh.',
    cableEnd: 'client',
    usage: '[-s SWITCH] [--key FILE --peer PUBLIC-KEY] [--classic [-P KEYFILE]]',
    operands: { placeholder: '[USER@]HOST[:PORT]', what: 'the server', kind: 'server' },
  },
  status: {
    text: 'shows the ends on this machine, and who is up; exit status 0 if all are up, 3 otherwise',
    more: 'NAME is the name of an end as `status` shows it, the port of a server, or the server of a client. See [control.md](control.md).',
    options: { json: JSON_LINES, watch: { text: 'repeat every second, until interrupted' } },
    operands: { placeholder: '[NAME]', what: 'the name of one end', least: 0 },
  },
  'peers list': {
    text: 'lists who may connect to the servers on this machine, and who is up',
    options: { json: JSON_LINES, ...END },
    alias: 'peers',
  },
  'peers pending': {
    text: 'lists callers whose public key is not known here, the last 64',
    options: { json: JSON_LINES, ...END },
  },
  'peers add': {
    text: 'allows one more peer to connect to the running server, and adds it to the list of `--peers`',
    more: 'The first characters of a pending key are enough. Fields are written as in a line of that list, and limit the peer from the start: see [network.md](network.md#what-a-client-may-do). See [secure-cable.md](secure-cable.md#who-may-connect).',
    options: {
      name: {
        value: { kind: 'text', placeholder: 'NAME' },
        text: 'its name',
      },
      psk: {
        value: { kind: 'file', placeholder: 'FILE', names: 'the file with the preshared key' },
        text: 'its preshared key, from `cryptcab genpsk`',
      },
      ...END,
    },
    operands: {
      placeholder: 'PUBLIC-KEY [FIELD...]',
      what: 'a public key, and fields of its line',
      least: 1,
      most: Infinity,
    },
  },
  'peers remove': {
    text: 'cuts a peer off for good, and removes it from the list of `--peers`',
    more: 'A peer that has enrolled by ssh enrols again for as long as that login is good: remove its key from `authorized_keys` first.',
    options: END,
    operands: PEER,
  },
  'peers kick': {
    text: 'ends the session of a peer, which may connect again',
    options: END,
    operands: PEER,
  },
  'peers rename': {
    text: 'gives a peer another name',
    options: END,
    operands: { placeholder: 'PEER NAME', what: 'a peer and its new name', least: 2, most: 2 },
  },
  'peers set': {
    text: 'changes what a peer may do on the network, even while it is up, and updates its line of `--peers`',
    more: 'Fields are written as in that line; `FIELD=no` turns a default off, and `FIELD=` removes the field from the line. See [network.md](network.md#what-a-client-may-do).',
    options: END,
    operands: {
      placeholder: 'PEER FIELD...',
      what: 'a peer and fields of its line',
      least: 2,
      most: Infinity,
    },
  },
  ping: {
    text: 'asks a peer of the secure cable whether it is there; asks once a second, and prints the round-trip time',
    more: 'PEER is its name, its public key or the beginning of it; on a client, the server that it was started with. The exit status is 0 if an answer came, and 3 if none did.',
    options: {
      count: {
        short: 'c',
        value: { kind: 'number', placeholder: 'N', what: 'a number of questions', min: 1, max: 1_000_000 },
        text: 'ask this many times; default: until interrupted',
      },
      json: JSON_LINES,
      ...END,
    },
    operands: PEER,
  },
  capture: {
    text: 'writes what passes a running cable to standard output; as pcapng, for Wireshark or tcpdump',
    more: 'See [capture.md](capture.md).',
    options: {
      wire: { text: 'show the datagrams on the wire instead of the frames in them' },
      ...END,
    },
    operands: { ...PEER, placeholder: '[PEER]', least: 0 },
  },
  log: {
    text: 'shows the last lines of the log of a running end',
    more: 'It works wherever that log goes: the end keeps the last thousand lines in its memory, including those of `-v`. NAME is as in `status`.',
    options: {
      follow: { short: 'f', text: 'also show new lines, until interrupted' },
      json: JSON_LINES,
    },
    operands: { placeholder: '[NAME]', what: 'the name of one end', least: 0 },
  },
  up: {
    text: 'starts the cable of /etc/cryptcab/NAME.toml in the background; see cryptcab.toml(5)',
    options: FOREGROUND,
    operands: NAMED,
  },
  down: { text: 'ends that cable', operands: NAMED },
  restart: { text: 'ends that cable, if it is up, and starts it again', operands: NAMED },
  invite: {
    text: 'prints a line with which another machine joins the running server; on a terminal also as a QR code',
    more: 'NAME is the name of that machine here. The line is a secret: whoever uses it first can join. See [secure-cable.md](secure-cable.md#by-an-invite).',
    options: {
      for: {
        value: { kind: 'time', placeholder: 'TIME' },
        text: 'how long the line is good, for example `30m`, `1h` or `7d`; default: one hour',
      },
      uses: {
        value: { kind: 'number', placeholder: 'N', what: 'a number of machines', min: 1, max: USES_MAX },
        text: 'how many machines may join with it; default: one',
      },
      at: {
        value: { kind: 'places', placeholder: 'HOST[:PORT][,...]' },
        text: "where they find the server; default: this machine's addresses",
      },
      cancel: { text: 'revoke the lines for NAME that are still good' },
      wireguard: {
        text: 'make a device that has only stock WireGuard a host on the network, and print its WireGuard configuration, once',
        more: 'See [phones.md](phones.md).',
      },
      network: {
        value: { kind: 'text', placeholder: 'ADDRESS/PREFIX[,...]' },
        text: 'with `--wireguard`: the networks of the switch, in which free addresses are picked; an address in one (`10.0.0.77/24`) is given itself, and `dhcp` leases one; default: the networks of the last invited device',
      },
      gateway: {
        value: { kind: 'text', placeholder: 'ADDRESS[,...]' },
        text: 'with `--wireguard`: the gateway for other networks; default: the router that announces itself',
      },
      'public-key': {
        value: { kind: 'public key', placeholder: 'KEY' },
        text: 'with `--wireguard`: the public key of a device that has made its own keys; default: make them, and keep the private key nowhere',
      },
      'default-route': { text: 'with `--wireguard`: the device sends all its traffic through the tunnel' },
      ...END,
    },
    operands: { placeholder: 'NAME', what: 'a name' },
  },
  join: {
    text: 'joins the server of an invite, and runs the cable',
    more: 'Without LINE the invite comes from standard input, where no other user sees it. All options of `cryptcab connect` may follow.',
    options: {
      to: {
        value: { kind: 'directory', placeholder: 'DIRECTORY', names: 'the directory' },
        text: "where to keep this machine's keys; default: `joined/HOST-PORT`, beside the state of servers",
      },
    },
    operands: { placeholder: '[LINE]', what: 'an invite' },
    usage: '[-s SWITCH] [OPTION...]',
  },
  doctor: {
    text: 'checks what a cable needs, here or on the way to a server; says how to fix what is missing',
    more: 'With HOST it logs in by ssh, and connects a cable to the server there for a moment.',
    options: {
      on: {
        value: { kind: 'switch', placeholder: 'PATH', names: 'the switch to plug into' },
        text: 'the switch to check, without HOST',
      },
      port: {
        value: { kind: 'port', placeholder: 'PORT' },
        text: 'the UDP port to check, without HOST',
      },
      facts: { text: 'print what the doctor on another machine asks for by ssh, as JSON' },
    },
    operands: { placeholder: '[[USER@]HOST[:PORT]]', what: 'a server', kind: 'server', least: 0 },
  },
  drain: {
    text: 'sends the peers of a server to another server; the server refuses new calls, and ends when they have gone',
    more: 'NAME is what `status` calls it. For servers with `--server-id`: see [fleet.md](fleet.md#take-a-server-out).',
    options: {
      within: {
        value: { kind: 'number', placeholder: 'SECONDS', what: 'a number of seconds', ...DRAIN_SECONDS },
        text: `end it after this time at the latest; default: ${DRAIN_SECONDS.usual}`,
      },
    },
    operands: { placeholder: '[NAME]', what: 'the name of one server', least: 0 },
  },
  balancer: {
    text: 'prints the nft file of a balancer for several servers; it spreads the datagrams for one address over servers with one key',
    more: 'See [fleet.md](fleet.md#the-balancer).',
    options: {
      address: {
        value: { kind: 'text', placeholder: 'ADDRESS', names: 'an address' },
        several: true,
        text: 'the address that clients call; one IPv4 address, one IPv6 address, or both',
      },
      server: {
        value: { kind: 'text', placeholder: 'N=ADDRESS', names: 'a server' },
        several: true,
        text: 'a server: its `--server-id`, and the address where this machine reaches it; repeat for each server and IP version',
      },
      leaving: {
        value: { kind: 'number', placeholder: 'N', what: 'the number of a server', ...SERVER_ID },
        several: true,
        text: 'a server that gets no new calls, because it is about to be drained',
      },
      port: {
        value: { kind: 'port', placeholder: 'PORT' },
        text: 'the UDP port of the servers and of the balancer; default: 7667',
      },
      check: { text: 'only check the file, by loading it into a network namespace of its own' },
    },
  },
  keygen: { text: 'makes a private key' },
  pubkey: { text: 'prints the public key of the private key on standard input' },
  genpsk: { text: 'makes a preshared key' },
  enroll: {
    text: 'enrols a client at the running server; clients run it by ssh',
    options: {
      port: {
        value: { kind: 'port', placeholder: 'PORT' },
        text: "the server's UDP port, if several run",
      },
      name: {
        value: { kind: 'text', placeholder: 'NAME' },
        text: 'the name of the client here',
      },
    },
    more: 'The server keeps who logged in, and from where. In `authorized_keys`, `command="cryptcab enroll --name alice"` gives a login a name.',
    alias: 'enrol',
  },
  'vectors verify': {
    text: 'checks test vectors; without FILE those of the package',
    more: 'See [vectors.md](vectors.md).',
    options: { strict: { text: 'fail if a group is skipped' } },
    operands: { placeholder: '[FILE...]', what: 'files', kind: 'files', least: 0, most: Infinity },
  },
  'vectors make': {
    text: 'generates the test vectors of the package',
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
        text: 'where to write them',
      },
    },
  },
  unit: {
    text: 'prints a unit of systemd; with it `systemctl start cryptcab@NAME` runs a cable',
    more: 'Without NAME the unit serves all cables; with NAME it is for one cable, and allows what its file needs: taps, a network card, or a port below 1024.',
    operands: { placeholder: '[NAME]', what: 'the name of one cable', kind: 'name', least: 0 },
  },
  completion: {
    text: 'prints a script for the completion of `bash`, `zsh` or `fish`',
    operands: { placeholder: 'SHELL', what: SHELLS.join(' or '), choices: SHELLS },
  },
  help: {
    text: 'explains a command, or `options`, `environment` or `signals`',
    operands: { placeholder: '[TOPIC]', what: 'a topic', kind: 'topic', least: 0, most: 2 },
  },
} as const satisfies Readonly<Record<string, CommandTerms>>;

export type CommandName = keyof typeof COMMANDS;
