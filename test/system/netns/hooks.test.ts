// --up, --down and --verify of real ends.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Host, Lab } from '../../../lab/lab.js';
import { until } from '../../../lab/process.js';
import { makeEnd, startSecureClient } from '../../../lab/secure-keys.js';
import { randomness } from '../../support/seed.js';

const random = randomness();
let lab: Lab;
afterEach(() => lab.close());

test('a caller is let in by --verify, and its coming and going are told', async () => {
  lab = new Lab(2, 'native');
  const [hub, client] = lab.hosts as [Host, Host];
  const own = makeEnd(lab, 'server', random.bytes);
  const end = makeEnd(lab, 'client', random.bytes);
  const file = (name: string) => join(lab.directory, name);
  const said = (name: string) => (existsSync(file(name)) ? readFileSync(file(name), 'utf8').trim() : '');
  const answers = file('answers');
  writeFileSync(answers, '');
  const say = (name: string) =>
    `echo "$CRYPTCAB_PEER $CRYPTCAB_PUBLIC_KEY $CRYPTCAB_ADDRESS $CRYPTCAB_DEVICE $CRYPTCAB_SWITCH $CRYPTCAB_REASON" >> ${file(name)}`;
  const server = hub.cryptcab([
    ...['--secure', '--no-classic', '--key', own.keyFile, '-s', 'bridge://br0', '-v'],
    ...[
      '--verify',
      `echo $CRYPTCAB_PUBLIC_KEY >> ${file('asked')}; grep "$CRYPTCAB_PUBLIC_KEY" ${answers}; true`,
    ],
    ...['--up', say('up'), '--down', say('down')],
  ]);
  await server.prints(/waiting for clients/);
  client.makeTap();
  const coming = startSecureClient(client, end, own, client.link.hub4, [
    ...['-s', 'tap://tap0', '--up', say('client-up'), '--down', say('client-down')],
  ]);
  await server.prints(/--verify does not let a caller in/);
  expect(said('asked')).toBe(end.publicKey);
  writeFileSync(answers, `${end.publicKey} name=anna rate=10mbit\n`);
  const cable = await coming;
  const address = `${client.link.own4}:7667`;
  await until('the server has told', () => said('up') !== '');
  expect(said('up').trim()).toBe(`anna ${end.publicKey} ${address} br0p0 bridge://br0`);
  await until('the client has told', () => said('client-up') !== '');
  expect(said('client-up')).toContain(`${own.publicKey} ${client.link.hub4}:7667 tap0 tap://tap0`);
  expect(await cable.stop()).toBe(0);
  expect(said('client-down')).toMatch(/ ended$/);
  await until('the server has told that it is gone', () => said('down') !== '');
  expect(said('down')).toBe(`anna ${end.publicKey} ${address} br0p0 bridge://br0 goodbye`);
  const again = await startSecureClient(client, end, own, client.link.hub4, ['-s', 'tap://tap0']);
  await until('the server has run --up again', () => said('up').split('\n').length === 2);
  expect(await server.stop()).toBe(0);
  expect(said('down')).toMatch(/ goodbye\n.* ended$/);
  expect(await again.stop()).toBe(0);
}, 120_000);
