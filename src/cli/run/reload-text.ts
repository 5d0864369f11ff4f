// What the log says after a SIGHUP.

/**
 * What was done.
 * @param opened whether a log file was opened again
 * @param read whether each was read again
 */
export function reloadText(opened: boolean, read: Readonly<Record<string, boolean>>): string {
  const names = Object.keys(read).filter((name) => read[name]);
  const last = names.pop();
  const all = names.length === 0 ? last : `${names.join(', ')} and ${last}`;
  const done = [
    ...(opened ? ['opened the log file again'] : []),
    ...(all === undefined ? [] : [`read ${all} again`]),
  ];
  return done.length === 0 ? 'there is no file to be opened or read again' : done.join(', and ');
}
