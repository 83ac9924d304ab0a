import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Module } from '../../engine/module.ts';
import { anyOf, flag, listOf, text, whole } from '../../engine/module-kit/argument.ts';
import { defineModule } from '../../engine/module-kit/define-module.ts';
import { type Problem, problemsOf, type Warning } from '../../engine/problem.ts';
import { renderProblems } from '../../engine/report/problem-text.ts';
import { type Resource, UnknownArgument } from '../../engine/resource.ts';
import { type LoadOptions, loadPlaybook } from '../../engine/validate/load-playbook.ts';
import type { Play, Playbook } from '../../engine/validate/play.ts';

const pure = { examples: {}, probes: () => ({}), actual: () => null, desired: () => ({}), steps: () => [] };

/** Modules of just enough kinds of arguments. */
export const modules: Record<string, Module> = {
  file: defineModule({
    ...pure,
    name: 'file',
    summary: 'A file.',
    args: {
      path: text('An absolute path.', { pattern: '^/' }),
      content: text('What it holds.'),
      src: text('A file beside the playbook.'),
      template: text('A template beside the playbook.'),
      mode: text('Who may do what with it.', { pattern: '^[0-7]{3,4}$' }),
      backup: flag('Keeps the old file.', { default: false }),
    },
    required: ['path'],
    absent: 'takes it away',
    files: { src: 'src', template: true },
    secrets: { in: ['content', 'path'] },
    identity: args => args.path,
  }),
  package: defineModule({
    ...pure,
    name: 'package',
    summary: 'Packages.',
    args: {
      names: listOf({ type: 'string' }, 'Their names.', { minItems: 1 }),
      keep: whole('How many old versions stay.', { minimum: 1 }),
      cache: anyOf([{ type: 'boolean' }, { type: 'integer' }], 'How old lists may be.'),
    },
    required: ['names'],
    identity: args => args.names.join(', '),
  }),
  service: defineModule({
    ...pure,
    name: 'service',
    summary: 'A service.',
    args: {
      name: text('The unit.'),
      restart_on: listOf({ type: 'string' }, 'Resources.', { default: [] }),
    },
    required: ['name'],
    identity: args => args.name,
    reacts: args => [{ to: [...args.restart_on], unit: () => args.name, action: 'restart' }],
  }),
  proof: defineModule({
    ...pure,
    name: 'proof',
    summary: 'A check.',
    args: { path: text('What is looked at.'), template: text('What it must be.') },
    files: { template: true },
    identity: args => args.path ?? '',
    check: true,
  }),
  tree: defineModule({
    ...pure,
    name: 'tree',
    summary: 'A folder.',
    args: { src: text('A folder beside the playbook.'), path: text('Where it goes.') },
    required: ['src', 'path'],
    files: { tree: true },
    identity: args => args.path,
  }),
};

/** Files by name below a new folder, which is gone after the test; files of secrets are `*.secret.yml`. */
export function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'load-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content, { mode: name.endsWith('.secret.yml') ? 0o600 : 0o644 });
  }
  return folder;
}

/** Loads `playbook.yml`, with an inventory of one host `web1` unless another is among the files. */
export function load(files: Readonly<Record<string, string>>, options: Partial<LoadOptions> = {}): Playbook {
  const folder = folderOf({ 'inventory.yml': 'hosts: { web1: }', ...files });
  return loadPlaybook(join(folder, 'playbook.yml'), { modules, ...options });
}

/** The one play of a playbook. */
export function play(
  playbook: string,
  files: Readonly<Record<string, string>> = {},
  options?: Partial<LoadOptions>,
): Play {
  return load({ 'playbook.yml': playbook, ...files }, options).plays[0]!;
}

/** Returns the problems of a playbook. */
export function problems(
  playbook: string,
  files: Readonly<Record<string, string>> = {},
  options?: Partial<LoadOptions>,
): readonly Problem[] {
  return problemsIn(() => load({ 'playbook.yml': playbook, ...files }, options));
}

/** The problems that `work` throws; none when it does not throw. */
export function problemsIn(work: () => unknown): readonly Problem[] {
  try {
    work();
    return [];
  } catch (thrown) {
    return problemsOf(thrown);
  }
}

/** Problems as text, without the folder's changing name. */
export function shown(found: readonly (Problem | Warning)[]): string {
  return renderProblems(found).replaceAll(/[^\s",]*load-\w{6}\//g, '');
}

/** Place and message of each problem. */
export function brief(found: readonly Problem[]): string[] {
  return found.map(
    ({ at, code, message }) => `${at === undefined ? '' : `${at.line}:${at.column} `}${message} [${code}]`,
  );
}

/** Arguments of which the unknown ones say what they wait for. */
export function argsOf({ args }: Resource): Record<string, unknown> {
  return Object.fromEntries(
    Object.keys(args).map(key => {
      try {
        return [key, args[key]];
      } catch (thrown) {
        if (thrown instanceof UnknownArgument) return [key, `not before ${thrown.from}`];
        throw thrown;
      }
    }),
  );
}
