import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Lab } from '../lab/lab.ts';

const root = join(import.meta.dirname, '../..');

/** What one run of the program came to. */
export interface Ran {
  exit: number;
  stdout: string;
  stderr: string;
  /** The lines of `--json`, parsed. */
  events: RanEvent[];
}

// biome-ignore lint/suspicious/noExplicitAny: the stream as another program sees it; its schema has its own test
export type RanEvent = any;

/** Builds the program once, so that the tests run what a user runs. */
export function build(): void {
  const built = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: root, encoding: 'utf8' });
  if (built.status !== 0) throw new Error(built.stderr);
}

/** A folder of its own with the playbooks, secrets that are not the example's, and the lab's inventory. */
export function workspace(lab: Lab, inventory: Record<string, unknown> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'reconcile-e2e-'));
  cpSync(join(root, 'playbooks'), folder, { recursive: true });
  mkdirSync(join(folder, 'secrets'), { recursive: true });
  const secrets = { db_password: "canary-p@ss/w%rd:'1", secret_key: 'canary-secret-key-2' };
  writeFileSync(join(folder, 'secrets/flask.yml'), `${JSON.stringify(secrets)}\n`, { mode: 0o600 });
  writeFileSync(join(folder, 'inventory.yml'), lab.inventory(inventory));
  return folder;
}

/** Runs `reconcile` with arguments; no terminal, no input. */
export function reconcile(folder: string, args: string[], env: Record<string, string> = {}): Promise<Ran> {
  const child = spawn(process.execPath, [join(root, 'dist/reconcile.cjs'), ...args], {
    cwd: folder,
    env: { ...process.env, SSH_AUTH_SOCK: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', bytes => (stdout += bytes));
  child.stderr.on('data', bytes => (stderr += bytes));
  return new Promise(resolve => {
    child.on('close', code => {
      const lines = args.includes('--json') ? stdout.split('\n').filter(Boolean) : [];
      resolve({ exit: code ?? -1, stdout, stderr, events: lines.map(line => JSON.parse(line)) });
    });
  });
}

/** Status of each resource of a host, by name, in order. */
export function statuses(ran: Ran, host: string): Record<string, string> {
  const of = ran.events.filter(({ event, host: at }) => event === 'resource' && at === host);
  return Object.fromEntries(of.map(({ name, status }) => [name, status]));
}

/** The names of the resources with a status. */
export function named(ran: Ran, host: string, status: string): string[] {
  return Object.entries(statuses(ran, host))
    .filter(([, one]) => one === status)
    .map(([name]) => name);
}
