import type { Host } from './lab.js';

/** UDP source ports that a router maps to, one after the other. */
const FIRST_PORT = 20_000;

/** Makes a host a router that masquerades, for the hosts that have it as their gateway. */
export class Nat {
  readonly #router: Host;
  #port = FIRST_PORT;

  constructor(router: Host, behind: readonly Host[]) {
    this.#router = router;
    router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1');
    for (const host of behind) host.run('ip', 'route', 'add', 'default', 'via', host.link.hub4);
    this.#nft('add table ip nat', 'add chain ip nat out { type nat hook postrouting priority srcnat; }');
    this.#map();
  }

  #nft(...commands: string[]): void {
    this.#router.run('nft', commands.join('\n'));
  }

  /** Only what is new is mapped by a new rule; what goes on, goes on as it was. */
  #map(): void {
    this.#nft(
      'flush chain ip nat out',
      `add rule ip nat out oifname ${this.#router.device} meta l4proto udp masquerade to :${this.#port++}`,
      `add rule ip nat out oifname ${this.#router.device} masquerade`,
    );
  }

  /** Forgets all that goes on; the next datagram of a client gets another source port. Throws when nothing does. */
  forget(): void {
    this.#map();
    this.#router.run('conntrack', '--delete', '--proto', 'udp');
  }
}
