// A network card that is not there: it is waited for, as a card that is switched off is. The C library is a double.
import { expect, test } from 'vitest';
import { ERRNO, type Libc } from '../../../src/cable/native/linux/libc.js';
import { Nics } from '../../../src/cable/native/ports/nic.js';
import { NotThere } from '../../../src/cable/start-patience.js';

/** @param index of the card; 0 where there is none */
function nics(index: number) {
  const closed: number[] = [];
  const libc = {
    address: () => 0,
    ifNametoindex: () => index,
    socket: () => 7,
    setsockopt: () => 0,
    bind: () => -1,
    errno: () => ERRNO.NODEV,
    strerror: () => 'No such device',
    close: (fd: number) => closed.push(fd),
  } as unknown as Libc;
  const opener = new Nics(libc);
  return { closed, open: () => opener.open({ opener, locator: 'nic://eth1', standing: false }) };
}

test.each([
  ['that is not there', 0, []],
  ['that goes while it is opened', 3, [7]],
])('a card %s is named, and may come', async (_, index, closes) => {
  const { closed, open } = nics(index);
  const why = await open().catch((error: Error) => error);
  expect(why).toBeInstanceOf(NotThere);
  expect((why as Error).message).toMatch(
    /^there is no network card eth1: see ip link, or name another with /,
  );
  expect(closed).toEqual(closes);
});
