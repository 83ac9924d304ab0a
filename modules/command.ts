import { createHash } from 'node:crypto';
import { defineModule } from '../engine/define-module.ts';
import {
  type CommandResult,
  command as condition,
  type Owed,
  owed,
  type PathState,
  type Probe,
  path,
} from '../engine/probe.ts';
import { shellCommand, shellQuote } from '../engine/quote.ts';
import { absolutePath, accountName } from './_files.ts';

interface Arguments {
  run: string | string[];
  cwd?: string;
  user?: string;
  env: Record<string, string>;
}

const instead =
  'Give it by `stdin`, or by `env` for a script that uses it as "$NAME"; what a program is told by its arguments, every account of the host can see.';

const exitCode = { type: 'integer', minimum: 0, maximum: 255 } as const;

const runProperties = {
  run: {
    anyOf: [
      { type: 'string', minLength: 1 },
      { type: 'array', minItems: 1, items: { type: 'string' } },
    ],
    description:
      'A script for `sh`, or a program with its arguments as a list. Secrets belong in `env` or `stdin`.',
  },
  cwd: { ...absolutePath, description: 'Directory that the command runs in.' },
  user: { ...accountName, description: 'Account that it runs as; root by default.' },
  env: {
    type: 'object',
    additionalProperties: { type: 'string' },
    propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]*$' },
    default: {},
    description: 'Environment variables of the command.',
  },
  expect_exit: {
    anyOf: [exitCode, { type: 'array', minItems: 1, items: exitCode }],
    default: 0,
    description: 'Exit code, or a list of exit codes, that means success.',
  },
} as const;

/** The command as a check: it only looks, and is right when it exits as expected. */
const asCheck = defineModule({
  name: 'command',
  summary: 'A command that only looks, and exits as expected when all is well.',
  args: {
    type: 'object',
    additionalProperties: false,
    required: ['run'],
    properties: runProperties,
  },
  examples: [{ title: 'The service answers', args: { run: 'test -S /run/app/app.sock' } }],
  secrets: { in: ['env'], instead },
  identity: args => nameOf(args.run),
  probes: args => ({
    result: condition(inPlace(lineOf(args.run), args), {
      timeoutS: 60,
      ...(args.user === undefined ? {} : { as: args.user }),
    }),
  }),
  actual: ({ result }, args) => {
    if ([args.expect_exit].flat().includes(result.exit)) return { answer: wanted(args.expect_exit) };
    const words = (result.stderr || result.stdout).trim().split('\n').at(-1);
    return { answer: `exit ${result.exit}${words ? `: ${words}` : ''}` };
  },
  desired: args => ({ answer: wanted(args.expect_exit) }),
  steps: () => [],
  check: true,
});

/** Any command, and what tells whether it has to run; whatever else a command changes is not seen. */
export const command = defineModule({
  name: 'command',
  summary: 'A command, and the condition under which it runs.',
  args: {
    type: 'object',
    additionalProperties: false,
    required: ['run'],
    properties: {
      ...runProperties,
      creates: {
        ...absolutePath,
        description: 'The command runs only when this path does not exist; the path must exist afterwards.',
      },
      unless: {
        type: 'string',
        minLength: 1,
        description:
          'The command runs only when this script fails; the script must succeed afterwards. It is run also in a check, so it must change nothing.',
      },
      only_if: {
        type: 'string',
        minLength: 1,
        description:
          'The command runs only when this script succeeds. The script is run also in a check, so it must change nothing.',
      },
      run_on: {
        type: 'array',
        minItems: 1,
        items: { type: 'string', description: 'Name of a resource.' },
        description:
          'The command runs once after any of these resources has changed, even if that was in an earlier apply that broke off.',
      },
      always: { type: 'boolean', const: true, description: 'The command runs at every apply.' },
      stdin: {
        type: 'string',
        description: 'What the command reads on its standard input; nothing by default.',
      },
    },
  },
  examples: [
    {
      title: 'Once, to make a file',
      args: { run: ['openssl', 'dhparam', '-out', '/etc/ssl/dh.pem', '2048'], creates: '/etc/ssl/dh.pem' },
    },
    {
      title: 'Database migrations after each change of the code',
      args: { run: 'venv/bin/flask db upgrade', run_on: ['App code'], cwd: '/srv/app', user: 'www-data' },
    },
    {
      title: 'Until a condition holds',
      args: { run: 'locale-gen en_GB.UTF-8', unless: 'locale -a | grep -qx en_GB.utf8' },
    },
    { title: 'At every apply', args: { run: 'logger applied', always: true } },
  ],
  secrets: { in: ['env', 'stdin'], instead },
  identity: args => nameOf(args.run),
  refine: args => {
    const given = [args.creates, args.unless, args.only_if, args.run_on, args.always].filter(
      one => one !== undefined,
    );
    return given.length === 1
      ? []
      : ['Say when it runs with exactly one of creates, unless, only_if, run_on and always.'];
  },
  probes: (
    args,
  ): { creates?: Probe<PathState | null>; condition?: Probe<CommandResult>; owed?: Probe<Owed[]> } => {
    const script = args.unless ?? args.only_if;
    return {
      ...(args.creates === undefined ? {} : { creates: path(args.creates) }),
      ...(script === undefined
        ? {}
        : {
            condition: condition(inPlace(script, args), {
              ...(args.user === undefined ? {} : { as: args.user }),
            }),
          }),
      ...(args.run_on === undefined ? {} : { owed: owed(noteOf(args)) }),
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
      ...(args.user === undefined ? {} : { as: args.user }),
      ...(args.cwd === undefined ? {} : { cwd: args.cwd }),
      ...(args.stdin === undefined ? {} : { input: args.stdin }),
    },
    ...(args.run_on === undefined ? [] : [{ do: 'pay', unit: noteOf(args) } as const]),
  ],
  brings: args => (args.creates === undefined ? [] : [{ token: `path:${args.creates}` }]),
  reacts: args =>
    args.run_on === undefined ? [] : [{ to: [...args.run_on], unit: () => noteOf(args), action: 'run' }],
  verifies: args => args.creates !== undefined || args.unless !== undefined,
  timeoutS: () => timeoutS,
  asCheck,
});

/** A migration or a build may take long. */
const timeoutS = 3600;

/** Exit code of a condition whose directory is not there yet: then the command is taken to be due. */
const noSuchPlace = 125;

function nameOf(run: string | string[]): string {
  const line = lineOf(run);
  const first = line.split('\n')[0]!;
  return line === first && line.length <= 60 ? line : `${first.slice(0, 48)}… ${digest(run)}`;
}

const wanted = (exits: number | readonly number[]): string => `exit ${[exits].flat().join(' or ')}`;
const lineOf = (run: string | string[]): string => (typeof run === 'string' ? run.trim() : shellCommand(run));
const digest = (run: string | string[]): string =>
  createHash('sha256').update(JSON.stringify(run)).digest('hex').slice(0, 12);
const noteOf = ({ run }: Arguments): string => `command:${digest(run)}`;

function inPlace(script: string, { cwd, env }: Arguments): string {
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${shellQuote(value)}\n`);
  const enter = cwd === undefined ? '' : `cd -- ${shellQuote(cwd)} 2>/dev/null || exit ${noSuchPlace}\n`;
  return `${exports.join('')}${enter}${script}`;
}
