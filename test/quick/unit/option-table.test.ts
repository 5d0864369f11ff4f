// The table of options: what it says is what the command line and the library do.
import { describe, expect, test } from 'vitest';
import { commandName, commandText, rows } from '../../../src/cli/names.js';
import { Answer, parseOptions } from '../../../src/cli/options.js';
import { connect } from '../../../src/library/connect.js';
import type { ConnectOptions, ServeOptions } from '../../../src/library/options.js';
import { serve } from '../../../src/library/serve.js';
import { libraryText } from '../../../src/option-mark.js';
import { COMMANDS } from '../../../src/options/commands.js';
import { libraryName } from '../../../src/options/find-conflict.js';
import type { OptionKey } from '../../../src/options/option-table.js';
import type { End, Face, Relation, Value } from '../../../src/options/terms.js';

const keys = Object.keys(rows) as OptionKey[];

describe('names', () => {
  test('no two options are written alike', () => {
    const written = keys.flatMap((key) => {
      const { long, short, aliases = [], variable } = rows[key];
      return [long, short && `-${short}`, variable, ...aliases].filter((name) => name !== undefined);
    });
    expect(new Set(written).size).toBe(written.length);
  });

  test('every option can be given somewhere', () => {
    for (const key of keys) {
      const { face, long, variable } = rows[key];
      expect(face === 'library', key).toBe(long === undefined && variable === undefined);
    }
  });

  /** What the library has in these options, as its own complaint about a strange one lists them. */
  async function known(start: (options: never) => Promise<unknown>, options: object): Promise<string[]> {
    const error = await start(options as never).then(
      () => new Error('taken for good'),
      (reason: Error) => reason,
    );
    return error.message.replace(/^.* has no option strange; it has /, '').split(', ');
  }

  test('the library has each option of the table, and the table each of the library', async () => {
    const plug = () => {
      throw new Error('nothing is to be opened');
    };
    const end = { plug, host: 'h' };
    const strange = { strange: true };
    const within = async (name: string, names: Promise<string[]>) =>
      (await names).map((inner) => `${name}.${inner}`);
    const library = [
      ...(await known(connect, strange)),
      ...(await known(serve, strange)),
      ...(await within('ssh', known(connect, { ...end, ssh: strange }))),
      ...(await within('secure', known(connect, { ...end, secure: strange }))),
      ...(await within('secure', known(serve, { plug, secure: strange }))),
    ];
    // Only a program can have these, and they go with everything.
    const ofPrograms = ['log', 'tap', 'openUdp', 'signal'];
    const table = keys
      .filter((key) => rows[key].face !== 'command')
      .flatMap((key) => {
        const { end, also = [] } = rows[key];
        const ends = end === undefined ? (['client', 'server'] as const) : [end];
        return [...ends.map((one) => libraryName(key, one).replace(/:.*/, '')), ...also];
      });
    expect([...new Set([...table, ...ofPrograms])].sort()).toEqual([...new Set(library)].sort());
  });
});

/** A value that an option takes by itself. */
function sample(value: Value): string {
  switch (value.kind) {
    case 'number':
    case 'rate':
      return String(value.max);
    case 'port':
      return '7';
    case 'choice':
      return value.choices.at(-1) as string;
    case 'address':
      return '127.0.0.1';
    case 'endpoint':
      return 'h:7';
    case 'policy':
      return 'isolated';
    case 'public key':
      return Buffer.alloc(32, 1).toString('base64');
    default:
      return 'x';
  }
}

/** What the command line says to these options; the library to the same. */
async function says(
  face: Face,
  end: End,
  given: ReadonlyMap<OptionKey, string | undefined>,
): Promise<string> {
  if (face === 'command') {
    const words = [...given].flatMap(([key, wanted]) => {
      const { long, value } = rows[key];
      return value === undefined ? [`--${long}`] : [`--${long}`, wanted ?? sample(value)];
    });
    try {
      const named = [...given.keys()].some((key) => rows[key].style === 'named');
      const first = named ? ['connect', 'h'] : ['-c', 'h'];
      parseOptions(
        'cable',
        '0',
        end === 'client' ? [...first, ...words] : named ? ['serve', ...words] : words,
      );
    } catch (error) {
      return error instanceof Answer ? '' : (error as Error).message;
    }
    return '';
  }
  const options: Record<string, unknown> = {};
  for (const [key, wanted] of given) {
    const [first, second] = (key === 'classic' ? key : libraryName(key, end)).split('.') as [string, string?];
    const value = key === 'classic' ? false : key === 'ssh' || key === 'secure' ? {} : (wanted ?? true);
    if (second === undefined) options[first] ??= value;
    else options[first] = { ...(options[first] as object | undefined), [second]: value };
  }
  const started =
    end === 'client'
      ? connect(options as unknown as ConnectOptions)
      : serve(options as unknown as ServeOptions);
  return started.then(
    () => '',
    (error: Error) => error.message,
  );
}

interface Case {
  readonly face: Face;
  readonly end: End;
  readonly key: OptionKey;
  readonly relation: Relation<OptionKey>;
}

/** Where two options can meet. */
const places = ([key, ...others]: OptionKey[], only: Partial<Relation> = {}) =>
  (['command', 'library'] as const).flatMap((face) =>
    (['client', 'server'] as const)
      .filter((end) => {
        const all = [key as OptionKey, ...others].map((one) => rows[one]);
        const exist = all.every((row) => (row.face ?? face) === face && (row.end ?? end) === end);
        return exist && (only.face ?? face) === face && (only.end ?? end) === end;
      })
      .map((end) => ({ face, end })),
  );

const isOfSsh = (key: OptionKey, end: End) => libraryName(key, end).startsWith('ssh.');

const relations = (what: 'excludes' | 'needs'): [string, Case][] =>
  keys.flatMap((key) =>
    ((rows[key][what] ?? []) as readonly Relation<OptionKey>[]).flatMap((relation) =>
      places([key, relation.option], relation)
        // An option within `ssh` is refused together with the whole of it.
        .filter(({ face, end }) => face === 'command' || !isOfSsh(key, end) || relation.option !== 'key')
        .map((place): [string, Case] => [
          `${key}, ${relation.option}: ${place.face}, ${place.end}`,
          { ...place, key, relation },
        ]),
    ),
  );

/** What a face calls an option. */
const nameFor = (face: Face, end: End, key: OptionKey) =>
  face === 'command' ? commandName(key) : libraryName(key, end);

/** That option, and the secure cable where it is for that one. */
const alone = (key: OptionKey): [OptionKey, undefined][] =>
  rows[key].cable === 'secure'
    ? [
        ['secure', undefined],
        [key, undefined],
      ]
    : [[key, undefined]];

describe('what excludes another option is refused with it, by the names of who reads it', () => {
  test.each(relations('excludes'))('%s', async (_, { face, end, key, relation }) => {
    const { option, value, why } = relation;
    const given = new Map<OptionKey, string | undefined>([...alone(key), ...alone(option), [option, value]]);
    const message = await says(face, end, given);
    expect(message).toContain(`${nameFor(face, end, key)} and ${nameFor(face, end, option)}`);
    expect(message).toContain(face === 'command' ? commandText(why) : libraryText(why));
  });
});

describe('what needs another option is refused without it', () => {
  test.each(relations('needs'))('%s', async (_, { face, end, key, relation }) => {
    const message = await says(face, end, new Map(alone(key)));
    expect(message).toContain(`${nameFor(face, end, key)} needs ${nameFor(face, end, relation.option)}`);
    expect(message).toContain(relation.why);
  });
});

describe('what is of one cable or of one end alone', () => {
  const one = (key: OptionKey) => rows[key].long !== undefined && rows[key].face !== 'library';
  test.each(keys.filter((key) => one(key) && rows[key].cable === 'secure'))(
    '%s is refused without secure',
    async (key) => {
      for (const end of places([key]).map((place) => place.end))
        expect(await says('command', end, new Map([[key, undefined]]))).toMatch(
          / is for the secure cable: add --secure/,
        );
    },
  );

  test.each(keys.filter((key) => one(key) && rows[key].cable === 'classic'))(
    '%s is refused by a secure client, and by a server that serves no classic ones',
    async (key) => {
      const secure: [OptionKey, undefined][] = [
        ['secure', undefined],
        [key, undefined],
      ];
      expect(await says('command', 'client', new Map(secure))).toMatch(
        new RegExp(`^--secure and ${commandName(key)} exclude each other`),
      );
      if (rows[key].end === 'client' || key === 'plain') return;
      expect(await says('command', 'server', new Map([...secure, ['classic', undefined]]))).toMatch(
        new RegExp(`^--no-classic and ${commandName(key)} exclude each other`),
      );
    },
  );

  test.each(keys.filter((key) => one(key) && rows[key].end !== undefined))(
    '%s is refused by the other end',
    async (key) => {
      const { end } = rows[key];
      const message = await says('command', end === 'client' ? 'server' : 'client', new Map(alone(key)));
      expect(message).toMatch(
        end === 'client'
          ? new RegExp(`^${commandName(key)} is for clients: .*-c`)
          : new RegExp(`^${commandName(key)} and -c exclude each other: .`),
      );
      expect(message).not.toContain('undefined');
    },
  );
});

test('texts are sentences without an end, and what follows them are whole ones', () => {
  const all = [
    ...Object.values(rows),
    ...Object.values(COMMANDS),
    ...Object.values(COMMANDS).flatMap((command) =>
      Object.values('options' in command ? command.options : {}),
    ),
  ] as readonly { text: string; more?: string }[];
  for (const { text, more } of all) {
    expect(text).toMatch(/^[a-z`].*[^.\s]$/);
    if (more !== undefined) expect(more).toMatch(/^[A-Z0-9`].*\.$/);
  }
});
