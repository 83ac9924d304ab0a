import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

describe('the package', () => {
  let folder: string;
  let tarball: string;
  let said: string;
  const run = (cwd: string, ...[program, ...args]: [string, ...string[]]) => {
    const env = { ...process.env, HOME: folder, npm_config_audit: 'false', npm_config_fund: 'false' };
    const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8' });
    return { exit: status, stdout, stderr };
  };
  const installed = () => join(folder, 'empty/node_modules/reconcile');

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'reconcile-package-'));
    const copy = join(folder, 'repository');
    // Packing changes the manifest for a moment: a copy's, since other tests read the repository's own.
    const left = /^\/(?:\.git|node_modules|dist|test|bench)(?:\/|$)/;
    cpSync(root, copy, { recursive: true, filter: from => !left.test(from.slice(root.length)) });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const before = readFileSync(join(copy, 'package.json'), 'utf8');
    const packed = run(copy, 'npm', 'pack', '--silent', '--pack-destination', folder);
    expect(packed).toMatchObject({ exit: 0, stderr: '' });
    tarball = join(folder, packed.stdout.trim().split('\n').at(-1)!);
    expect(readFileSync(join(copy, 'package.json'), 'utf8')).toBe(before);
    expect(existsSync(join(copy, 'package.json.kept'))).toBe(false);
    mkdirSync(join(folder, 'empty'));
    const install = run(join(folder, 'empty'), 'npm', 'install', '--offline', tarball);
    expect(install.exit).toBe(0);
    said = install.stdout + install.stderr;
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is small and has no dependencies, without a warning', () => {
    expect(statSync(tarball).size).toBeLessThan(3_000_000);
    expect(readdirSync(join(folder, 'empty/node_modules')).filter(name => !name.startsWith('.'))).toEqual([
      'reconcile',
    ]);
    expect(said).not.toMatch(/warn/i);
    expect(JSON.parse(readFileSync(join(installed(), 'package.json'), 'utf8'))).not.toHaveProperty(
      'dependencies',
    );
  });

  it('takes a new user from nothing to a change', () => {
    const empty = join(folder, 'empty');
    const reconcile = (cwd: string, ...args: string[]) => run(cwd, 'npx', 'reconcile', ...args);
    expect(reconcile(empty, '--version')).toMatchObject({ exit: 0, stderr: '' });
    const made = reconcile(empty, 'init', 'my-servers');
    expect(made).toMatchObject({ exit: 0, stderr: '' });
    expect(made.stdout).toContain('\n    npx reconcile apply site.yml --check ');
    const project = join(empty, 'my-servers');
    expect(reconcile(project, 'validate', '--strict', 'site.yml', 'inventory.yml')).toMatchObject({
      exit: 0,
    });
    const check = reconcile(project, 'apply', 'site.yml', '--check');
    expect(check.stdout).toContain('+ Greeting');
    expect(check.exit).toBe(2);
    expect(readFileSync(join(project, 'secrets/.gitignore'), 'utf8')).toContain('\n*\n');
  });

  it('copies its examples with their secrets out of version control', () => {
    const examples = join(folder, 'empty/examples');
    expect(run(join(folder, 'empty'), 'npx', 'reconcile', 'init', '--examples', 'examples')).toMatchObject({
      exit: 0,
      stderr: '',
    });
    run(examples, 'git', 'init', '-q');
    cpSync(join(examples, 'secrets/flask.example.yml'), join(examples, 'secrets/flask.yml'));
    const seen = run(examples, 'git', 'status', '--porcelain', '-uall').stdout;
    expect(seen).toContain('?? secrets/flask.example.yml\n');
    expect(seen).not.toContain('secrets/flask.yml');
    for (const playbook of ['flask', 'flask-pgbouncer', 'two-tier', 'hello'])
      expect(readFileSync(join(examples, `${playbook}.yml`), 'utf8')).toContain(
        '$schema=.reconcile/playbook.schema.json\n',
      );
  });

  it('names its commands as npx starts them', () => {
    const empty = join(folder, 'empty');
    expect(run(empty, 'npx', 'reconcile', 'explain', 'no-code').stderr).toContain('`npx reconcile explain`');
    expect(run(empty, 'npx', 'reconcile', 'apply', '--help').stdout).toContain('Usage: npx reconcile apply ');
    const checked = run(join(empty, 'my-servers'), 'npx', 'reconcile', 'apply', 'site.yml', '--check');
    expect(checked.stdout).toContain('To apply:  npx reconcile apply site.yml');
  });

  it('holds no page with a link to a file that it lacks', () => {
    const names = readdirSync(installed(), { recursive: true, encoding: 'utf8' });
    const dead = names
      .filter(name => name.endsWith('.md'))
      .flatMap(page =>
        [...readFileSync(join(installed(), page), 'utf8').matchAll(/\]\((?!\w+:)([^)\s#]+)[^)]*\)/g)]
          .filter(([, target]) => !existsSync(join(installed(), dirname(page), target!)))
          .map(([, target]) => `${page} → ${target}`),
      );
    expect(dead).toEqual([]);
  });

  it('does not overwrite a project', () => {
    const again = run(join(folder, 'empty'), 'npx', 'reconcile', 'init', 'my-servers');
    expect(again.exit).toBe(3);
    expect(again.stderr).toContain('my-servers already has site.yml, inventory.yml');
  });

  it('has the pages that messages name', () => {
    const page = run(join(folder, 'empty'), 'npx', 'reconcile', 'docs', 'ansible');
    expect(page).toMatchObject({ exit: 0, stderr: '' });
    expect(page.stdout).toContain('# Coming from Ansible');
    expect(run(folder, 'node', join(installed(), 'dist/reconcile.cjs'), 'docs').stdout).toContain(
      'getting-started',
    );
    expect(run(join(folder, 'empty'), 'npx', 'reconcile', 'docs', 'anisble').stderr).toContain('"ansible"');
  });
});

describe('an interrupted packing', () => {
  const manifest = readFileSync(join(root, 'package.json'), 'utf8');
  let folder: string;
  const at = (name: string) => join(folder, name);
  const text = (name: string) => readFileSync(at(name), 'utf8');
  const script = (action: string) =>
    spawnSync(process.execPath, ['scripts/manifest.mjs', action], { cwd: folder, encoding: 'utf8' });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'reconcile-manifest-'));
    mkdirSync(at('scripts'));
    cpSync(join(root, 'scripts/manifest.mjs'), at('scripts/manifest.mjs'));
    writeFileSync(at('package.json'), manifest);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('leaves the manifest unchanged, however npm ends', async () => {
    const command = `'${process.execPath}' scripts/manifest.mjs clean; exec sleep 600`;
    const npm = spawn('sh', ['-c', command], { cwd: folder });
    while (text('package.json') === manifest) await sleep(10);
    expect(JSON.parse(text('package.json'))).not.toHaveProperty('scripts');
    npm.kill('SIGKILL');
    await once(npm, 'exit');
    while (existsSync(at('package.json.kept'))) await sleep(10);
    expect(text('package.json')).toBe(manifest);
  });

  it('is repaired by the next one after a power cut', () => {
    const { scripts: _, dependencies: __, ...rest } = JSON.parse(manifest) as Record<string, unknown>;
    const keys = ['name', 'version', 'description', 'license', 'bin', 'files', 'engines'];
    const packed = Object.fromEntries(keys.map(key => [key, rest[key]]));
    writeFileSync(at('package.json'), `${JSON.stringify(packed, null, 2)}\n`);
    writeFileSync(at('package.json.kept'), manifest);
    expect(script('restore')).toMatchObject({ status: 0, stderr: '' });
    expect([text('package.json'), existsSync(at('package.json.kept'))]).toEqual([manifest, false]);
  });

  it('never loses later changes of the manifest', () => {
    writeFileSync(at('package.json'), manifest.replace('0.1.0', '0.2.0'));
    writeFileSync(at('package.json.kept'), manifest);
    expect(script('clean')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('package.json.kept'),
    });
    expect(text('package.json')).toContain('0.2.0');
  });
});
