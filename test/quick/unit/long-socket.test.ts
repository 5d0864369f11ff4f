// A switch's directory whose path leaves no room for that of a socket.
import { expect, test } from 'vitest';
import { noSwitch, SOCKET_PATH_MAX } from '../../../src/cable/plug/trouble.js';
import { NotThere } from '../../../src/cable/start-patience.js';

const directory = (socketBytes: number) => `/${'d'.repeat(socketBytes - '//ctl'.length)}`;

test('it is no switch that may still come, and the path is what is wrong', () => {
  const error = noSwitch(directory(SOCKET_PATH_MAX + 1), 'No such file or directory');
  expect(error).not.toBeInstanceOf(NotThere);
  expect(error.message).toContain('is too long');
});

test('the longest path is waited for', () => {
  expect(noSwitch(directory(SOCKET_PATH_MAX), 'No such file or directory')).toBeInstanceOf(NotThere);
});
