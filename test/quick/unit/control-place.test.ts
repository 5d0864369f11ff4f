// Where a control socket is.
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { controlPaths, controlPlace, controlSockets } from '../../../src/control/path.js';
import { allPaths, directory, me, open, place, useControls } from './control-fixture.js';

useControls();

describe('where it lies', () => {
  test('in the runtime directory of the user, or in that of the system', () => {
    expect(controlPlace({ XDG_RUNTIME_DIR: '/x/y' }, 7)).toEqual({
      user: 7,
      roots: ['/x/y', '/run/cryptcab-7', '/run/user/7', '/run'],
    });
    expect(controlPlace({ XDG_RUNTIME_DIR: '/run/user/7' }, 7).roots).toEqual([
      '/run/user/7',
      '/run/cryptcab-7',
      '/run',
    ]);
    expect(controlPlace({}, 0).roots).toEqual(['/run/user/0', '/run']);
    expect(controlPlace({ XDG_RUNTIME_DIR: 'not/absolute' }, 0).roots).toEqual(['/run/user/0', '/run']);
  });

  test("not in another user's runtime directory, which is named", () => {
    const fault = `XDG_RUNTIME_DIR is ${directory}, which belongs to another user (${me})`;
    expect(controlPlace({ XDG_RUNTIME_DIR: directory }, me + 1)).toEqual({
      user: me + 1,
      roots: [`/run/cryptcab-${me + 1}`, `/run/user/${me + 1}`, '/run'],
      fault,
    });
    expect(controlPlace({ XDG_RUNTIME_DIR: directory }, me).fault).toBeUndefined();
    expect(controlPlace({ XDG_RUNTIME_DIR: directory }, undefined).fault).toBeUndefined();
  });

  test('in a directory that nobody else gets into', () => {
    mkdirSync(join(directory, 'cryptcab'), { mode: 0o777 });
    chmodSync(join(directory, 'cryptcab'), 0o777);
    expect(allPaths('7', place)).toEqual({ paths: [join(directory, 'cryptcab/7.sock')], faults: [] });
    expect(statSync(join(directory, 'cryptcab')).mode & 0o022).toBe(0);
  });

  test("not in another user's directory, behind a symbolic link, or nowhere", () => {
    const nowhere = { paths: [], faults: [] };
    expect(allPaths('7', { user: me + 1, roots: [directory] })).toEqual(nowhere);
    expect(allPaths('7', { user: me, roots: [join(directory, 'none')] })).toEqual(nowhere);
    mkdirSync(join(directory, 'elsewhere'));
    symlinkSync(join(directory, 'elsewhere'), join(directory, 'cryptcab'));
    expect(allPaths('7', place)).toEqual({
      paths: [],
      faults: [`${join(directory, 'cryptcab')} is not a directory of this user`],
    });
    expect(controlSockets(place)).toEqual([]);
    expect(readdirSync(directory).sort()).toEqual(['cryptcab', 'elsewhere']);
  });

  test('the next place is taken where one will not do', () => {
    const roots = [join(directory, 'none'), directory];
    expect(allPaths('7', { user: me, roots }).paths).toEqual([join(directory, 'cryptcab/7.sock')]);
  });

  test('who takes the first place leaves nothing at the others', () => {
    const roots = ['first', 'second'].map((name) => join(directory, name));
    for (const root of roots) mkdirSync(root);
    const [first] = controlPaths('7', { user: me, roots });
    expect(first).toEqual({ path: join(directory, 'first/cryptcab/7.sock') });
    expect(readdirSync(join(directory, 'second'))).toEqual([]);
  });

  test('not where its path would be longer than that of a socket may be', () => {
    const root = (bytes: number) => join(directory, 'x'.repeat(bytes - directory.length - 1));
    const end = '/cryptcab/7.sock'.length;
    const [fits, long] = [root(107 - end), root(108 - end)] as [string, string];
    for (const one of [fits, long]) mkdirSync(one);
    expect(allPaths('7', { user: me, roots: [long, fits] })).toEqual({
      paths: [join(fits, 'cryptcab/7.sock')],
      faults: [`${join(long, 'cryptcab/7.sock')} is longer than the 107 bytes that a socket's path may have`],
    });
  });

  test('a place that cannot be looked into is none', () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    const loop = join(directory, 'loop');
    symlinkSync(loop, loop);
    const roots = [file, loop, join(loop, 'x'), `/${'x'.repeat(5_000)}`];
    expect(allPaths('7', { user: me, roots })).toEqual({ paths: [], faults: [] });
    expect(controlSockets({ user: me, roots })).toEqual([]);
  });

  test('what is there is found', async () => {
    const path = await open(7);
    writeFileSync(join(directory, 'cryptcab/README'), '');
    expect(controlSockets({ user: me, roots: [join(directory, 'none'), directory] })).toEqual([
      { name: '7', path },
    ]);
    expect(controlSockets({ user: me + 1, roots: [directory] })).toEqual([]);
  });
});
