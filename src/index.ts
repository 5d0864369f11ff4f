/**
 * What a program needs that runs a cable: all of `cryptcab/node`, by its short name. The parts that do without an
 * operating system are at `cryptcab/core` and `cryptcab/protocol`.
 * @module cryptcab
 */
export * from './library/index.js';
