/** How frames and datagrams are moved: by what every system has, or by Linux's own calls; `auto` finds out. */
export const IO_PATHS = ['auto', 'portable', 'native'] as const;

/** One of IO_PATHS. */
export type Io = (typeof IO_PATHS)[number];

/** Most I/O threads that a server may have. */
export const THREADS_MAX = 64;
