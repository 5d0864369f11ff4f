// Keys and peers files of the secure cable, made as a person makes them.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyText, newPrivateKey } from '../src/keys/key-text.js';
import { publicKeyOf } from '../src/keys/public-key.js';
import type { Host, Lab } from './lab.js';
import type { Process } from './process.js';

export interface End {
  readonly keyFile: string;
  readonly publicKey: string;
}

/** A key of one end's, in a file. */
export function makeEnd(lab: Lab, name: string, random: (length: number) => Uint8Array): End {
  const privateKey = newPrivateKey(random);
  const keyFile = lab.keyFile(`${name}.key`, Buffer.from(`${keyText(privateKey)}\n`));
  return { keyFile, publicKey: keyText(publicKeyOf(privateKey)) };
}

/** A peers file, which changes all at once. */
export class Peers {
  readonly path: string;
  constructor(lab: Lab, lines: readonly string[], name = 'peers') {
    this.path = join(lab.directory, name);
    this.write(lines);
  }

  write(lines: readonly string[]): void {
    writeFileSync(`${this.path}.new`, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
    renameSync(`${this.path}.new`, this.path);
  }

  without(word: string): void {
    this.write(
      readFileSync(this.path, 'utf8')
        .split('\n')
        .filter((line) => line !== '' && !line.includes(word)),
    );
  }
}

/** Starts a server of the secure cable, and waits until it is one. */
export async function startSecureServer(
  host: Host,
  end: End,
  peers: Peers,
  args: readonly string[] = ['--no-classic'],
): Promise<Process> {
  const process = host.cryptcab(['--secure', '--key', end.keyFile, '--peers', peers.path, '-v', ...args]);
  await process.prints(/waiting for clients/);
  return process;
}

/** Starts a client of it, and waits until it is up. */
export async function startSecureClient(
  host: Host,
  end: End,
  server: End,
  target: string,
  args: readonly string[] = [],
  ms = 30_000,
): Promise<Process> {
  const keys = ['--key', end.keyFile, '--peer', server.publicKey];
  const process = host.cryptcab(['--secure', ...keys, '-c', target, '-v', ...args]);
  await process.prints(/the cable is up/, ms);
  return process;
}
