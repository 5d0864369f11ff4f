// The system's log, where lines of a daemon without a log file go.
import { spawn } from 'node:child_process';
import { loadLibc } from '../../cable/native/linux/libc.js';
import { UnixDatagrams } from '../../cable/native/linux/unix-datagrams.js';
import { messageOf } from '../../error.js';
import { name } from '../program.js';
import type { Sink } from './line-sink.js';
import { readLine } from './priority.js';

const SOCKET = '/dev/log';
/** LOG_DAEMON of syslog(3). */
const FACILITY = 3 << 3;

/** Time as syslog(3) writes it: `Nov  9 14:28:00`. */
function timeText(date: Date): string {
  const month = date.toLocaleString('en', { month: 'short' });
  const clock = date.toTimeString().slice(0, 8);
  return `${month} ${String(date.getDate()).padStart(2)} ${clock}`;
}

/**
 * Opens the system's log. A line that it does not take is lost, and counted.
 * @param lostLine as of LineSinkOptions
 */
export async function openSyslog(lostLine: (lines: number, why: string) => string): Promise<Sink> {
  const put = await sender();
  let lost = 0;
  let why = '';
  const write = (line: string) => {
    try {
      if (lost > 0) put(lostLine(lost, why));
      lost = 0;
      put(line);
    } catch (error) {
      lost++;
      why = `${SOCKET} ${messageOf(error)}`;
    }
  };
  return { write, reopen() {}, close: async () => {} };
}

/** Without the C library logger(1) has each line: Node cannot send to such a socket. */
async function sender(): Promise<(line: string) => void> {
  try {
    const datagrams = new UnixDatagrams(await loadLibc(), SOCKET);
    return (line) => {
      const { severity, text } = readLine(line);
      datagrams.send(`<${FACILITY | severity}>${timeText(new Date())} ${name}[${process.pid}]: ${text}`);
    };
  } catch {
    return (line) => {
      const { severity, text } = readLine(line);
      const args = ['-t', name, `--id=${process.pid}`, '-p', `daemon.${severity}`, '--', text];
      spawn('logger', args, { stdio: 'ignore' }).on('error', () => {});
    };
  }
}
