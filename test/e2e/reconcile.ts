import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Lab, openLab } from '../lab/lab.ts';
import { newer, older } from '../lab/releases.ts';

const root = join(import.meta.dirname, '../..');

/** The result of one run of the program. */
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
  for (const name of ['flask', 'two-tier'])
    writeFileSync(join(folder, `secrets/${name}.yml`), `${JSON.stringify(secrets)}\n`, { mode: 0o600 });
  writeFileSync(join(folder, 'inventory.yml'), lab.inventory(inventory));
  return folder;
}

/** Playbooks that have a test file of their own, which compares their check with their apply among other things. */
export const triedAlone = {
  flask: 'flask.yml',
  twoTier: 'two-tier.yml',
  rolling: 'rolling.yml',
  baseline: 'baseline.yml',
} as const;

/** A blank host of each release, each with an ACME server, and a workspace for them. */
export async function blankHosts() {
  const lab = await openLab({ hosts: { web1: older, web2: newer }, acme: true });
  const acme = (name: 'web1' | 'web2') => ({
    acme_server: lab.hosts[name].acme.directory,
    acme_ca_bundle: lab.hosts[name].acme.caBundle,
  });
  const groups = {
    web: { hosts: ['web1', 'web2'] },
    // A playbook for this machine works on these hosts as well.
    localhost: { hosts: ['web1', 'web2'] },
    old: { hosts: ['web1'], vars: acme('web1') },
    new: { hosts: ['web2'], vars: acme('web2') },
  };
  return { lab, folder: workspace(lab, { groups }) };
}

/** The failures that a run tells of; empty when all is well. */
export function problems(ran: Ran): unknown[] {
  return ran.events.filter(
    ({ event, error, problems }) => (event === 'resource' && error) || problems?.length > 0,
  );
}

/** The commands whose `--json` is a stream of events. */
const streaming = new Set(['apply', 'plan']);

/** A run that is going on. */
export interface Going {
  child: ChildProcess;
  ended: Promise<Ran>;
  /** The events of `--json` until now. */
  events: readonly RanEvent[];
  /** Resolves with the first event of `--json` that fits, or rejects when the run ends without one. */
  until(fits: (event: RanEvent) => boolean): Promise<RanEvent>;
}

/** Runs `reconcile` with arguments; no terminal, no input. */
export function reconcile(folder: string, args: string[], env: Record<string, string> = {}): Promise<Ran> {
  return starting(folder, args, env).ended;
}

/** Starts what `reconcile` runs, for who wants to come in between. */
export function starting(folder: string, args: string[], env: Record<string, string> = {}): Going {
  const child = spawn(process.execPath, [join(root, 'dist/reconcile.cjs'), ...args], {
    cwd: folder,
    // Hints begin with `npx` if npx started the program.
    env: { ...process.env, npm_command: '', SSH_AUTH_SOCK: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr, line] = ['', '', ''];
  const events: RanEvent[] = [];
  const news = new EventEmitter();
  child.stdout.on('data', bytes => {
    stdout += bytes;
    if (!args.includes('--json') || !streaming.has(args[0]!)) return;
    const lines = (line + bytes).split('\n');
    line = lines.pop()!;
    events.push(...lines.filter(Boolean).map(each => JSON.parse(each)));
    news.emit('event');
  });
  child.stderr.on('data', bytes => (stderr += bytes));
  const ended = new Promise<Ran>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code => resolve({ exit: code ?? -1, stdout, stderr, events }));
  });
  const until = (fits: (event: RanEvent) => boolean) =>
    new Promise<RanEvent>((resolve, reject) => {
      const look = () => {
        const found = events.find(fits);
        if (found !== undefined) resolve(found);
      };
      news.on('event', look);
      look();
      void ended.then(() => reject(new Error(`the run ended before that: ${stdout}${stderr}`)));
    });
  return { child, ended, events, until };
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

/** The failures that a run tells of, of resources and of hosts. */
export function errors(ran: Ran): RanEvent[] {
  return ran.events.flatMap(({ event, error, problems }) =>
    event === 'resource' && error ? [error] : (problems ?? []),
  );
}
