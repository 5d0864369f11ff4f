// What this process may do: it becomes another user for good, and keeps a capability where it still needs one.
import { Arena } from './arena.js';
import type { Libc } from './libc.js';

/** capabilities(7): to open a port below 1024, to make taps and bridges, and to have the frames of a network card. */
export const CAP = { NET_BIND_SERVICE: 10, NET_ADMIN: 12, NET_RAW: 13 } as const;
export type Capability = (typeof CAP)[keyof typeof CAP];

// prctl(2), linux/capability.h
const PR = { SET_KEEPCAPS: 8, SET_NO_NEW_PRIVS: 38, CAP_AMBIENT: 47 } as const;
const AMBIENT_RAISE = 2;
const CAPABILITY_VERSION = 0x20080522;
/** struct __user_cap_header_struct, and two of struct __user_cap_data_struct. */
const CAP_BYTES = 8 + 2 * 12;

export interface Identity {
  /** Whose further groups it has as well; undefined: none. */
  readonly name: string | undefined;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Becomes a user, on all threads: the C library sees to that, and the kernel takes their capabilities. This thread, and what
 * it starts from now on, keeps those that are named.
 * @throws Error when the system refuses; nothing may be done then, as part of it may be done
 */
export function become(libc: Libc, { name, uid, gid }: Identity, keep: readonly Capability[]): void {
  const own = libc.load(null);
  const must = (call: string, result: number) => {
    if (result < 0) throw new Error(`${call} ${libc.errorName(libc.errno())}`);
  };
  // It takes any number of arguments. Linux passes them as it passes those of other functions.
  const prctl = own.func('int prctl(int option, uint64_t a, uint64_t b, uint64_t c, uint64_t d)');
  const arena = new Arena(libc, 64);
  const at = arena.take(CAP_BYTES);
  const { words } = arena;

  if (keep.length > 0) must('PR_SET_KEEPCAPS', prctl(PR.SET_KEEPCAPS, 1, 0, 0, 0));
  words[at >> 2] = gid;
  must(
    'setgroups',
    name === undefined
      ? own.func('int setgroups(size_t count, uint64_t groups)')(1, arena.address(at))
      : own.func('int initgroups(const char *user, uint32_t group)')(name, gid),
  );
  must('setgid', own.func('int setresgid(uint32_t real, uint32_t effective, uint32_t saved)')(gid, gid, gid));
  const setresuid = own.func('int setresuid(uint32_t real, uint32_t effective, uint32_t saved)');
  must('setuid', setresuid(uid, uid, uid));

  const mask = keep.reduce((bits, capability) => bits | (1 << capability), 0);
  words.set([CAPABILITY_VERSION, 0, mask, mask, mask, 0, 0, 0], at >> 2); // effective, permitted, inheritable
  must(
    'capset',
    own.func('int capset(uint64_t header, uint64_t data)')(arena.address(at), arena.address(at + 8)),
  );
  // For a vde_plug that makes a tap: inherited by a program that is no root's only so.
  for (const capability of keep)
    must('PR_CAP_AMBIENT', prctl(PR.CAP_AMBIENT, AMBIENT_RAISE, capability, 0, 0));
  must('PR_SET_NO_NEW_PRIVS', prctl(PR.SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  if (setresuid(0, 0, 0) === 0) throw new Error('it can become root again');
}
