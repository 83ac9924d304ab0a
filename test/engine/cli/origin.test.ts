import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { commitOf } from '../../../engine/cli/origin.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'origin-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const git = (...words: string[]) =>
  execFileSync('git', ['-C', folder, '-c', 'user.name=A', '-c', 'user.email=a@example.com', ...words], {
    encoding: 'utf8',
  }).trim();

it('the commit of a playbook is that of its repository, with its changes', async () => {
  git('init', '-q');
  writeFileSync(join(folder, 'site.yml'), 'hosts: all\n');
  git('add', '.');
  git('commit', '-qm', 'One');
  git('tag', 'v1');
  const commit = git('rev-parse', '--short=12', 'HEAD');
  expect(await commitOf(folder)).toBe(commit);
  writeFileSync(join(folder, 'site.yml'), 'hosts: web\n');
  expect(await commitOf(folder)).toBe(`${commit}-dirty`);
});

it('a folder outside of a repository has no commit', async () => {
  expect(await commitOf(folder)).toBeUndefined();
  expect(await commitOf(join(folder, 'missing'))).toBeUndefined();
});
