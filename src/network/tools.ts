import { spawn } from 'node:child_process';
import { CryptcabError, codeOf, messageOf } from '../error.js';

/** The programs that rule the kernel's bridge, and the package of each. */
const PACKAGES = { ip: 'iproute2', bridge: 'iproute2', tc: 'iproute2', nft: 'nftables' } as const;
export type Tool = keyof typeof PACKAGES;

/** One that takes longer is killed. */
const LIMIT_MS = 10_000;

/** A program has refused. */
export class ToolError extends CryptcabError {
  /** @param why what it said first, without its own name */
  constructor(
    tool: Tool,
    readonly why: string,
  ) {
    super(`${tool}: ${why}`);
  }
}

/**
 * Runs a program to its end.
 * @param input for its standard input
 * @returns what it printed
 * @throws ToolError when it fails; CryptcabError when it is not there
 */
export function runTool(tool: Tool, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' };
    const child = spawn(tool, args, {
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    let printed = '';
    let said = '';
    child.stdout.on('data', (bytes) => {
      printed += bytes;
    });
    child.stderr.on('data', (bytes) => {
      said += bytes;
    });
    child.on('error', (error) => {
      const absent = codeOf(error) === 'ENOENT';
      reject(
        new CryptcabError(
          absent
            ? `the program ${tool} is not installed, or not on the PATH: install the package ${PACKAGES[tool]}`
            : `${tool} does not start: ${messageOf(error)}`,
        ),
      );
    });
    child.on('close', (status, signal) => {
      if (status === 0) return resolve(printed);
      // ip and tc tell behind it which line of theirs has failed; nft shows the rule below.
      const why =
        said.split('\n').find((line) => line.trim() !== '') ?? `ended by ${signal ?? `status ${status}`}`;
      reject(new ToolError(tool, why.replace(/^(?:RTNETLINK answers|Error): */, '').trim()));
    });
    child.stdin.on('error', () => {}); // it has ended: see its status
    child.stdin.end(input);
  });
}
