import { createHash } from 'node:crypto';
import type { Effect } from '../engine/effect.ts';
import { stoppedUnit } from '../engine/host-knowledge.ts';
import { absolutePath, accountName, anyOf, listOf, text } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { presenceWithin } from '../engine/module-kit/path-claims.ts';
import { command as condition, noSuchPlace, owed, path } from '../engine/probe.ts';
import { shellCommand, shellQuote } from '../engine/quote.ts';
import { unitName } from '../engine/steps/unit-steps.ts';
import { defined } from '../engine/util/defined.ts';

const instead =
  'Give it by `stdin`, or by `env` for a script that uses it as "$NAME"; every account of the host can see the arguments of a program.';

const exitCode = { type: 'integer', minimum: 0, maximum: 255 } as const;
const word = { type: 'string' } as const;
const thing = {
  type: 'string',
  pattern: '^((/[^/]+)*/[^/]*[^/\\n]|unit:[^\\s/]+|package:[a-z0-9][a-z0-9+.:-]+)$',
} as const;

const runArgs = {
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
type RunArguments = Given<typeof runArgs, 'run'>;

const args = {
  ...runArgs,
  creates: {
    ...absolutePath,
    description: 'The command runs only if this path does not exist; the path must exist afterwards.',
  },
  unless: text(
    'The command runs only if this script fails; the script must succeed afterwards. A check runs the script too, so it must change nothing. If a later resource changes what the script reads, the command runs again at the next apply.',
    { minLength: 1 },
  ),
  only_if: text(
    'The command runs only if this script succeeds. A check runs the script too, so it must change nothing.',
    { minLength: 1 },
  ),
  run_on: listOf(
    { type: 'string', description: 'Name of a resource.' },
    'The command runs once after a change of any of these resources, even if an earlier, interrupted apply made the change.',
    { minItems: 1 },
  ),
  always: { type: 'boolean', const: true, description: 'The command runs at every apply.' },
  stdin: text('Standard input of the command; default empty.'),
  touches: anyOf(
    [{ const: 'nothing' }, { type: 'array', minItems: 1, items: thing }],
    'Changes of the command, with which later resources are planned: absolute paths, each with everything below it, `unit:NAME` and `package:NAME`; or `nothing`. By default, the command may change anything that later commands and checks read, and create missing things that its text names.',
  ),
} as const;
type Arguments = Given<typeof args, 'run'>;

/** The command as a check: it changes nothing, and holds if it exits with an expected code. */
const asCheck = defineModule({
  name: 'command',
  summary: 'A command that changes nothing, and exits with an expected code if all is well.',
  args: runArgs,
  required: ['run'],
  examples: { 'The service answers': { run: 'test -S /run/app/app.sock' } },
  secrets: { in: ['env'], instead },
  identity: args => nameOf(args.run),
  probes: args => ({ result: look(lineOf(args.run), args, 60) }),
  actual: ({ result }, args) => {
    if ([args.expect_exit].flat().includes(result.exit)) return { answer: wanted(args.expect_exit) };
    const words = (result.stderr || result.stdout).trim().split('\n').at(-1);
    return { answer: `exit ${result.exit}${words ? `: ${words}` : ''}` };
  },
  desired: args => ({ answer: wanted(args.expect_exit) }),
  check: true,
});

/** Any command with the condition under which it runs. Only this condition is read, no other change of the command. */
export const command = defineModule({
  name: 'command',
  summary: 'A command, and the condition under which it runs.',
  args,
  required: ['run'],
  examples: {
    'Once, to create a file': {
      run: ['openssl', 'dhparam', '-out', '/etc/ssl/dh.pem', '2048'],
      creates: '/etc/ssl/dh.pem',
    },
    'Database migrations after each change of the code': {
      run: 'venv/bin/flask db upgrade',
      run_on: ['App code'],
      cwd: '/srv/app',
      user: 'www-data',
    },
    'Until a condition holds': { run: 'locale-gen en_GB.UTF-8', unless: 'locale -a | grep -qx en_GB.utf8' },
    'At every apply': { run: 'logger applied', always: true, touches: 'nothing' },
  },
  secrets: { in: ['env', 'stdin'], instead },
  identity: args => nameOf(args.run),
  together: ['Exactly one of creates, unless, only_if, run_on and always states when it runs.'],
  refine: ({ creates, unless, only_if, run_on, always, touches }) => {
    const given = Object.keys(defined({ creates, unless, only_if, run_on, always }));
    const says = 'State when it runs, with exactly one of creates, unless, only_if, run_on and always.';
    const idle = creates !== undefined && touches === 'nothing';
    return [
      given.length !== 1 && { at: given[1], says },
      idle && { at: 'touches', says: 'A command that creates a path touches it.' },
    ];
  },
  probes: args => {
    const script = args.unless ?? args.only_if;
    return {
      creates: args.creates === undefined ? undefined : path(args.creates),
      condition: script === undefined ? undefined : look(script, args),
      owed: args.run_on && owed(noteOf(args)),
    };
  },
  actual: (read, args) => {
    const exit = read.condition?.exit;
    const settled =
      (args.creates !== undefined && read.creates != null) ||
      (args.unless !== undefined && exit === 0) ||
      (args.only_if !== undefined && exit !== 0 && exit !== noSuchPlace) ||
      read.owed?.length === 0;
    return settled ? { run: lineOf(args.run) } : {};
  },
  desired: args => ({ run: lineOf(args.run) }),
  steps: (_diff, args) => [
    {
      do: 'run',
      command: args.run,
      env: args.env,
      expectExit: [args.expect_exit].flat(),
      timeoutS,
      ...defined({ as: args.user, cwd: args.cwd, input: args.stdin, touches: effectsOf(args) }),
    },
    args.run_on && { do: 'pay', unit: noteOf(args) },
  ],
  reacts: args =>
    args.run_on === undefined ? [] : [{ to: [...args.run_on], unit: () => noteOf(args), action: 'run' }],
  runs: true,
  verifies: args => args.creates !== undefined || args.unless !== undefined,
  unproven: ({ creates }) =>
    creates === undefined
      ? 'The command ran, but its `unless` still fails: every apply would run it again.'
      : `The command ran, but did not make ${creates}, which \`creates\` names.`,
  timeoutS: () => timeoutS,
  claims: ({ creates }) => (creates === undefined ? {} : presenceWithin(creates)),
  asCheck,
});

/** The limit is long because a migration or a build may take long. */
const timeoutS = 3600;

/** Returns the effects of a command on readings, or undefined if it may change anything. */
function effectsOf(args: Arguments): Effect[] | undefined {
  const { run, cwd, user, env, creates, touches } = args;
  const made: Effect[] = creates === undefined ? [] : [{ kind: 'below', path: creates }];
  if (touches !== undefined) return [...(touches === 'nothing' ? [] : touches.map(effectOf)), ...made];
  if (creates === undefined) return undefined;
  const named = [lineOf(run), cwd, user, ...Object.values(env)];
  return [{ kind: 'anything', text: named.join('\n'), command: lineOf(run) }, ...made];
}

function effectOf(thing: string): Effect {
  const [kind, name = ''] = thing.split(/:(.*)/);
  if (kind === 'unit') return { kind: 'unit', name: unitName(name), sets: unknownUnit };
  if (kind === 'package')
    return { kind: 'packages', comes: new Map([[name, undefined]]), goes: [], whole: false };
  return { kind: 'below', path: thing };
}

const unknownUnit = Object.fromEntries(Object.keys(stoppedUnit).map(property => [property, undefined]));

function nameOf(run: string | string[]): string {
  const line = lineOf(run);
  const first = line.split('\n')[0]!;
  return line === first && line.length <= 60 ? line : `${first.slice(0, 48)}… ${digest(run)}`;
}

const wanted = (exits: number | readonly number[]): string => `exit ${[exits].flat().join(' or ')}`;
const lineOf = (run: string | string[]): string => (typeof run === 'string' ? run.trim() : shellCommand(run));
const digest = (run: string | string[]): string =>
  createHash('sha256').update(JSON.stringify(run)).digest('hex').slice(0, 12);
const noteOf = ({ run }: RunArguments): string => `command:${digest(run)}`;

/** Returns the probe of a script that runs like the command: same account, directory and environment. */
function look(script: string, { cwd, env, user }: RunArguments, timeoutS?: number) {
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${shellQuote(value)}\n`);
  return condition(exports.join('') + script, defined({ as: user, cwd, timeoutS, detaches: true }));
}
