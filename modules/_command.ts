import { posix } from 'node:path';
import { absolutePath, accountName, anyOf, listOf, text } from '../engine/module-kit/argument.ts';
import type { Given } from '../engine/module-kit/define-module.ts';
import { type CommandResult, type Content, noSuchPlace, type Owed } from '../engine/probe.ts';
import { shellCommand, shellQuote } from '../engine/quote.ts';
import { compact } from '../engine/util/defined.ts';
import { digestOf, interpreterOf, lastRun, type Script } from './_script.ts';

const exitCode = { type: 'integer', minimum: 0, maximum: 255 } as const;
const word = { type: 'string' } as const;
const thing = {
  type: 'string',
  pattern: '^((/[^/]+)*/[^/]*[^/\\n]|unit:[^\\s/]+|package:[a-z0-9][a-z0-9+.:-]+)$',
} as const;

/** The arguments of a command that are those of a check, too. */
export const runArgs = {
  run: anyOf(
    [
      { type: 'string', minLength: 1 },
      { type: 'array', minItems: 1, items: word },
    ],
    'A script for `sh`, or a program with its arguments as a list. Secrets belong in `env` or `stdin`.',
  ),
  cwd: { ...absolutePath, description: 'Working directory of the command.' },
  user: { ...accountName, description: 'Account that runs the command; default root.' },
  env: {
    type: 'object',
    additionalProperties: word,
    propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]*$' },
    default: {},
    description: 'Environment variables of the command.',
  },
  expect_exit: anyOf(
    [exitCode, { type: 'array', minItems: 1, items: exitCode }],
    'Exit code, or a list of exit codes, that means success.',
    { default: 0 },
  ),
} as const;
/** What runs, and how. */
export type RunArguments = Given<typeof runArgs, 'run'>;
/** A script for sh, or a program with its arguments. */
export type Run = string | string[];

/** The arguments of a command. */
export const commandArgs = {
  ...runArgs,
  script: text(
    'A script beside the playbook, as `src` of a `file`. It exists on the host only while it runs. Without `creates`, `unless`, `run_on` and `always`, it runs if the host has not run it successfully as it is now, with these arguments: the host keeps the digest of its last run by the name of the resource.',
    { minLength: 1 },
  ),
  args: listOf(
    word,
    'Arguments of the script. Give a resource whose arguments change a `name`: without one, other arguments make it another resource.',
    { default: [] },
  ),
  interpreter: text(
    'Program that runs the script. The default is that of its first line, such as `#!/usr/bin/python3`, or `sh`.',
    { pattern: '^[^\\s-]\\S*$' },
  ),
  creates: {
    ...absolutePath,
    description: 'The command runs only if this path does not exist; the path must exist afterwards.',
  },
  unless: text(
    'The command runs only if this script fails; the script must succeed afterwards. A check runs the script too, so it must change nothing. If a later resource changes what the script reads, the command runs again at the next apply.',
    { minLength: 1 },
  ),
  only_if: text(
    'The command runs only if this script succeeds. A check runs the script too, so it must change nothing. A run that `run_on` makes necessary waits until it succeeds.',
    { minLength: 1 },
  ),
  run_on: listOf(
    { type: 'string', description: 'Name of a resource.' },
    'The command runs once after a change of any of these resources, even if an earlier, interrupted apply made the change.',
    { minItems: 1 },
  ),
  always: {
    type: 'boolean',
    const: true,
    description: 'The command runs at every apply. For a script, `only_if` may restrict it.',
  },
  undo: anyOf(
    [
      { type: 'string', minLength: 1 },
      { type: 'array', minItems: 1, items: word },
    ],
    'A script for `sh`, or a program with its arguments, that undoes the command. The host runs it after it has restored the files of a risky change or of a play with `on_failed_check: revert`, with the same account and directory but without `env`. It must also work if the command never ran.',
  ),
  stdin: text('Standard input of the command; default empty.'),
  touches: anyOf(
    [{ const: 'nothing' }, { type: 'array', minItems: 1, items: thing }],
    'Changes of the command, with which later resources are planned: absolute paths, each with everything below it, `unit:NAME` and `package:NAME`; or `nothing`. By default, the command may change anything that later commands and checks read, and create missing things that its text names.',
  ),
} as const;
/** What runs, how, and when. */
export type Arguments = Given<typeof commandArgs, never>;

/** Returns what runs: a script for sh, or words. */
export const wordsIn = ({
  run,
  script,
  args = [],
}: {
  run?: Run;
  script?: string;
  args?: readonly string[];
}): Run => run ?? [script ?? '', ...args];
/** Returns what runs as one text. */
export const textOf = (run: Run): string => (typeof run === 'string' ? run.trim() : shellCommand(run));
/** Returns the command as one text. */
export const lineOf = (args: Arguments): string => textOf(wordsIn(args));

/** Whether the host keeps the last run of a script, because nothing else states when it runs. */
export const isKept = ({ script, creates, unless, run_on, always }: Arguments): boolean =>
  script !== undefined && (creates ?? unless ?? run_on ?? always) === undefined;

/** One condition under which a command runs. */
interface Guard {
  /** Whether it allows the run. */
  due: boolean;
  /** Why it allows or forbids the run. */
  says: string;
  /** Whether it must forbid the run after the command. */
  proves?: true;
}

/** The readings that the conditions of a command depend on. */
interface Read {
  creates?: unknown;
  owed?: readonly Owed[] | undefined;
  runs?: Content | null | undefined;
  perhapsUnless?: CommandResult | undefined;
  perhapsOnlyIf?: CommandResult | undefined;
}

/**
 * Returns the conditions of a command, which runs if each of them allows it. Scripts come last, each to be asked only if
 * the conditions before it allow the run: earlier resources may change its answer, which then does not matter.
 */
export function guardsOf(read: Read, args: Arguments, name: string): (() => Guard)[] {
  const { creates, owed, runs } = read;
  return compact<() => Guard>([
    args.creates !== undefined &&
      (() => guard(creates == null, `${args.creates} does not exist`, `${args.creates} exists`, true)),
    owed &&
      (() =>
        guard(
          owed.length > 0,
          `${owed.map(({ because }) => because).join(', ')} changed`,
          `${(args.run_on ?? []).join(', ')} did not change`,
        )),
    isKept(args) &&
      (() => {
        const last = lastRun(runs ?? null, name);
        return guard(last !== digestOf(args as Script), reasonOf(last), 'it ran as it is', true);
      }),
    args.unless !== undefined &&
      (() => guard(read.perhapsUnless?.exit !== 0, 'unless fails', 'unless holds', true)),
    args.only_if !== undefined &&
      (() => {
        const { exit } = read.perhapsOnlyIf!;
        // A directory that does not exist yet may come before the command.
        return guard(exit === 0 || exit === noSuchPlace, 'only_if holds', 'only_if fails');
      }),
  ]);
}

/** Returns the condition that forbids the run, or else the reasons for it. */
export function verdictOf(
  read: Read,
  args: Arguments,
  name: string,
): { forbids: string } | { because: string } {
  const reasons: string[] = [];
  for (const guard of guardsOf(read, args, name)) {
    const { due, says } = guard();
    if (!due) return { forbids: says };
    reasons.push(says);
  }
  return { because: reasons.join(' and ') };
}

/** Whether all conditions that must hold after the command hold. */
export const provesRun = (guards: ReturnType<typeof guardsOf>): boolean =>
  guards.map(guard => guard()).every(({ due, proves }) => !proves || !due);

function guard(due: boolean, allows: string, forbids: string, proves?: true): Guard {
  return { due, says: due ? allows : forbids, ...(proves && { proves }) };
}

function reasonOf(last: string | undefined): string {
  if (last === undefined) return 'it never ran here';
  return last === '-' ? 'its last run did not succeed' : 'the script has changed';
}

/** Returns the command of the step, and its script. */
export function howToRun(args: Arguments) {
  if (args.run !== undefined) return { command: args.run };
  const { script, content, args: more } = args as Script;
  const name = posix.basename(script);
  return {
    command: interpreterOf(args as Script),
    script: { name, content, args: more },
    label: lineOf(args),
  };
}

/** Returns the command that undoes another with its account and directory. A journal keeps it, so it gets no secrets. */
export function undoOf(undo: string | string[], { user, cwd }: Arguments): string | string[] {
  if (user === undefined && cwd === undefined) return undo;
  const words = shellCommand(typeof undo === 'string' ? ['sh', '-c', undo] : undo);
  const enter = cwd === undefined ? '' : `cd -- ${shellQuote(cwd)} || exit\n`;
  if (user === undefined) return `${enter}${words}`;
  const account = shellQuote(user);
  return `${enter}[ "$(id -un)" = ${account} ] || set -- runuser -u ${account} --\n"$@" ${words}`;
}
