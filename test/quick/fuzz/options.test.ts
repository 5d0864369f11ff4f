import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { Answer, parseOptions, type Settings, UsageError } from '../../../src/cli/options.js';
import { property } from './property.js';

const parse = (argv: string[]) => parseOptions('cable', '9.8.7', argv);

/** The settings, or undefined where the line was refused: in one line, which names no other fault. */
function settings(argv: string[], seen: { taken: number; refused: number }): Settings | undefined {
  try {
    const taken = parse(argv);
    seen.taken++;
    return taken;
  } catch (error) {
    if (error instanceof Answer) return undefined;
    if (!(error instanceof UsageError)) throw error;
    expect(error.message).toMatch(/^[^\r\n]+$/);
    seen.refused++;
    return undefined;
  }
}

const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.array(fc.nat(0xffff)).map((codes) => String.fromCharCode(...codes)),
);

describe('any text', () => {
  const part = fc.constantFrom('@', ':', '[', ']', '-', ' ', '::1', '7667', '0', 'host', '\n', '\0', '%');
  const seen = { taken: 0, refused: 0 };
  property(
    'after -c is a server, or refused in one line, and never an option of ssh',
    300,
    fc.property(
      fc.oneof(
        anyText,
        fc.array(part).map((all) => all.join('')),
      ),
      (text) => {
        const connect = settings(['-c', text], seen)?.connect;
        if (connect === undefined) return;
        expect(connect.host).toMatch(/^[^-\s\][]\S*$/u);
        expect(connect.user ?? 'none').toMatch(/^[^-\s]\S*$/u);
        expect(connect.port).toBeGreaterThan(0);
        expect(connect.port).toBeLessThanOrEqual(65535);
      },
    ),
    () => expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(0),
  );
});

describe('any words', () => {
  const word = fc.oneof(
    anyText,
    fc.constantFrom(...['-s', '-p', '-c', '-P', '-x', '-k', '-d', '-v', '-vvv', '--', '-h', '--version']),
    fc.constantFrom('--sock', '--unix=', '--localport', '--connect=h', '--cipher', 'chacha20', '--pidfile'),
    fc.constantFrom('--verbose=vv', '--log-file', 'h:1', '0', '7667', '/tmp/vde.ctl', '-kxdvc', '-Pkey'),
  );
  const seen = { taken: 0, refused: 0 };
  property(
    'are a command line, or refused in one line',
    300,
    fc.property(fc.array(word, { maxLength: 8 }), (argv) => {
      const taken = settings(argv, seen);
      if (taken === undefined) return;
      expect(taken.port >= (taken.connect ? 0 : 1) && taken.port <= 65_535).toBe(true);
      expect(taken.plain && taken.keyFile !== undefined).toBe(false);
      expect([taken.socket, taken.keyFile, taken.pidFile, taken.logFile]).not.toContain('');
    }),
    () => expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(0),
  );
});
