// What the tables of options and commands hold. Texts are one sentence without its full stop; what is code stands between `backticks`.

/** A value that is kept as it is written. */
interface TextValue {
  readonly kind:
    | 'switch'
    | 'file'
    | 'directory'
    | 'account'
    | 'address'
    | 'server'
    | 'endpoint'
    | 'public key'
    | 'places'
    | 'time'
    | 'listen'
    | 'policy'
    | 'command'
    | 'peers'
    | 'text';
  readonly placeholder: string;
  /** What has to be named, where nothing is. */
  readonly names?: string;
}

/** A number of decimal digits; a rate may have `/s` behind it. */
interface NumberValue {
  readonly kind: 'number' | 'rate';
  readonly placeholder: string;
  /** What it has to be, for people. */
  readonly what: string;
  readonly min: number;
  readonly max: number;
}

interface PortValue {
  readonly kind: 'port';
  readonly placeholder: string;
}

interface ChoiceValue {
  readonly kind: 'choice';
  readonly placeholder: string;
  readonly choices: readonly string[];
}

/** What follows an option. */
export type Value = TextValue | NumberValue | PortValue | ChoiceValue;

/** Which of the two ends of a cable. */
export type End = 'client' | 'server';
/** Where options are set: on the command line, or in the library. */
export type Face = 'command' | 'library';

/**
 * How a cable is asked for: by name, with `cryptcab serve` and `cryptcab connect`, or by options alone, as the C program is.
 * The two say which cable it is in opposite ways: the one has `--classic`, the other `--secure`.
 */
export type Style = 'named' | 'options';

/** Another option that one does not go with, or does not go without. */
export interface Relation<Key extends string = string> {
  readonly option: Key;
  /** Only with this value of it. */
  readonly value?: string;
  /** For people, with marks (name.ts). */
  readonly why: string;
  /** Only there. */
  readonly face?: Face;
  readonly end?: End;
  readonly style?: Style;
}

/** An option, as it is explained. */
export interface Explained {
  /** A flag when there is none. */
  readonly value?: Value;
  /** The sentence for `--help`. */
  readonly text: string;
  /** What the documents say besides: whole sentences, in Markdown. */
  readonly more?: string;
}

/** An option of a cable. Its key is the library's name of it, as it is in an error. */
export interface Option<Key extends string = string> extends Explained {
  /** How the command line writes it, without dashes. */
  readonly long?: string;
  readonly short?: string;
  /** Other long names. */
  readonly aliases?: readonly string[];
  /** The long name that `cryptcab` shows for it, beside those of the C program. */
  readonly today?: string;
  /** The only face that has it. */
  readonly face?: Face;
  /** The only style of command line that has it. */
  readonly style?: Style;
  /** What messages call it, where the cable is asked for by name and it is not written so. */
  readonly named?: string;
  /** What the library calls it in messages, where it is not the key. */
  readonly library?: string | Readonly<Record<End, string>>;
  /** Other options of the library that the command line sets by this one. */
  readonly also?: readonly string[];
  /** The environment variable that sets it on the command line, where no option does. */
  readonly variable?: string;
  /** Whether the C program's manual page has it: abbreviations mean these first. */
  readonly original?: true;
  /** Whether `vde_cryptcab` has it, though the C program has not. */
  readonly kept?: true;
  /** What messages of the command line call it together with its value, where it is not the placeholder. */
  readonly called?: string;
  readonly default?: string | number;
  /** What holds instead with `cryptcab connect`. */
  readonly connectDefault?: { readonly value: number; readonly text: string };
  /** What holds without it, in words, where there is no default value. */
  readonly otherwise?: string;
  /** The only end that has it, and what to do at the other one instead. */
  readonly end?: End;
  readonly elsewhere?: string;
  /** The only cable that has it, and what to do with the other one instead. */
  readonly cable?: 'classic' | 'secure';
  readonly instead?: string;
  readonly excludes?: readonly Relation<Key>[];
  readonly needs?: readonly Relation<Key>[];
}

/** An option of a command. */
export interface CommandOption extends Explained {
  readonly short?: string;
  /** It may be given several times. */
  readonly several?: true;
}

/** A command beside the cable's own. */
export interface CommandTerms {
  readonly text: string;
  readonly more?: string;
  /** It is a cable, and has the options of this end (spellings.ts). */
  readonly cableEnd?: End;
  /** What is most used of its options, where they are too many to list. */
  readonly usage?: string;
  /** By their long names. */
  readonly options?: Readonly<Record<string, CommandOption>>;
  /** What follows the options. */
  readonly operands?: {
    readonly placeholder: string;
    readonly what: string;
    /** It is one of these. */
    readonly choices?: readonly string[];
    /** What it is otherwise, where a shell can complete it. */
    readonly kind?: 'server' | 'topic' | 'files' | 'name';
    /** How many there are at least; default: 1. */
    readonly least?: number;
    /** And at most; default: 1. */
    readonly most?: number;
  };
  /** Another name of it. */
  readonly alias?: string;
}
