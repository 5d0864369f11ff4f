/** A clock that all threads share, ms: that of performance.now() begins with each thread. */
export function sharedTime(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return 1e3 * seconds + nanoseconds / 1e6;
}
