// The main job, shown: two hosts, two switches, an encrypted cable, a ping; the secure cable first, then the classic one. Where namespaces or programs are
// missing, the same cable runs between two stand-in plugs inside this process.
import { randomBytes } from 'node:crypto';
import { connect, type MemoryPort, memoryPort, type PeerStatistics, serve } from '../src/index.js';
import { keyText, newPrivateKey } from '../src/keys/key-text.js';
import { publicKeyOf } from '../src/keys/public-key.js';
import { carried, transfer } from './checks.js';
import { type Host, Lab } from './lab.js';
import type { Process } from './process.js';
import { type End, makeEnd, Peers } from './secure-keys.js';
import { describe, hexdump, openDatagram } from './show.js';
import { interrupt, say, shows, types } from './typing.js';

const SECONDS = 4;

function sayCounts(
  who: string,
  counts: Pick<PeerStatistics, 'sealed' | 'sealedBytes' | 'opened' | 'openedBytes'>,
): void {
  say(
    `  ${who}: sealed ${counts.sealed} frames (${counts.sealedBytes} bytes), opened ${counts.opened} frames (${counts.openedBytes} bytes)`,
  );
}

async function sayDatagram(key: Uint8Array, datagram: Uint8Array): Promise<void> {
  say(`\nOne datagram as it crossed the network, ${datagram.length} bytes:`);
  say(hexdump(datagram));
  const frame = await openDatagram(key, datagram);
  say(`\nThe same, opened with the key: ${describe(frame)}`);
  say(hexdump(frame));
}

/** Starts a classic cable between two hosts; both ends' programs, and they are up. */
async function layCable(
  server: Host,
  client: Host,
  keyFile: string,
  verbosity: string,
): Promise<[Process, Process]> {
  const listening = server.cryptcab(['-P', keyFile, verbosity]);
  await listening.prints(/waiting for clients/);
  const connecting = client.cryptcab(['-P', keyFile, '-c', client.link.hub4, verbosity]);
  await connecting.prints(/the cable is up/);
  return [listening, connecting];
}

function sayPing(from: Host, to: Host): void {
  say(`\nA ping across it, ${from.inner} to ${to.inner}:`);
  const ping = from.run('ping', '-n', '-c', '5', '-i', '0.2', to.inner);
  say(
    ping
      .split('\n')
      .filter((line) => /bytes from|packets|rtt/.test(line))
      .map((line) => `  ${line}`)
      .join('\n'),
  );
}

async function sayThroughput(server: Host, client: Host): Promise<void> {
  say(
    `\nThroughput, one TCP stream, ${SECONDS} s each way (namespaces, switches, taps and both ends share this machine):`,
  );
  for (const [name, one, other] of [
    ['client to server', client, server],
    ['server to client', server, client],
  ] as const) {
    const { sent, received } = await transfer(one, other, { seconds: SECONDS }, 1);
    if (sent.sha256 !== received.sha256) throw new Error('the bytes arrived changed');
    say(
      `  ${name}: ${Math.round(received.mbit)} Mbit/s, ${received.bytes} bytes, SHA-256 the same at both ends`,
    );
  }
}

async function secureCable(lab: Lab, server: Host, client: Host): Promise<void> {
  say('\n1. The secure cable. Each end makes a key, and tells the other one the public half:');
  const [far, near] = ['server', 'client'].map((name) => {
    const end = makeEnd(lab, name, randomBytes);
    say(`  ${name}$ cryptcab keygen > ${end.keyFile} && cryptcab pubkey < ${end.keyFile}`);
    say(`    ${end.publicKey}`);
    return end;
  }) as [End, End];
  const peers = new Peers(lab, [`${near.publicKey} name=alice`]);
  say(`  server$ echo '${near.publicKey} name=alice' > ${peers.path}`);
  say('\nThen one command at each end; with a login by ssh these two are all, and no keys are needed:');
  const from = performance.now();
  const serving = types(
    'server',
    server,
    ...['serve', '-s', server.switchPath],
    ...['--key', far.keyFile, '--peers', peers.path],
  );
  await shows(serving, /^\[.*\] serving .*$/m);
  const words = [
    'connect',
    client.link.hub4,
    '-s',
    client.switchPath,
    '--key',
    near.keyFile,
    '--peer',
    far.publicKey,
  ];
  const connected = types('client', client, ...words);
  await shows(connected, /^\[.*\] the cable is up.*$/m);
  await shows(serving, /^\[.*\] alice is up.*$/m);
  say(`  (after ${Math.round(performance.now() - from)} ms, both programs' start included)`);
  sayPing(client, server);
  await sayThroughput(server, client);
  await interrupt(connected);
  await shows(serving, /^\[.*\] alice is gone.*$/m);
  await interrupt(serving);
}

async function classicCable(lab: Lab, server: Host, client: Host): Promise<void> {
  const key = randomBytes(24);
  const keyFile = lab.keyFile('key', key);
  say('\n2. The classic cable, which a C program may have at its other end, with a key that both ends read:');
  say(`  server$ vde_cryptcab -s ${server.switchPath} -P ${keyFile}`);
  say(`  client$ vde_cryptcab -s ${client.switchPath} -P ${keyFile} -c ${client.link.hub4}`);
  const from = performance.now();
  const [listening, connecting] = await layCable(server, client, keyFile, '-vvvv');
  say(`  up after ${Math.round(performance.now() - from)} ms, both programs' start included`);
  sayPing(client, server);

  say('\nCarried so far:');
  sayCounts('client', await carried(connecting));
  sayCounts('server', await carried(listening));

  // A ping's frame has 98 bytes; -vvvv logs each datagram as it is on the wire.
  const datagrams = [
    ...connecting.output.matchAll(/"direction":"out".*"message":"data".*"datagram":"(\w+)"/g),
  ];
  const longest = datagrams
    .map(([, hex]) => Buffer.from(hex as string, 'hex'))
    .sort((a, b) => b.length - a.length)[0];
  if (longest === undefined) throw new Error('the client logged no datagram');
  await sayDatagram(key, longest);

  await connecting.stop();
  await listening.stop();
  const ends = await layCable(server, client, keyFile, '-v');
  await sayThroughput(server, client);
  for (const end of ends.reverse()) await end.stop();
}

async function real(lab: Lab): Promise<void> {
  const [server, client] = lab.hosts as [Host, Host];
  say('Two hosts (network namespaces), each with a vde_switch and a tap on it:');
  for (const [name, host] of [
    ['server', server],
    ['client', client],
  ] as const) {
    await host.startSwitch();
    say(`  ${name}: switch ${host.switchPath}, tap0 ${host.inner}`);
  }
  await secureCable(lab, server, client);
  await classicCable(lab, server, client);
}

/** A frame of the type that IEEE 802 keeps for local experiments. */
function experiment(number: number, length: number): Uint8Array {
  const frame = new Uint8Array(length);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
  frame.set(new TextEncoder().encode(`ping ${number}`), 14);
  return frame;
}

/** Frames there and back, to a plug that echoes. */
async function sayPings(
  near: MemoryPort,
  hears: (arrived: (frame: Uint8Array) => void) => void,
): Promise<void> {
  say('Pings across it, to a plug that echoes:');
  for (let number = 1; number <= 5; number++) {
    const from = performance.now();
    const answer = new Promise<Uint8Array>((resolve) => {
      hears((frame) => resolve(Uint8Array.from(frame)));
    });
    near.send(experiment(number, 98));
    say(
      `  ping ${number}: ${(await answer).length} bytes back after ${(performance.now() - from).toFixed(2)} ms`,
    );
  }
}

/** A port that echoes what it gets, and one that hands it over. */
function ports() {
  let arrived: (frame: Uint8Array) => void = () => {};
  const far = memoryPort((frame) => far.send(Uint8Array.from(frame)));
  const near = memoryPort((frame) => arrived(frame));
  return { far, near, hears: (to: (frame: Uint8Array) => void) => (arrived = to) };
}

async function secureStandIn(): Promise<void> {
  const { far, near, hears } = ports();
  const [one, other] = [0, 1].map(() => newPrivateKey(randomBytes)) as [Uint8Array, Uint8Array];
  const server = await serve({
    port: 0,
    classic: false,
    secure: { privateKey: one, peers: [{ publicKey: keyText(publicKeyOf(other)), name: 'alice' }] },
    plug: far.open,
  });
  const client = await connect({
    host: '127.0.0.1',
    port: server.local.port,
    secure: { privateKey: other, serverPublicKey: keyText(publicKeyOf(one)) },
    plug: near.open,
  });
  say(`1. A secure cable is up: 127.0.0.1:${client.local.port} to 127.0.0.1:${server.local.port}`);
  await sayPings(near, hears);
  await client.close();
  await server.close();
}

async function classicStandIn(): Promise<void> {
  const key = randomBytes(24);
  let firstDatagram: Uint8Array | undefined;
  const { far, near, hears } = ports();
  const server = await serve({ port: 0, key, plug: far.open });
  const client = await connect({
    host: '127.0.0.1',
    port: server.local.port,
    key,
    plug: near.open,
    tap(direction, _remote, datagram) {
      if (direction === 'out' && datagram[0] === 0x20) firstDatagram ??= Uint8Array.from(datagram);
    },
  });
  say(`\n2. A classic cable is up: 127.0.0.1:${client.local.port} to 127.0.0.1:${server.local.port}`);
  await sayPings(near, hears);
  say('\nCarried so far:');
  sayCounts('client', client.stats().peers[0] as PeerStatistics);
  sayCounts('server', server.stats().peers[0] as PeerStatistics);
  await sayDatagram(key, firstDatagram as Uint8Array);

  // Frames that go round: each is sent again as it comes back. What UDP loses is made up for.
  let bytes = 0;
  let moved = true;
  hears((frame) => {
    bytes += frame.length;
    moved = true;
    near.send(Uint8Array.from(frame));
  });
  const from = performance.now();
  await new Promise<void>((resolve) => {
    const fill = () => {
      if (performance.now() - from > 1000 * SECONDS) {
        clearInterval(timer);
        hears(() => {});
        resolve();
      } else if (!moved || bytes === 0) {
        for (let i = 0; i < 32; i++) near.send(experiment(i, 1400));
      }
      moved = false;
    };
    const timer = setInterval(fill, 50);
  });
  const seconds = (performance.now() - from) / 1000;
  say(`\nThroughput: ${Math.round((bytes * 8) / seconds / 1e6)} Mbit/s each way, both ends in one process`);
  await client.close();
  await server.close();
}

async function main(): Promise<void> {
  const [flag, missing] = process.argv.slice(2);
  let why = flag === '--stand-in' ? (missing ?? 'as asked') : undefined;
  if (why === undefined) {
    let lab: Lab | undefined;
    try {
      lab = new Lab(2);
    } catch (error) {
      why = `no network namespaces here: ${error instanceof Error ? error.message.trim() : error}`;
    }
    if (lab !== undefined) {
      try {
        await real(lab);
      } finally {
        await lab.close();
      }
    }
  }
  if (why !== undefined) {
    say(`Not with real switches: ${why}`);
    say('The same cable between two stand-in plugs inside this process instead:\n');
    await secureStandIn();
    await classicStandIn();
  }
  say('\ndone: everything that the demo started is gone');
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
