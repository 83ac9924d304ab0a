import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PlaybookFiles } from '../../../engine/yaml/source-files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reconcile-tree-'));
  mkdirSync(join(folder, 'code'));
  writeFileSync(join(folder, 'code/one'), 'one');
});
afterEach(() => rmSync(folder, { recursive: true }));

const tree = () =>
  new PlaybookFiles(join(folder, 'site.yml')).tree(join(folder, 'code'), {
    file: 'site.yml',
    line: 1,
    column: 1,
  });

describe('a folder to copy', () => {
  test('holds the target of a link to a file', () => {
    symlinkSync('one', join(folder, 'code/two'));
    expect(tree().map(({ path, content }) => [path, String(content)])).toEqual([
      ['one', 'one'],
      ['two', 'one'],
    ]);
  });

  test('with a link to a folder is refused', () => {
    symlinkSync('/srv', join(folder, 'code/two'));
    expect(tree).toThrow(/code\/two" is a link to a folder, and a tree copies no links/);
  });

  test('with a link to nothing is refused', () => {
    symlinkSync('nowhere', join(folder, 'code/two'));
    expect(tree).toThrow(/code\/two" is a link to nothing/);
  });

  test('with a name that is not in UTF-8 is refused', () => {
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/code/dator`), Buffer.from([0xe4])]), 'x');
    expect(tree).toThrow(/The name of .*dator\uFFFD" is not in UTF-8/);
  });
});
