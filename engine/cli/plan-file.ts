import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { runtime, startClock } from '../expression/controller-values.ts';
import { ApprovedPlan, type Binding, PlanBeingSaved } from '../plan/plan-binding.ts';
import { sealed, type UnsealedPlan } from '../plan/saved-plan.ts';
import type { SavedPlan } from '../plan/saved-plan-schema.ts';
import { type Problem, ProblemError } from '../problem.ts';
import { shellCommand } from '../quote.ts';
import { planLimitBytes, readFile } from '../util/read-file.ts';
import type { Playbook } from '../validate/play.ts';
import type { Io } from './io.ts';
import { load } from './load-files.ts';
import type { PlaybookSettings } from './options.ts';
import { replaceFile } from './replace-file.ts';

const format = 'reconcile plan';

/** A loaded playbook, and the saved plan to apply if there is one. */
export interface Loaded {
  playbook: Playbook;
  binding?: Binding;
}

/** Loads a playbook, or the playbook of a saved plan with the options of that plan. */
export async function loadOrOpen(
  file: string,
  settings: PlaybookSettings,
  io: Io,
  missing?: (from: string, problem: Problem) => void,
): Promise<Loaded> {
  const data = readJson(file);
  if (data === undefined) {
    startClock();
    return { playbook: await load(file, settings, io, missing) };
  }
  const plan = await checked(file, data);
  startClock(plan.created);
  const folder = dirname(file);
  const own = ownOptions(file, plan, settings);
  const playbookFile = join(folder, plan.playbook);
  const again = shellCommand(['reconcile', 'plan', playbookFile, ...optionWords(own), '-o', file]);
  if (!existsSync(playbookFile)) {
    refuse(
      'file-missing',
      `The playbook of "${file}" is missing: ${playbookFile}.`,
      'A plan holds the path of its playbook relative to its own folder. Move the plan back to that folder.',
    );
  }
  const playbook = await load(playbookFile, own, io);
  const shape = (plays: readonly { name: string; on_failed_check: string }[]) =>
    JSON.stringify(plays.map(({ name, on_failed_check }) => [name, on_failed_check]));
  if (shape(plan.plays) !== shape(playsOf(playbook, io)))
    refuse(
      'plan-stale',
      `The plays of ${playbook.file} have changed since the plan was made.`,
      `Make a new plan:\n    ${again}`,
    );
  const binding = new ApprovedPlan(plan, {
    mask: text => io.redactor.mask(text),
    again,
    program: packageJson.version,
    declaredIn(index, name) {
      const play = playbook.plays[index]!;
      const host = play.hosts.find(each => each.name === name);
      if (host === undefined) return [];
      if (play.factsUsed.size > 0) return undefined;
      const resources = play.resolve(host);
      return play.otherFacts.asked.size > 0 ? undefined : resources;
    },
  });
  return { playbook, binding };
}

/** Returns an empty plan of `playbook`. `savePlan` writes it to `file` after the hosts are planned. */
export async function newPlan(
  file: string,
  playbookFile: string,
  playbook: Playbook,
  settings: PlaybookSettings,
  io: Io,
): Promise<PlanBeingSaved> {
  if (existsSync(file) && !readFile(file).toString().slice(0, 200).includes(`"${format}"`))
    refuse('usage', `-o ${file} exists and is not a plan, so it is not replaced.`);
  const { inventorySources } = await import('../inventory/read-inventory.ts');
  const near = (path: string) => relative(resolve(dirname(file)), resolve(path)) || '.';
  const plan: UnsealedPlan = {
    format,
    version: 1,
    id: randomUUID(),
    created: runtime.now!(),
    program: packageJson.version,
    salt: randomBytes(32).toString('hex'),
    playbook: near(playbookFile),
    options: {
      inventory: inventorySources(settings.inventory ?? [], playbookFile).map(each =>
        each.includes(',') ? each : near(each),
      ),
      ...(settings.limit !== undefined && { limit: settings.limit }),
      ...(settings.tags && { tags: settings.tags }),
      ...(settings.skipTags && { skip_tags: settings.skipTags }),
      vars: strongest(settings).map(([name]) => (name.startsWith('@') ? `@${near(name.slice(1))}` : name)),
    },
    plays: playsOf(playbook, io).map(play => ({ ...play, hosts: {} })),
  };
  return new PlanBeingSaved(plan, text => io.redactor.mask(text));
}

/** Writes a plan. Throws a ProblemError if that fails. */
export function savePlan(file: string, plan: PlanBeingSaved): void {
  replaceFile(file, `${JSON.stringify(plan, null, 2)}\n`);
}

function playsOf({ plays }: Playbook, io: Io) {
  return plays.map(({ name, onFailedCheck }) => ({
    name: io.redactor.mask(name),
    on_failed_check: onFailedCheck as string,
  }));
}

/** Returns the data of a saved plan in JSON, or undefined for any other file, which is then loaded as a playbook. */
function readJson(file: string): { [key: string]: unknown } | undefined {
  let text: string;
  try {
    text = readFile(file, planLimitBytes).toString().trimStart();
  } catch {
    return undefined;
  }
  if (!text.startsWith('{')) return undefined;
  let data: { [key: string]: unknown };
  try {
    data = JSON.parse(text);
  } catch {
    if (!text.slice(0, 200).includes(`"${format}"`)) return undefined;
    refuse('plan-invalid', `The saved plan "${file}" is incomplete.`, makeAgain);
  }
  if (data['format'] === format) return data;
  if (['plays', 'hosts', 'resources'].some(key => Object.hasOwn(data, key))) return undefined;
  refuse('plan-invalid', `"${file}" is neither a saved plan of reconcile plan -o nor a playbook.`);
}

const makeAgain = 'Make it again with `reconcile plan PLAYBOOK -o FILE`.';

async function checked(file: string, data: { [key: string]: unknown }): Promise<SavedPlan> {
  if (typeof data['version'] === 'number' && data['version'] !== 1) {
    const message = `"${file}" is a plan of version ${data['version']}; this program reads version 1.`;
    refuse('plan-invalid', message, makeAgain);
  }
  const [{ nonconformity }, { planSchema }] = await Promise.all([
    import('../schema/json-schema.ts'),
    import('../plan/saved-plan-schema.ts'),
  ]);
  const wrong = nonconformity(planSchema, data);
  if (wrong !== undefined)
    refuse('plan-invalid', `The saved plan "${file}" does not fit the schema: ${wrong}.`, makeAgain);
  const plan = data as SavedPlan;
  if (sealed(plan).digest !== plan.digest)
    refuse('plan-invalid', `The saved plan "${file}" was edited after it was made.`, makeAgain);
  return plan;
}

/** Returns the options that the plan was made with. The values of -e are not in the plan and must be given again. */
function ownOptions(file: string, { options }: SavedPlan, settings: PlaybookSettings): PlaybookSettings {
  const given = { '--inventory': settings.inventory, '--limit': settings.limit, '--tags': settings.tags };
  for (const [flag, value] of Object.entries({ ...given, '--skip-tags': settings.skipTags }))
    if (value !== undefined)
      refuse('usage', `${flag} is part of the plan "${file}" and cannot be given again.`);
  const there = (path: string) => (isAbsolute(path) ? path : join(dirname(file), path));
  const values = new Map(strongest(settings));
  const known = options.vars.filter(name => !name.startsWith('@'));
  const files = options.vars.filter(name => name.startsWith('@')).map(name => resolve(there(name.slice(1))));
  const extra = [...values.keys()].filter(name =>
    name.startsWith('@') ? !files.includes(resolve(name.slice(1))) : !known.includes(name),
  );
  if (extra.length > 0)
    refuse(
      'usage',
      `The plan "${file}" was made without -e ${extra.join(', -e ')}.`,
      'Leave it out, or make a new plan.',
    );
  const missing = known.filter(name => !values.has(name));
  if (missing.length > 0) {
    const words = missing.map(name => `-e ${name}=VALUE`).join(' ');
    const hint = `A plan does not hold their values. Give the same values again:\n    ${shellCommand(['reconcile', 'apply', file])} ${words}`;
    refuse('usage', `The plan "${file}" was made with ${words.replaceAll('=VALUE', '')}.`, hint);
  }
  return {
    ...(options.inventory.length > 0 && {
      inventory: options.inventory.map(each => (each.includes(',') ? each : there(each))),
    }),
    ...(options.limit !== undefined && { limit: options.limit }),
    ...(options.tags && { tags: options.tags }),
    ...(options.skip_tags && { skipTags: options.skip_tags }),
    ...(options.vars.length > 0 && {
      var: options.vars.map(name => (name.startsWith('@') ? `@${there(name.slice(1))}` : values.get(name)!)),
    }),
  };
}

/** Returns the words of the options on the command line, without the values of variables. */
function optionWords({ inventory, limit, tags, skipTags, var: vars }: PlaybookSettings): string[] {
  return [
    ...(inventory ?? []).flatMap(each => ['-i', each]),
    ...(limit === undefined ? [] : ['-l', limit]),
    ...(tags ? ['-t', tags.join(',')] : []),
    ...(skipTags ? ['--skip-tags', skipTags.join(',')] : []),
    ...(vars ?? []).flatMap(each => ['-e', each.startsWith('@') ? each : `${nameOf(each)}=VALUE`]),
  ];
}

/** Returns each -e with its name, or `@` and its file. Of several with one name, only the last counts. */
function strongest({ var: options = [] }: PlaybookSettings): [name: string, option: string][] {
  const last = new Map<string, string>();
  for (const option of options) {
    const name = option.startsWith('@') ? option : nameOf(option);
    last.delete(name);
    last.set(name, option);
  }
  return [...last];
}

function nameOf(option: string): string {
  return option.split('=')[0]!;
}

function refuse(
  code: 'usage' | 'plan-invalid' | 'plan-stale' | 'file-missing',
  message: string,
  hint?: string,
): never {
  throw new ProblemError({ code, message, ...(hint === undefined ? {} : { hint }) });
}
