// A stock WireGuard device on the Ethernet: what its server says to the network and to it, written a second time, from
// docs/protocol/secure.md §6 and the RFCs that it names.
import { expect, hash, hex, same } from './ask.mjs';

const word = (number) => Buffer.from([number >> 8, number & 255]);
const join = (...parts) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? hex(part) : Buffer.from(part))));
const zeros = (count) => Buffer.alloc(count);
const ONES = Buffer.alloc(6, 255);
const [NOBODY_4, NOBODY_6, EVERYBODY] = [zeros(4), zeros(16), Buffer.alloc(4, 255)];
const ALL_NODES = hex('ff020000000000000000000000000001');
const ALL_ROUTERS = hex('ff020000000000000000000000000002');
const [REPORTS_4, REPORTS_6] = [hex('e0000016'), hex('ff020000000000000000000000000016')];
const SERVICES = {
  mdns: ['e00000fb', 'ff0200000000000000000000000000fb'],
  ssdp: ['effffffa', 'ff02000000000000000000000000000c', 'ff05000000000000000000000000000c'],
  llmnr: ['e00000fc', 'ff020000000000000000000000010003'],
};

function checksum(...parts) {
  const bytes = join(...parts);
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes[at] * 256 + (bytes[at + 1] ?? 0);
  return word(0xffff - (sum % 0xffff || (sum > 0 ? 0xffff : 0)));
}

const pseudo = (source, destination, protocol, length) =>
  join(source, destination, source.length === 4 ? [0, protocol] : [0, 0, 0, protocol], word(length));

function put(bytes, at, value) {
  const copy = Buffer.from(bytes);
  value.copy(copy, at);
  return copy;
}

function ip(source, destination, protocol, hops, payload, alert = false) {
  if (source.length === 16) {
    const header = alert ? join([protocol, 0, 5, 2, 0, 0, 1, 0]) : zeros(0);
    const next = alert ? 0 : protocol;
    return join(
      [0x60, 0, 0, 0],
      word(header.length + payload.length),
      [next, hops],
      source,
      destination,
      header,
      payload,
    );
  }
  const options = alert ? [0x94, 4, 0, 0] : [];
  const size = 20 + options.length;
  const header = join(
    [0x40 + size / 4, 0],
    word(size + payload.length),
    [0, 0, 0x40, 0, hops, protocol, 0, 0],
    source,
    destination,
    options,
  );
  return join(put(header, 10, checksum(header)), payload);
}

function icmp6(source, destination, hops, message, alert) {
  const its = checksum(pseudo(source, destination, 58, message.length), message);
  return ip(source, destination, 58, hops, put(message, 2, its), alert);
}

function igmp(source, destination, message) {
  return ip(source, destination, 2, 1, put(message, 2, checksum(message)), true);
}

function udp(source, destination, from, to, data) {
  const head = join(word(from), word(to), word(8 + data.length), [0, 0], data);
  return ip(
    source,
    destination,
    17,
    64,
    put(head, 6, checksum(pseudo(source, destination, 17, head.length), head)),
  );
}

const ethernet = (to, from, packet) => join(to, from, packet[0] >> 4 === 4 ? '0800' : '86dd', packet);
const groupMac = (group) =>
  group.length === 16
    ? join('3333', group.subarray(12))
    : join('01005e', [group[1] & 127], group.subarray(2));
const solicitedNode = (address) => join('ff02000000000000000000', '01ff', address.subarray(13));
const isGroup = (address) => (address.length === 16 ? address[0] === 255 : address[0] >> 4 === 14);
const linkLocalOf = (mac) =>
  join('fe80000000000000', [mac[0] ^ 2], mac.subarray(1, 3), 'fffe', mac.subarray(3));

export function macOf(publicKey) {
  const mac = hash(Buffer.from('cryptcab host 1'), publicKey).subarray(0, 6);
  return join([(mac[0] & ~3) | 2], mac.subarray(1));
}

function inNetwork(address, { address: network, bits }) {
  if (address.length !== network.length) return false;
  const all = (one) => BigInt(`0x${one.toString('hex')}`) >> BigInt(8 * one.length - bits);
  return all(address) === all(network);
}

/** A packet taken apart; the ones of the vectors have no extension headers but the router alert. */
function apart(packet) {
  if (packet[0] >> 4 === 4) {
    const header = 4 * (packet[0] & 15);
    const bytes = packet.subarray(0, packet.readUInt16BE(2));
    return {
      bytes,
      source: bytes.subarray(12, 16),
      destination: bytes.subarray(16, 20),
      protocol: bytes[9],
      payload: bytes.subarray(header),
    };
  }
  const bytes = packet.subarray(0, 40 + packet.readUInt16BE(4));
  const skip = bytes[6] === 0 ? 8 : 0;
  return {
    bytes,
    source: bytes.subarray(8, 24),
    destination: bytes.subarray(24, 40),
    protocol: skip ? bytes[40] : bytes[6],
    payload: bytes.subarray(40 + skip),
  };
}

class Server {
  #test;
  #mac;
  #six;
  #max;
  #groups;
  /** Own addresses: bytes, bits, state, and packets that wait. */
  #own = new Map();
  #stations = new Map();
  #networks = [];
  #router;
  /** What is to come at a time, and what a drawn time is to bring. */
  #agenda = [];
  #drawn = new Map();
  #joined = new Set();
  #closed = true;
  #asleep = false;
  #elsewhere = false;
  #lease;
  #due = [];
  now = 0;

  constructor(test) {
    this.#test = test;
    this.#mac = macOf(hex(test.publicKey));
    this.#max = test.packetMax;
    const names =
      test.multicast === 'all' ? Object.keys(SERVICES) : test.multicast === 'none' ? [] : test.multicast;
    this.#groups = names.flatMap((name) => SERVICES[name]).map(hex);
    this.#six = test.addresses.some(({ address }) => address.length === 32);
  }

  get #link() {
    return linkLocalOf(this.#mac);
  }

  get #families() {
    const four = this.#test.dhcp || this.#test.addresses.some(({ address }) => address.length === 8);
    return [...(four ? [4] : []), ...(this.#six ? [16] : [])];
  }

  #frame(to, packet) {
    this.#due.push({ do: 'frame', frame: ethernet(to, this.#mac, packet).toString('hex') });
  }

  #arp(operation, to, sender, targetMac, target) {
    const frame = join(
      to,
      this.#mac,
      '0806',
      '000108000604',
      word(operation),
      this.#mac,
      sender,
      targetMac,
      target,
    );
    this.#due.push({ do: 'frame', frame: frame.toString('hex') });
  }

  #at(ms, work, owner) {
    this.#agenda.push({ at: this.now + ms, work, owner });
  }

  #cancel(owner) {
    this.#agenda = this.#agenda.filter((one) => one.owner !== owner);
  }

  step({ now, event, frame, packet, effects, deadline }) {
    this.#due = [];
    for (;;) {
      this.#agenda.sort((one, other) => one.at - other.at);
      if (this.#agenda.length === 0 || this.#agenda[0].at > now) break;
      const { at, work } = this.#agenda.shift();
      this.now = at;
      work();
    }
    this.now = now;
    if (event === 'up') this.#up();
    else if (event === 'asleep') this.#sleep();
    else if (event === 'gone') this.#gone();
    else if (event === 'frame') this.#fromSwitch(hex(frame));
    else if (event === 'packet') this.#fromDevice(hex(packet));
    for (const family of this.#joined) this.#report(family, 4, false);
    this.#joined.clear();
    this.#compare(effects);
    expect(deadline === null || deadline > now, 'it wants to be told the time at once, for ever');
  }

  /** What is due has come, and besides it nothing but what a drawn time may bring. */
  #compare(effects) {
    const left = effects.map((effect) => JSON.stringify(effect));
    const take = (effect) => {
      const at = left.indexOf(JSON.stringify(effect));
      if (at >= 0) left.splice(at, 1);
      return at >= 0;
    };
    for (const effect of this.#due) expect(take(effect), `it lacks ${JSON.stringify(effect)}`);
    for (const [what, { until, build }] of this.#drawn) {
      this.#due = [];
      build();
      if (this.#due.every(take)) this.#drawn.delete(what);
      else expect(this.now < until, `it lacks the report of ${what}`);
    }
    same('what is left', '', left.join(' '));
  }

  // Addresses.

  #up() {
    this.#asleep = false;
    if (!this.#closed) return;
    this.#closed = false;
    const link = { address: this.#link.toString('hex'), bits: 64 };
    for (const one of [...this.#test.addresses, ...(this.#six ? [link] : [])])
      this.#detect(one.address, one.bits);
    for (const family of this.#families) this.#joins(family);
    if (this.#test.dhcp) this.#discover();
  }

  #detect(key, bits) {
    const address = hex(key);
    const one = {
      address,
      bits,
      state: 'looking',
      waiting: this.#own.get(key)?.waiting ?? [],
      defended: -Infinity,
    };
    this.#own.set(key, one);
    const four = address.length === 4;
    const probe = () => {
      if (four) this.#arp(1, ONES, NOBODY_4, zeros(6), address);
      else {
        const group = solicitedNode(address);
        this.#frame(groupMac(group), icmp6(NOBODY_6, group, 255, join([135, 0, 0, 0], zeros(4), address)));
      }
    };
    probe();
    if (four) for (const ms of [400, 800]) this.#at(ms, probe, one);
    this.#at(four ? 1200 : 1000, () => this.#use(one), one);
  }

  #use(one) {
    one.state = 'used';
    this.#announceTwice(one);
    this.#joins(one.address.length);
    if (one.address.equals(this.#link))
      for (const ms of [0, 4000, 8000]) this.#at(ms, () => this.#askRouters(), 'routers');
    for (const packet of one.waiting.splice(0)) this.#fromDevice(packet);
  }

  #announce({ address }) {
    if (address.length === 4) this.#arp(1, ONES, address, zeros(6), address);
    else this.#frame(groupMac(ALL_NODES), this.#advertisement(address, ALL_NODES, 0x20));
  }

  #announceTwice(one) {
    this.#announce(one);
    this.#at(2000, () => this.#announce(one), one);
  }

  #advertisement(target, destination, flags) {
    return icmp6(target, destination, 255, join([136, 0, 0, 0, flags, 0, 0, 0], target, [2, 1], this.#mac));
  }

  #askRouters() {
    const message = join([133, 0, 0, 0], zeros(4), [1, 1], this.#mac);
    this.#frame(groupMac(ALL_ROUTERS), icmp6(this.#link, ALL_ROUTERS, 255, message));
  }

  /** The device is back from another server. */
  #back() {
    this.#elsewhere = false;
    for (const one of this.#own.values()) {
      if (one.state !== 'used') continue;
      this.#cancel(one);
      this.#announceTwice(one);
    }
    for (const family of this.#families) this.#joins(family);
  }

  #conflict(one) {
    if (one.state === 'used') {
      if (this.now - one.defended < 10_000) return;
      one.defended = this.now;
      this.#announce(one);
      return;
    }
    if (one.state !== 'looking') return;
    this.#cancel(one);
    one.state = 'refused';
    one.waiting = [];
    if (this.#lease !== undefined && one.address.equals(this.#lease.address)) this.#decline();
    else this.#at(60_000, () => this.#detect(one.address.toString('hex'), one.bits), one);
  }

  #sleep() {
    this.#asleep = true;
    this.#at(
      3_600_000,
      () => {
        this.#gone();
        this.#due.push({ do: 'close' });
      },
      'sleep',
    );
  }

  #gone() {
    if (this.#closed) return;
    for (const family of this.#families) this.#report(family, 3, false);
    if (this.#lease !== undefined)
      this.#dhcp(7, { own: this.#lease.address, server: this.#lease.server, to: this.#lease });
    this.#closed = true;
    this.#agenda = [];
    this.#drawn.clear();
    this.#own.clear();
    this.#stations.clear();
  }

  // Groups.

  #inUse(family) {
    const solicited =
      family === 16 ? Array.from(this.#own.values()).filter(({ address }) => address.length === 16) : [];
    const all = [
      ...solicited.map(({ address }) => solicitedNode(address)),
      ...this.#groups.filter((one) => one.length === family),
    ];
    return all.filter((one, i) => all.findIndex((other) => other.equals(one)) === i);
  }

  #source(family) {
    const used = Array.from(this.#own.values()).filter(({ state }) => state === 'used');
    if (family === 16) return used.some(({ address }) => address.equals(this.#link)) ? this.#link : NOBODY_6;
    return used.find(({ address }) => address.length === 4)?.address ?? NOBODY_4;
  }

  #joins(family) {
    this.#joined.add(family);
    if (this.#inUse(family).length > 0)
      this.#draws(`groups joined, ${family}`, 1000, () => this.#report(family, 4, false));
  }

  /** Something is to come within a time, at one that is drawn. */
  #draws(what, within, build) {
    expect(this.now < (this.#drawn.get(what)?.until ?? Infinity), `it lacks the report of ${what}`);
    this.#drawn.set(what, { until: this.now + within, build });
  }

  end() {
    for (const what of this.#drawn.keys()) throw new Error(`it lacks the report of ${what}`);
  }

  #report(family, type, old) {
    const groups = this.#inUse(family);
    if (groups.length === 0) return;
    const source = this.#source(family);
    if (old) {
      for (const group of groups)
        this.#frame(
          groupMac(group),
          family === 4
            ? igmp(source, group, join([0x16, 0, 0, 0], group))
            : icmp6(source, group, 1, join([131, 0, 0, 0], zeros(4), group), true),
        );
      return;
    }
    const records = join(...groups.map((group) => join([type, 0, 0, 0], group)));
    if (family === 4)
      this.#frame(
        groupMac(REPORTS_4),
        igmp(source, REPORTS_4, join([0x22, 0, 0, 0, 0, 0], word(groups.length), records)),
      );
    else
      this.#frame(
        groupMac(REPORTS_6),
        icmp6(source, REPORTS_6, 1, join([143, 0, 0, 0, 0, 0], word(groups.length), records), true),
      );
  }

  /** Somebody asks for all groups; within the time that is in the query. */
  #asked(family, payload) {
    const [old, within] =
      family === 4
        ? [payload.length === 8, 100 * payload[1]]
        : [payload.length === 24, payload.readUInt16BE(4)];
    this.#draws(`groups asked for, ${family}`, within, () => this.#report(family, 2, old));
  }

  // Stations.

  #station(address) {
    const key = address.toString('hex');
    if (!this.#stations.has(key)) this.#stations.set(key, { address: Buffer.from(address), waiting: [] });
    return this.#stations.get(key);
  }

  #ask({ address, mac }) {
    const source = address.length === 4 ? this.#source(4) : this.#link;
    if (address.length === 4) this.#arp(1, mac ?? ONES, source, zeros(6), address);
    else {
      const to = mac === undefined ? solicitedNode(address) : address;
      this.#frame(
        mac ?? groupMac(to),
        icmp6(source, to, 255, join([135, 0, 0, 0], zeros(4), address, [1, 1], this.#mac)),
      );
    }
  }

  #to(address, packet) {
    const one = this.#station(address);
    if (one.state === 'silent') return;
    if (one.mac === undefined) {
      one.waiting.push(packet);
      if (one.state === 'asked') return;
      one.state = 'asked';
      this.#ask(one);
      for (const ms of [1000, 2000]) this.#at(ms, () => this.#ask(one), one);
      this.#at(3000, () => this.#silent(one), one);
      return;
    }
    this.#frame(one.mac, packet);
    if (one.state !== 'stale') return;
    one.state = 'needed';
    for (const ms of [5000, 6000, 7000]) this.#at(ms, () => this.#ask(one), one);
    this.#at(8000, () => this.#silent(one), one);
  }

  /** Who has not answered three times, a second apart, is silent for five seconds. */
  #silent(one) {
    one.waiting = [];
    one.state = 'silent';
    one.mac = undefined;
    this.#at(5000, () => this.#stations.delete(one.address.toString('hex')), one);
  }

  /** A station has said what its MAC address is, as an answer or by itself. */
  #heard(address, mac, answers) {
    const key = address.toString('hex');
    if (!this.#stations.has(key) && answers) return;
    const one = this.#station(address);
    const fresh = one.mac === undefined || !one.mac.equals(mac);
    if (!answers && !fresh) return;
    this.#cancel(one);
    one.mac = Buffer.from(mac);
    one.state = answers ? 'there' : 'stale';
    if (answers) this.#at(30_000, () => (one.state = 'stale'), one);
    for (const packet of one.waiting.splice(0)) this.#to(address, packet);
  }

  // From the switch.

  #fromSwitch(frame) {
    const [to, from, type, body] = [
      frame.subarray(0, 6),
      frame.subarray(6, 12),
      frame.readUInt16BE(12),
      frame.subarray(14),
    ];
    if (this.#closed || (!(to[0] & 1) && !to.equals(this.#mac)) || from.equals(this.#mac)) {
      this.#elsewhere ||= from.equals(this.#mac);
      return;
    }
    if (type === 0x0806) this.#fromArp(body);
    if (type !== 0x0800 && type !== 0x86dd) return;
    const packet = apart(body);
    const { source, destination, protocol, payload, bytes } = packet;
    if (protocol === 58 && payload[0] >= 133 && payload[0] <= 137) return this.#discovered(from, packet);
    if (protocol === 2 && payload[0] === 0x11) this.#asked(4, payload);
    if (protocol === 58 && payload[0] === 130) this.#asked(16, payload);
    if (this.#test.dhcp && protocol === 17 && payload.readUInt16BE(2) === 68)
      return this.#answered(from, payload.subarray(8));
    const group = isGroup(destination);
    if (
      group
        ? this.#asleep || !this.#takes(destination)
        : to[0] & 1 || this.#own.get(destination.toString('hex'))?.state !== 'used'
    )
      return;
    if (bytes.length <= this.#max)
      this.#due.push({ do: 'packet', packet: this.#fitted(packet).toString('hex') });
    else if (source.length === 4) {
      const message = join([3, 4, 0, 0, 0, 0], word(this.#max), bytes.subarray(0, 548));
      this.#frame(from, ip(destination, source, 1, 64, put(message, 2, checksum(message))));
    } else
      this.#frame(
        from,
        icmp6(destination, source, 64, join([2, 0, 0, 0, 0, 0], word(this.#max), bytes.subarray(0, 1232))),
      );
  }

  #takes(group) {
    return this.#test.multicast === 'all' || this.#groups.some((one) => one.equals(group));
  }

  #fromArp(body) {
    const [operation, mac, sender, target] = [
      body.readUInt16BE(6),
      body.subarray(8, 14),
      body.subarray(14, 18),
      body.subarray(24, 28),
    ];
    const [theirs, ours] = [sender, target].map((one) => this.#own.get(one.toString('hex')));
    if (theirs !== undefined) return this.#conflict(theirs);
    if (operation === 2) this.#heard(sender, mac, true);
    else if (ours?.state === 'used') {
      this.#heard(sender, mac, false);
      this.#arp(2, mac, target, mac, sender);
    }
  }

  #discovered(from, { source, payload }) {
    const target = payload.subarray(8, 24);
    const ours = this.#own.get(target.toString('hex'));
    if (payload[0] === 136) return void this.#heard(target, payload.subarray(26, 32), true);
    if (payload[0] === 134) {
      this.#router = Buffer.from(source);
      this.#networks.push({ address: payload.subarray(40, 56), bits: payload[26] });
      this.#cancel('routers');
      return void this.#heard(source, payload.subarray(18, 24), false);
    }
    if (ours === undefined) return;
    if (source.equals(NOBODY_6)) return this.#conflict(ours);
    if (ours.state !== 'used') return;
    this.#heard(source, payload.subarray(26, 32), false);
    this.#frame(from, this.#advertisement(target, source, 0x60));
  }

  // From the device.

  #fromDevice(bytes) {
    if (this.#closed) return;
    if (this.#asleep) this.#cancel('sleep');
    this.#asleep = false;
    if (this.#elsewhere) this.#back();
    const packet = apart(bytes);
    const { source, destination, protocol, payload } = packet;
    const own = this.#own.get(source.toString('hex'));
    if (own?.state === 'looking') return void own.waiting.push(bytes);
    if (own?.state !== 'used' || (protocol === 58 && payload[0] >= 133 && payload[0] <= 137)) return;
    const used = Array.from(this.#own.values()).filter(({ state }) => state === 'used');
    const last = used.some(
      ({ address, bits }) => bits === 24 && destination.equals(join(address.subarray(0, 3), [255])),
    );
    if (isGroup(destination)) return this.#frame(groupMac(destination), packet.bytes);
    if (destination.equals(EVERYBODY) || last) return this.#frame(ONES, packet.bytes);
    if (this.#own.has(destination.toString('hex'))) return;
    const near = [...used, ...this.#networks].some((network) => inNetwork(destination, network));
    const given = this.#test.gateways?.map(hex).find((one) => one.length === destination.length);
    const gateway = given ?? (destination.length === 4 ? this.#lease?.router : this.#router);
    const next = near ? destination : gateway;
    if (next !== undefined) this.#to(next, this.#fitted(packet));
  }

  /** The packet, with an MSS that fits: in the vectors it is the first option. */
  #fitted({ bytes, source, destination, protocol, payload }) {
    if (protocol !== 6 || !(payload[13] & 2)) return bytes;
    const most = this.#max - (source.length === 4 ? 40 : 60);
    const mss = word(Math.min(most, payload.readUInt16BE(22)));
    const segment = put(put(payload, 22, mss), 16, zeros(2));
    return join(
      bytes.subarray(0, bytes.length - payload.length),
      put(segment, 16, checksum(pseudo(source, destination, 6, segment.length), segment)),
    );
  }

  // DHCP.

  #discover() {
    this.#lease = undefined;
    this.#dhcp(1, { requested: this.wanted });
  }

  /** A message of the client's; its transaction is of the random bytes, as long as it says no other. */
  #dhcp(type, { own = NOBODY_4, requested, server, to, again = false }) {
    const transactions = again ? [this.transaction] : this.#transactions();
    const option = (number, bytes) => (bytes === undefined ? zeros(0) : join([number, bytes.length], bytes));
    const asks = type === 1 || type === 3;
    const options = join(
      ...[
        option(53, [type]),
        option(61, join([0], this.#test.publicKey)),
        option(50, requested),
        option(54, server),
      ],
      ...(asks ? [option(12, Buffer.from(this.#test.hostName)), option(55, [1, 3, 51, 58, 59])] : []),
      [255],
    );
    const frames = transactions.map((transaction) => {
      const message = join(
        [1, 1, 6, 0],
        transaction,
        zeros(4),
        own,
        zeros(12),
        this.#mac,
        zeros(202),
        [99, 130, 83, 99],
        options,
      );
      const padded = join(message, zeros(Math.max(0, 300 - message.length)));
      const packet = udp(own, to === undefined ? EVERYBODY : to.server, 68, 67, padded);
      return {
        transaction,
        frame: ethernet(to === undefined ? ONES : to.mac, this.#mac, packet).toString('hex'),
      };
    });
    const sent =
      frames.find(({ frame }) => this.effects.some((effect) => effect.frame === frame)) ?? frames[0];
    this.transaction = sent.transaction;
    this.#due.push({ do: 'frame', frame: sent.frame });
  }

  #transactions() {
    const random = hex(this.#test.random);
    return Array.from({ length: random.length - 3 }, (_, at) => random.subarray(at, at + 4));
  }

  #answered(mac, message) {
    const options = new Map();
    for (let at = 240; message[at] !== 255; at += 2 + message[at + 1])
      options.set(message[at], message.subarray(at + 2, at + 2 + message[at + 1]));
    const [type, server] = [options.get(53)[0], options.get(54)];
    expect(message.subarray(4, 8).equals(this.transaction), 'the answer is to another question');
    const address = Buffer.from(message.subarray(16, 20));
    if (type === 2) return this.#dhcp(3, { requested: address, server, again: true });
    const before = this.#lease;
    const seconds = options.get(51).readUInt32BE();
    this.#lease = {
      address,
      server: Buffer.from(server),
      mac: Buffer.from(mac),
      router: Buffer.from(options.get(3)),
    };
    this.wanted = address;
    this.#at(500 * seconds, () => this.#dhcp(3, { own: address, to: this.#lease }), 'lease');
    if (before === undefined) this.#detect(address.toString('hex'), 24);
  }

  #decline() {
    const { address, server } = this.#lease;
    this.#dhcp(4, { requested: address, server });
    this.#own.delete(address.toString('hex'));
    this.#cancel('lease');
    this.wanted = undefined;
    this.#at(10_000, () => this.#discover());
    this.#lease = undefined;
  }
}

export function trace(test) {
  const server = new Server(test);
  for (const [i, step] of test.steps.entries()) {
    server.effects = step.effects;
    try {
      server.step(step);
    } catch (error) {
      throw new Error(`step ${i + 1}, ${step.event} at ${step.now} ms: ${error.message}`);
    }
  }
  server.end();
}

export function addresses({ publicKey, mac, linkLocal }) {
  const its = macOf(hex(publicKey));
  same('mac', mac, its);
  same('linkLocal', linkLocal, linkLocalOf(its));
}
