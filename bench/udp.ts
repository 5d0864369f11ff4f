// How many datagrams a runtime's sockets send and receive for a second of processor time, through what a cable has
// of them: node:dgram, and what is taken there (src/cable/udp/own.ts).
import { fileURLToPath } from 'node:url';
import { Process } from '../lab/process.js';
import { ask, figure, machine, median, options, otherRuntimes, save, table } from './measure.js';

const END = fileURLToPath(new URL('./udp-end.js', import.meta.url));

ask(async () => {
  const chosen = options();
  const found = machine();
  const ms = chosen.quick ? 500 : 2_000;
  const runtimes = [{ name: 'node', command: [process.execPath] }, ...otherRuntimes()].flatMap(
    ({ name, command }) => {
      const ends = [{ name: `${name}, node:dgram`, command: [...command, END, 'dgram'] }];
      if (name === 'bun') ends.push({ name: `${name}, its own`, command: [...command, END, 'own'] });
      if (name === 'deno')
        ends.push({
          name: `${name}, its own`,
          command: [...command, '--unstable-net', END, 'own'],
        });
      return ends;
    },
  );
  const raw: Record<string, { sent: number[]; received: number[] }> = {};
  for (let round = 0; round < chosen.rounds; round++) {
    for (const { name, command } of runtimes) {
      const receiver = new Process([...command, 'receive']);
      const [port] = await receiver.prints(/^\d+$/m);
      const sender = new Process([...command, 'send', port, String(ms)]);
      const rate = async (end: Process) => {
        const { count, cpuSeconds } = JSON.parse((await end.prints(/^\{.*\}$/m, 10_000))[0]);
        return count / cpuSeconds / 1e3;
      };
      const [sent, received] = await Promise.all([rate(sender), rate(receiver)]);
      raw[name] ??= { sent: [], received: [] };
      raw[name].sent.push(sent);
      raw[name].received.push(received);
    }
  }
  table(
    ['thousands of 1400 bytes per second of processor time', 'sent', 'received'],
    Object.entries(raw).map(([name, { sent, received }]) => [
      name,
      figure(median(sent)),
      figure(median(received)),
    ]),
  );
  const groups = (['sent', 'received'] as const).map((what) => ({
    name: what,
    bars: Object.entries(raw).map(([name, rates]) => ({ name, value: median(rates[what]) })),
  }));
  save(
    chosen,
    'udp',
    { machine: found, rates: raw },
    {
      rates: { title: 'Datagrams through a socket', unit: 'thousands per second of processor time', groups },
    },
  );
});
