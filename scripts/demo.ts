/**
 * `npm run demo`: shows reconcile on two real hosts on this machine: a check, an apply, an apply without changes, a manual
 * change, and its repair. Removes everything at its end.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { type Lab, openLab } from '../test/lab/lab.ts';
import { labImpossible } from '../test/lab/machine.ts';

const root = join(import.meta.dirname, '..');
const program = join(root, 'dist/reconcile.cjs');
const folder = mkdtempSync(join(tmpdir(), 'reconcile-demo-'));

/** Prints a heading with the next step and its point. */
function say(title: string, words = ''): void {
  console.log(`\n${styleText('bold', `── ${title} ${'─'.repeat(Math.max(0, 76 - title.length))}`)}`);
  if (words !== '') console.log(words);
}

/** Runs reconcile like a user, in the folder of the demo, on this terminal. */
function reconcile(...args: string[]): Promise<number> {
  console.log(styleText('dim', `\n$ reconcile ${args.join(' ')}\n`));
  const child = spawn(process.execPath, [program, ...args], { cwd: folder, stdio: 'inherit' });
  return new Promise(resolve => child.on('close', code => resolve(code ?? 1)));
}

/** Ends the demo if a command had an unexpected exit code. */
function expectExit(code: number, expected: number): void {
  if (code === expected) return;
  throw new Error(`The command above exited ${code}, and should have exited ${expected}.`);
}

/** Shows progress until a promise settles. */
async function waiting<T>(words: string, work: Promise<T>): Promise<T> {
  const started = Date.now();
  const show = () => process.stdout.write(`\r  ${words} … ${Math.round((Date.now() - started) / 1000)} s `);
  const timer = process.stdout.isTTY ? setInterval(show, 200) : undefined;
  try {
    return await work;
  } finally {
    clearInterval(timer);
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    console.log(`${process.stdout.isTTY ? '\r' : ''}  ${words}: ${seconds} s          `);
  }
}

async function onLab(): Promise<void> {
  say(
    'Two blank hosts',
    'A Debian 12 and a Debian 13 with systemd and sshd, and an ACME server that gives certificates.',
  );
  const opening = openLab({ hosts: { web1: 'bookworm', web2: 'trixie' }, acme: true });
  const lab = await waiting('making them (a first time builds the base systems, about a minute)', opening);
  try {
    await story(lab);
  } finally {
    await lab.close();
  }
}

async function story(lab: Lab<'web1' | 'web2'>): Promise<void> {
  cpSync(join(root, 'playbooks'), join(folder, 'playbooks'), { recursive: true });
  mkdirSync(join(folder, 'playbooks/secrets'), { recursive: true });
  const secrets = {
    db_password: randomBytes(12).toString('base64'),
    secret_key: randomBytes(24).toString('hex'),
  };
  writeFileSync(join(folder, 'playbooks/secrets/flask.yml'), `${JSON.stringify(secrets)}\n`, { mode: 0o600 });
  const acme = (name: 'web1' | 'web2') => ({
    acme_server: lab.hosts[name].acme.directory,
    acme_ca_bundle: lab.hosts[name].acme.caBundle,
  });
  const groups = {
    web: { hosts: ['web1', 'web2'] },
    bookworm: { hosts: ['web1'], vars: acme('web1') },
    trixie: { hosts: ['web2'], vars: acme('web2') },
  };
  writeFileSync(join(folder, 'playbooks/inventory.yml'), lab.inventory({ groups }));

  say(
    '1. What would change?',
    'Nothing is installed on the hosts yet. A check reads, and says what rests on what.',
  );
  expectExit(await reconcile('apply', 'playbooks/flask.yml', '--check', '--no-diff'), 2);
  say('2. Apply', 'Packages, database, application, service, certificate, site.');
  expectExit(await reconcile('apply', 'playbooks/flask.yml', '--no-diff'), 0);
  await showAnswers(lab);
  say('3. Apply again', 'There is nothing to do.');
  expectExit(await reconcile('apply', 'playbooks/flask.yml', '--no-diff'), 0);
  say(
    '4. Somebody changes a file by hand',
    'web1$ sed -i "s/expires 30d/expires 1h/" /etc/nginx/sites-available/flaskapp',
  );
  await lab.exec('web1', 'sed -i "s/expires 30d/expires 1h/" /etc/nginx/sites-available/flaskapp');
  expectExit(await reconcile('apply', 'playbooks/flask.yml', '--check'), 2);
  say('5. Apply heals it');
  expectExit(await reconcile('apply', 'playbooks/flask.yml'), 0);
  await showAnswers(lab);
}

async function showAnswers(lab: Lab<'web1' | 'web2'>): Promise<void> {
  console.log();
  for (const name of ['web1', 'web2'] as const) {
    const { status, body, issuer } = await lab.https(name, 'https://example.com/');
    console.log(
      `  https://example.com/ on ${name}: ${status} ${styleText('green', body.trim())} (certificate by ${issuer})`,
    );
  }
}

/** Returns the first of Docker and Podman that answers. */
function containerEngine(): string | undefined {
  return ['docker', 'podman'].find(name => spawnSync(name, ['info'], { stdio: 'ignore' }).status === 0);
}

/** A host without systemd is enough for the files of the example. It shows that reconcile needs nothing on a host. */
async function inContainer(engine: 'docker' | 'podman'): Promise<void> {
  say(
    `A Debian host by ${engine}`,
    'It has no systemd, so the example of files is applied to it instead of the whole stack.',
  );
  const started = spawnSync(engine, ['run', '-d', '--rm', 'debian:12', 'sleep', '1800'], {
    encoding: 'utf8',
  });
  if (started.status !== 0) throw new Error(`${engine} run failed: ${started.stderr.trim()}`);
  const id = started.stdout.trim();
  try {
    cpSync(join(root, 'playbooks'), join(folder, 'playbooks'), { recursive: true });
    writeFileSync(
      join(folder, 'playbooks/inventory.yml'),
      `hosts:\n  localhost: { address: ${id}, transport: ${engine} }\n`,
    );
    await hello();
  } finally {
    spawnSync(engine, ['rm', '-f', id], { stdio: 'ignore' });
  }
}

async function hello(): Promise<void> {
  cpSync(join(root, 'playbooks'), join(folder, 'playbooks'), { recursive: true, force: false });
  const target = join(folder, 'hello');
  const args = ['apply', 'playbooks/hello.yml', '-e', `dir=${target}`];
  expectExit(await reconcile(...args, '--check'), 2);
  expectExit(await reconcile(...args), 0);
  expectExit(await reconcile(...args), 0);
}

try {
  if (!existsSync(program)) spawnSync('npm', ['run', 'build'], { cwd: root, stdio: 'inherit' });
  const impossible = labImpossible();
  const engine = impossible === null ? undefined : containerEngine();
  if (impossible === null) await onLab();
  else {
    console.log(`Whole hosts cannot be made on this machine: ${impossible}.`);
    if (engine !== undefined) await inContainer(engine as 'docker' | 'podman');
    else {
      console.log(
        'Neither Docker nor Podman answers either, so this is the example of a few files on this machine.',
      );
      await hello();
    }
  }
  say(
    'That was all',
    `Everything it made is gone again. Next: ${join('playbooks', 'flask.yml')}, and README.md.`,
  );
} catch (error) {
  console.error(
    `\n${styleText('red', 'The demo broke off.')} ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
