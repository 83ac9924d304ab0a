import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
// Imports that the program makes on demand, so that loading them does not count as the time of a test.
import '../../../engine/validate/load-playbook.ts';
import '../../../modules/index.ts';
import { textsBeside } from '../../../scripts/texts-beside.mjs';
import { runProgram } from './run-program.ts';

const root = join(import.meta.dirname, '../../..');
let folder: string;

/** A folder with a playbook, an inventory and the command. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'completion-'));
  const files = {
    'site.yml':
      'hosts: web\nresources:\n  - include: parts/page.yml\n  - file: { pth: wrong }\n    tags: [app, certs]\n',
    'parts/page.yml': 'resources:\n  - file: { path: /page }\n    tags: [content]\n',
    'notes.txt': '',
    '.hidden.yml': '',
    'inventory.yml':
      'hosts: { web1: { vars: { workers: 2 } }, web2: , db1: { address: 203.0.113.9 } }\ngroups: { web: { hosts: [web1, web2] } }\n',
  };
  mkdirSync(join(folder, 'parts'));
  mkdirSync(join(folder, 'bin'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  await build({
    entryPoints: [join(root, 'engine/cli/main.ts')],
    outfile: join(folder, 'bin/reconcile.cjs'),
    ...{
      bundle: true,
      platform: 'node',
      format: 'cjs',
      external: ['cpu-features', '*.node'],
      plugins: [textsBeside],
      logLevel: 'error',
    },
  });
  const command = `#!/bin/sh\nexec '${process.execPath}' '${join(folder, 'bin/reconcile.cjs')}' "$@"\n`;
  writeFileSync(join(folder, 'bin/reconcile'), command, { mode: 0o755 });
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

const env = () => ({
  ...process.env,
  PATH: `${join(folder, 'bin')}:${process.env['PATH']}`,
  TERM: 'dumb',
  CI: '1',
});

/** Returns the completions of the last word. */
async function offered(...words: string[]): Promise<string[]> {
  const { exitCode, stdout, stderr } = await runProgram(['complete', '--', ...words], folder);
  expect([exitCode, stderr]).toEqual([0, '']);
  return stdout
    .split('\n')
    .slice(0, -1)
    .map(line => line.split('\t')[0]!);
}

describe('the last word of a command line may become', () => {
  test.each<[words: string[], offered: string[]]>([
    [['ap'], ['apply']],
    [['comp'], ['completion']],
    [['apply', '--con'], ['--confirm']],
    [
      ['apply', ''],
      ['bin/', 'inventory.yml', 'parts/', 'site.yml'],
    ],
    [['apply', 'parts/'], ['parts/page.yml']],
    [['apply', 'site.yml', ''], []],
    [['validate', 'site.yml', 'inv'], ['inventory.yml']],
    [['apply', 'site.yml', '-i', 'no'], ['notes.txt']],
    [
      ['apply', 'site.yml', '-l', ''],
      ['all', 'web', 'web1', 'web2', 'db1'],
    ],
    [
      ['apply', 'site.yml', '--limit=web:!w'],
      ['--limit=web:!web1', '--limit=web:!web2'],
    ],
    [['apply', '-l', 'db1,w', 'si'], ['site.yml']],
    [
      ['plan', 'site.yml', '-l', 'db1,w'],
      ['db1,web', 'db1,web1', 'db1,web2'],
    ],
    [
      ['facts', '-i', 'other1,other2', 'o'],
      ['other1', 'other2'],
    ],
    [
      ['apply', 'site.yml', '-t', ''],
      ['app', 'certs', 'content'],
    ],
    [
      ['apply', 'site.yml', '--skip-tags', 'app,c'],
      ['app,certs', 'app,content'],
    ],
    [['modules', 'pg_e'], ['pg_extension']],
    [['explain', 'no-s'], ['no-space']],
    [['inventory', '--explain', 'wo'], ['workers']],
    [
      ['lock', ''],
      ['status', 'release'],
    ],
    [['lock', 'status', 'd'], ['db1']],
    [
      ['graph', 'site.yml', '--format', ''],
      ['mermaid', 'svg'],
    ],
    [['completion', 'z'], ['zsh']],
    [['docs', 'an'], ['ansible']],
    [
      ['init', ''],
      ['bin/', 'parts/'],
    ],
    [['apply', 'site.yml', '-e', '@inv'], ['@inventory.yml']],
    [['nothing', ''], []],
    [['apply', 'site.yml', '-i', 'nowhere.yml', '-l', ''], []],
  ])('%j: %j', async (words, wanted) => {
    expect(await offered(...words)).toEqual(wanted);
  });
});

/**
 * What a shell on a terminal shows that has read the script and is typed these lines, each up to the tab, and the rest
 * once it has completed the word.
 */
async function typed(shell: string, name: string, ...lines: [typed: string, completed: string][]) {
  const child = spawn('script', ['-qec', shell, '/dev/null'], { cwd: folder, env: env(), timeout: 300_000 });
  let text = '';
  child.stdout.on('data', bytes => {
    text += bytes;
  });
  const shows = async (words: string, from: number) => {
    while (child.exitCode === null && child.signalCode === null && !text.slice(from).includes(words))
      await sleep(20);
  };
  child.stdin.write(`eval "$(reconcile completion ${name})"; echo re''ady\r`);
  await shows('ready', 0);
  for (const [line, completed] of lines) {
    const before = text.length;
    child.stdin.write(`${line}\t`);
    await shows(completed, before);
    child.stdin.write("; echo do''ne\r");
    await shows('done', before);
  }
  child.stdin.write('exit\r');
  await once(child, 'close');
  return text;
}

describe('a shell on a terminal', () => {
  test('bash completes a code, a host behind a colon, and a file', async () => {
    const shown = await typed(
      'bash --norc -i',
      'bash',
      ['reconcile explain no-sp', 'no-space '],
      ['reconcile inventory web:d', 'web:db1 '],
      ['reconcile validate inv', 'inventory.yml '],
    );
    expect(shown).toContain('A file system of the host is full.');
    expect(shown).toContain('203.0.113.9');
    expect(shown).toContain('inventory.yml:');
  }, 60_000);

  test.skipIf(!existsSync('/usr/bin/zsh'))(
    'zsh completes a code',
    async () => {
      const shown = await typed('zsh -f -i', 'zsh', ['reconcile explain no-sp', 'ace']);
      expect(shown).toContain('A file system of the host is full.');
    },
    60_000,
  );

  test.skipIf(!existsSync('/usr/bin/fish'))(
    'fish offers hosts with what they are',
    () => {
      const ask = 'reconcile completion fish | source; complete -C "reconcile apply site.yml -l web:!d"';
      const ran = spawnSync('fish', ['--no-config', '-c', ask], {
        cwd: folder,
        env: env(),
        encoding: 'utf8',
      });
      expect(ran.stdout).toBe('web:!db1\t203.0.113.9\n');
    },
    60_000,
  );
});
