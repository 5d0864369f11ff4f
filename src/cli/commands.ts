// Commands that are none of the cable's. Each is loaded when it is asked for: a program that only answers answers at once.
import type { CommandName, Shell } from '../options/commands.js';
import { OPTIONS } from '../options/option-table.js';
import { locatorOf, ORIGINAL_NAME } from './options.js';
import type { Said } from './said.js';
import { UsageError } from './usage.js';
import { readValue } from './values.js';
import { commandNamed, noCommand, readWords } from './words.js';

/**
 * Runs a command.
 * @param name the name that the program was called by
 * @param argv of the program
 * @returns undefined when these words ask for a cable
 * @throws UsageError, or CryptcabError when it cannot be done
 */
export async function runCommand(name: string, argv: readonly string[]): Promise<Said | undefined> {
  const [first, second] = argv;
  if (name === ORIGINAL_NAME) {
    if (first === undefined || commandNamed(first, second) === undefined) return undefined;
    throw new UsageError(`${ORIGINAL_NAME} has no commands: use cryptcab ${first}`);
  }
  if (first === undefined) return says((await import('./help.js')).shortHelp());
  const named = commandNamed(first, second);
  if (named !== undefined) return run(named.command, argv.slice(named.words));
  if (/^[^-]/.test(first)) throw new UsageError(noCommand(first));
  return undefined;
}

async function run(command: CommandName, args: readonly string[]): Promise<Said | undefined> {
  switch (command) {
    case 'serve':
    case 'connect':
      return undefined;
    case 'up':
    case 'restart':
      readWords(command, args);
      return undefined; // a cable as well: command-line.ts runs it
    case 'down': {
      const [word = ''] = readWords(command, args).operands;
      const ended = await (await import('./commands/standing.js')).end(word);
      return { out: '', faults: ended ? [] : [`${word} is not up`] };
    }
    case 'join':
      // What follows is an invite, and options of connect, which it becomes.
      if (args.includes('--help') || args.includes('-h')) readWords(command, ['--help']);
      return undefined;
    case 'help':
      return says((await import('./topics.js')).help(readWords(command, args).operands));
    case 'enroll': {
      const { options } = readWords(command, args);
      const { enroll, sshClient, wishedPort } = await import('./commands/enroll.js');
      const port = options.port ?? wishedPort(process.env.SSH_ORIGINAL_COMMAND);
      return says(await enroll(process.stdin, port, { name: options.name, by: sshClient() }));
    }
    case 'status': {
      const { options, operands } = readWords(command, args);
      const { status, watch } = await import('./commands/status.js');
      return (options.watch ? watch : status)({ name: operands[0], json: options.json });
    }
    case 'peers list':
    case 'peers pending': {
      const { options } = readWords(command, args);
      const { listPeers } = await import('./commands/peers.js');
      return listPeers(command === 'peers list' ? 'peers' : 'pending', options);
    }
    case 'peers add': {
      const { options, operands } = readWords(command, args);
      const [key, ...fields] = operands as [string, ...string[]];
      return (await import('./commands/peers.js')).addPeer(key, fields, options);
    }
    case 'peers remove':
    case 'peers kick': {
      const { options, operands } = readWords(command, args);
      const { cutOff } = await import('./commands/peers.js');
      return cutOff(command === 'peers kick' ? 'kick' : 'remove', operands[0] as string, options);
    }
    case 'peers rename': {
      const { options, operands } = readWords(command, args);
      const [peer, name] = operands as [string, string];
      return (await import('./commands/peers.js')).renamePeer(peer, name, options);
    }
    case 'peers set': {
      const { options, operands } = readWords(command, args);
      const [peer, ...fields] = operands as [string, ...string[]];
      return (await import('./commands/peers.js')).limitPeer(peer, fields, options);
    }
    case 'ping': {
      const { options, operands } = readWords(command, args);
      return (await import('./commands/peers.js')).ping(operands[0] as string, options);
    }
    case 'capture': {
      const { options, operands } = readWords(command, args);
      const { wire = false, end } = options;
      await (await import('./commands/capture.js')).capture({ wire, end, peer: operands[0] });
      return says('');
    }
    case 'log': {
      const { options, operands } = readWords(command, args);
      const { showLog } = await import('./commands/log.js');
      return showLog({ name: operands[0], follow: options.follow === true, json: options.json === true });
    }
    case 'invite': {
      const { options, operands } = readWords(command, args);
      const { cancel, invite, inviteKind, nameOf } = await import('./commands/invite.js');
      const who = nameOf(operands);
      if (inviteKind(options) === 'wireguard') {
        const { inviteWireGuard } = await import('./commands/invite-wireguard.js');
        return says(await inviteWireGuard({ ...options, name: who }));
      }
      return says(options.cancel ? await cancel(options.end, who) : await invite({ ...options, name: who }));
    }
    case 'balancer':
      return (await import('./commands/balancer.js')).balancer(readWords(command, args).options);
    case 'drain': {
      const { options, operands } = readWords(command, args);
      return (await import('./commands/drain.js')).drain(operands[0], options.within);
    }
    case 'doctor': {
      const { options, operands } = readWords(command, args);
      const [host] = operands;
      const { doctor, facts } = await import('./commands/doctor/index.js');
      if (options.facts === true) return says(await facts());
      const { plug, localPort } = OPTIONS;
      const server = { kind: 'server', placeholder: 'HOST' } as const;
      const well = await doctor({
        locator: locatorOf(options.on ?? plug.default),
        port: options.port ?? localPort.default,
        target: host === undefined ? undefined : readValue('HOST', host, server),
      });
      return { out: '', faults: [], status: well ? 0 : 1 };
    }
    case 'keygen':
    case 'pubkey':
    case 'genpsk':
      readWords(command, args);
      return says((await import('./commands/keys.js')).runKeyCommand(command));
    case 'unit': {
      const [cable] = readWords(command, args).operands;
      const { unitOf, unitText } = await import('./commands/unit.js');
      return says(cable === undefined ? unitText() : unitOf(cable));
    }
    case 'completion': {
      const [shell] = readWords(command, args).operands;
      return says((await import('./commands/completion/index.js')).completion(shell as Shell));
    }
    case 'vectors verify': {
      const { options, operands } = readWords(command, args);
      return (await import('./commands/vectors.js')).verifyFiles(operands, options.strict === true);
    }
    case 'vectors make': {
      const { options } = readWords(command, args);
      return (await import('./commands/vectors.js')).makeFiles(options.seed, options.out);
    }
  }
}

function says(out: string): Said {
  return { out, faults: [] };
}
