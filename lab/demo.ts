// The main job, shown: two hosts, two switches, an encrypted cable, a ping. Where namespaces or programs are
// missing, the same cable runs between two stand-in plugs inside this process.
import { randomBytes } from 'node:crypto';
import { connect, memoryPort, type PeerStatistics, serve } from '../src/index.js';
import { carried, transfer } from './checks.js';
import { type Host, Lab } from './lab.js';
import type { Process } from './process.js';
import { describe, hexdump, openDatagram } from './show.js';

const SECONDS = 4;
const say = (text = '') => console.log(text);

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

/** Starts a cable between two hosts; both ends' programs, and they are up. */
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
  const key = randomBytes(24);
  const keyFile = lab.keyFile('key', key);
  say('\nAn encrypted cable between the two switches, with a key that both ends read:');
  say(`  server$ vde_cryptcab -s ${server.switchPath} -P KEY`);
  say(`  client$ vde_cryptcab -s ${client.switchPath} -P KEY -c ${client.link.hub4}`);
  const from = performance.now();
  const [listening, connecting] = await layCable(server, client, keyFile, '-vvvv');
  say(`  up after ${Math.round(performance.now() - from)} ms, both programs' start included`);

  say(`\nA ping across it, ${client.inner} to ${server.inner}:`);
  const ping = client.run('ping', '-n', '-c', '5', '-i', '0.2', server.inner);
  say(
    ping
      .split('\n')
      .filter((line) => /bytes from|packets|rtt/.test(line))
      .map((line) => `  ${line}`)
      .join('\n'),
  );

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
  say(
    `\nThroughput, one TCP stream, ${SECONDS} s each way (namespaces, switches, taps and both ends share this machine):`,
  );
  const ends = await layCable(server, client, keyFile, '-v');
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
  for (const end of ends.reverse()) await end.stop();
}

/** A frame of the type that IEEE 802 keeps for local experiments. */
function experiment(number: number, length: number): Uint8Array {
  const frame = new Uint8Array(length);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
  frame.set(new TextEncoder().encode(`ping ${number}`), 14);
  return frame;
}

async function standIn(): Promise<void> {
  const key = randomBytes(24);
  let firstDatagram: Uint8Array | undefined;
  let arrived: (frame: Uint8Array) => void = () => {};
  const far = memoryPort((frame) => far.send(Uint8Array.from(frame))); // echoes what it gets
  const near = memoryPort((frame) => arrived(frame));
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
  say(`A cable is up: 127.0.0.1:${client.local.port} to 127.0.0.1:${server.local.port}`);
  say('\nPings across it, to a plug that echoes:');
  for (let number = 1; number <= 5; number++) {
    const from = performance.now();
    const answer = new Promise<Uint8Array>((resolve) => {
      arrived = (frame) => resolve(Uint8Array.from(frame));
    });
    near.send(experiment(number, 98));
    say(
      `  ping ${number}: ${(await answer).length} bytes back after ${(performance.now() - from).toFixed(2)} ms`,
    );
  }
  say('\nCarried so far:');
  sayCounts('client', client.stats().peers[0] as PeerStatistics);
  sayCounts('server', server.stats().peers[0] as PeerStatistics);
  await sayDatagram(key, firstDatagram as Uint8Array);

  // Frames that go round: each is sent again as it comes back. What UDP loses is made up for.
  let bytes = 0;
  let moved = true;
  arrived = (frame) => {
    bytes += frame.length;
    moved = true;
    near.send(Uint8Array.from(frame));
  };
  const from = performance.now();
  await new Promise<void>((resolve) => {
    const fill = () => {
      if (performance.now() - from > 1000 * SECONDS) {
        clearInterval(timer);
        arrived = () => {};
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
    await standIn();
  }
  say('\ndone: everything that the demo started is gone');
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
