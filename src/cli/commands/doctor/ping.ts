// What the path carries, by ping(8): the program may send ICMP, which others may not.
import { spawn } from 'node:child_process';

/** IP packets that are tried, bytes: Ethernet, PPPoE, tunnels, mobile networks, and the least that IPv6, and IPv4, carry. */
const SIZES = [1500, 1492, 1480, 1460, 1440, 1420, 1400, 1380, 1340, 1280, 576];
/** What a packet has besides what ping counts. */
const HEADERS = { 4: 28, 6: 48 } as const;

/** Whether a packet of that size was answered. */
function ping(address: string, size: number): Promise<boolean> {
  const family = address.includes(':') ? 6 : 4;
  const args = [
    '-n',
    '-q',
    `-${family}`,
    '-c',
    '2',
    '-i',
    '0.2',
    '-W',
    '1',
    '-M',
    'do',
    '-s',
    String(size - HEADERS[family]),
  ];
  const child = spawn('ping', [...args, '--', address], { stdio: 'ignore' });
  return new Promise((resolve) => {
    child.on('error', () => resolve(false));
    child.on('close', (status) => resolve(status === 0));
  });
}

/**
 * The largest IP packet that comes to an address, and whose answer comes back; undefined where pings are not answered.
 * @param address no name
 */
export async function pathMtu(address: string): Promise<number | undefined> {
  const answered = await Promise.all(SIZES.map((size) => ping(address, size)));
  return SIZES.find((_, i) => answered[i] === true);
}
