// A device that has a stock WireGuard alone: wireguard-go on a host of the lab.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { keyText, newPrivateKey } from '../src/keys/key-text.js';
import { publicKeyOf } from '../src/keys/public-key.js';
import { addressText } from '../src/network/address.js';
import { macText } from '../src/network/host.js';
import { linkLocalOf, macOf } from '../src/protocol/host/mac.js';
import type { Host, Lab } from './lab.js';
import { type Process, until } from './process.js';

const DEVICE = 'wg0';
const START_MS = 120_000; // many start at the same time

export class Phone {
  readonly host: Host;
  readonly publicKey: string;
  /** As the server makes it of the public key. */
  readonly mac: string;
  readonly linkLocal: string;
  readonly #lab: Lab;
  readonly #keyFile: string;

  constructor(lab: Lab, host: Host, random: (length: number) => Uint8Array) {
    const secret = newPrivateKey(random);
    const key = publicKeyOf(secret);
    this.#lab = lab;
    this.host = host;
    this.publicKey = keyText(key);
    this.#keyFile = this.#lab.keyFile(`${host.namespace}.key`, Buffer.from(`${keyText(secret)}\n`));
    const mac = macOf(key);
    this.mac = macText(mac);
    this.linkLocal = addressText(linkLocalOf(mac));
  }

  /**
   * Starts it.
   * @param addresses that it has, with the networks of the switch
   * @param endpoint of the server, as `wg` takes it
   * @param keepalive s between messages of a quiet device; 0 for none
   */
  async start(
    serverKey: string,
    endpoint: string,
    addresses: readonly string[],
    { mtu = 1420, keepalive = 1 } = {},
  ): Promise<Process> {
    const { host } = this;
    const process = await this.#startGo();
    const peer = ['peer', serverKey, 'endpoint', endpoint, 'persistent-keepalive', String(keepalive)];
    host.run('wg', 'set', DEVICE, 'private-key', this.#keyFile, ...peer, 'allowed-ips', '0.0.0.0/0,::/0');
    this.#configure(addresses, mtu);
    return process;
  }

  /** Starts it with a configuration, as wg-quick would. */
  async startWith(text: string): Promise<void> {
    const { host } = this;
    await this.#startGo();
    const [, addresses = ''] = /^Address = (.*)$/m.exec(text) ?? [];
    const lines = text
      .split('\n')
      .filter((line) =>
        /^(?:\[|(?:PrivateKey|PublicKey|Endpoint|AllowedIPs|PersistentKeepalive) = )/.test(line),
      );
    host.run(
      'wg',
      'setconf',
      DEVICE,
      this.#lab.keyFile(`${host.namespace}.conf`, Buffer.from(`${lines.join('\n')}\n`)),
    );
    this.#configure(addresses.split(', '), 1420);
  }

  async #startGo(): Promise<Process> {
    const process = this.host.start(['wireguard-go', '-f', DEVICE]);
    const socket = join(this.host.runDirectory, `wireguard/${DEVICE}.sock`);
    await until('wireguard-go listens', () => existsSync(socket), START_MS);
    return process;
  }

  #configure(addresses: readonly string[], mtu: number): void {
    // No link-local address that it makes up, as the kernel's WireGuard has none.
    this.host.run('sysctl', '-qw', `net.ipv6.conf.${DEVICE}.addr_gen_mode=1`);
    for (const address of addresses) this.host.run('ip', 'address', 'add', address, 'dev', DEVICE);
    this.host.run('ip', 'link', 'set', DEVICE, 'mtu', String(mtu), 'multicast', 'on', 'up');
  }
}
