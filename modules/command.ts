import { createHash } from 'node:crypto';
import type { Effect } from '../engine/effect.ts';
import { stoppedUnit } from '../engine/host-knowledge.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { presenceWithin } from '../engine/module-kit/path-claims.ts';
import { command as condition, content, owed, path } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import { unitName } from '../engine/steps/unit-steps.ts';
import { defined } from '../engine/util/defined.ts';
import {
  type Arguments,
  commandArgs,
  guardsOf,
  howToRun,
  isKept,
  lineOf,
  provesRun,
  type Run,
  type RunArguments,
  runArgs,
  textOf,
  undoOf,
  verdictOf,
  wordsIn,
} from './_command.ts';
import { noting, runsOf, type Script, unrunnable, wordsOf } from './_script.ts';

const instead =
  'Give it by `stdin`, or by `env` for a script that uses it as "$NAME"; every account of the host can see the arguments of a program.';

/** The command as a check: it changes nothing, and holds if it exits with an expected code. */
const asCheck = defineModule({
  name: 'command',
  summary: 'A command that changes nothing, and exits with an expected code if all is well.',
  args: runArgs,
  required: ['run'],
  examples: { 'The service answers': { run: 'test -S /run/app/app.sock' } },
  secrets: { in: ['env'], instead },
  identity: args => nameOf(args.run),
  probes: args => ({ result: look(textOf(args.run), args, 60) }),
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
  args: commandArgs,
  alternatives: { command: ['run'], script: ['script', 'interpreter'] },
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
    'A script, after each change of it': { script: 'set-up.sh', args: ['--fast'] },
    'After a change, where it makes sense': {
      run: 'rndc reload',
      run_on: ['Zones'],
      only_if: 'systemctl is-active named',
    },
    'A risky change that the host can undo': {
      run: 'ip link set dev eth1 mtu 9000',
      unless: 'grep -qx 9000 /sys/class/net/eth1/mtu',
      undo: 'ip link set dev eth1 mtu 1500',
    },
    'At every apply': { run: 'logger applied', always: true, touches: 'nothing' },
  },
  files: { src: 'script' },
  secrets: { in: ['env', 'stdin'], instead },
  identity: args => nameOf(wordsIn(args)),
  together: [
    'Give one of run and script. args belongs to script.',
    'creates, unless, only_if and run_on state when it runs. With several of them, it runs only if each allows it. A run that run_on makes necessary stays owed until then.',
    'always does not go with creates, unless and run_on, and with only_if only for a script. A script needs none of them.',
  ],
  refine: ({ run, script, args, creates, unless, only_if, run_on, always, touches }) => {
    const others = Object.keys(defined({ creates, unless, run_on, only_if: script ? undefined : only_if }));
    const idle = creates !== undefined && touches === 'nothing';
    const isStated = others.length > 0 || always || script !== undefined;
    return [
      run === undefined && script === undefined && { says: 'Give run or script.' },
      script === undefined && args.length > 0 && { at: 'args', says: 'args belongs to script.' },
      run !== undefined &&
        !isStated && { says: 'State when it runs, with creates, unless, only_if, run_on or always.' },
      always && others.length > 0 && { at: 'always', says: `always does not go with ${others.join(', ')}.` },
      idle && { at: 'touches', says: 'A command that creates a path touches it.' },
    ];
  },
  probes: args => ({
    creates: args.creates === undefined ? undefined : path(args.creates),
    owed: args.run_on && owed(noteOf(args)),
    runs: isKept(args) ? content(runsOf(args as Script)) : undefined,
    perhapsUnless: args.unless === undefined ? undefined : look(args.unless, args),
    perhapsOnlyIf: args.only_if === undefined ? undefined : look(args.only_if, args),
  }),
  actual: (read, args, { verifying, name }) => {
    const guards = guardsOf(read, args, name);
    // What made the command necessary may be gone after it.
    if (verifying) return provesRun(guards) ? { run: lineOf(args) } : {};
    const verdict = verdictOf(read, args, name);
    if ('forbids' in verdict) return { run: lineOf(args) };
    const isPlain = guards.length < 2 && !isKept(args);
    return isPlain ? {} : { run: verdict.because };
  },
  desired: args => ({ run: lineOf(args) }),
  obstacles: args => (args.script === undefined ? [] : unrunnable(args as Script)),
  steps: (_diff, args, { runs }, { name }) => {
    const notes = isKept(args) ? noting(args as Script, runs ?? null, name) : undefined;
    return [
      ...(notes?.begin ?? []),
      {
        do: 'run',
        ...howToRun(args),
        env: args.env,
        expectExit: [args.expect_exit].flat(),
        timeoutS,
        ...defined({ as: args.user, cwd: args.cwd, input: args.stdin, touches: effectsOf(args) }),
        ...(args.undo !== undefined && { undo: { after: undoOf(args.undo, args) } }),
      },
      notes?.end,
      args.run_on && { do: 'pay', unit: noteOf(args) },
    ];
  },
  reacts: args =>
    args.run_on === undefined ? [] : [{ to: [...args.run_on], unit: () => noteOf(args), action: 'run' }],
  runs: true,
  verifies: args => args.creates !== undefined || args.unless !== undefined || isKept(args),
  unproven: ({ creates, unless }) => {
    const [made, held] = [
      creates && `did not make ${creates}, which \`creates\` names`,
      unless && '`unless` still fails',
    ];
    if (made && held) return `The command ran, but it ${made}, or its ${held}.`;
    if (made) return `The command ran, but ${made}.`;
    return held
      ? `The command ran, but its ${held}: every apply would run it again.`
      : 'The script ran, but the host did not keep the note of its run: every apply would run it again.';
  },
  idle: (read, args, { name }) => {
    const verdict = verdictOf(read, args, name);
    return 'forbids' in verdict ? verdict.forbids : undefined;
  },
  timeoutS: () => timeoutS,
  claims: ({ creates }) => (creates === undefined ? {} : presenceWithin(creates)),
  asCheck,
});

/** The limit is long because a migration or a build may take long. */
const timeoutS = 3600;

/** Returns the effects of a command on readings, or undefined if it may change anything. */
function effectsOf(args: Arguments): Effect[] | undefined {
  const { cwd, user, env, creates, touches } = args;
  const made: Effect[] = creates === undefined ? [] : [{ kind: 'below', path: creates }];
  if (touches !== undefined) return [...(touches === 'nothing' ? [] : touches.map(effectOf)), ...made];
  if (creates === undefined && args.run !== undefined) return undefined;
  const command = args.run === undefined ? wordsOf(args as Script) : lineOf(args);
  const named = [command, cwd, user, ...Object.values(env)];
  return [{ kind: 'anything', text: named.join('\n'), command }, ...made];
}

function effectOf(thing: string): Effect {
  const [kind, name = ''] = thing.split(/:(.*)/);
  if (kind === 'unit') return { kind: 'unit', name: unitName(name), sets: unknownUnit };
  if (kind === 'package')
    return { kind: 'packages', comes: new Map([[name, undefined]]), goes: [], whole: false };
  return { kind: 'below', path: thing };
}

const unknownUnit = Object.fromEntries(Object.keys(stoppedUnit).map(property => [property, undefined]));

function nameOf(run: Run): string {
  const line = textOf(run);
  const first = line.split('\n')[0]!;
  return line === first && line.length <= 60 ? line : `${first.slice(0, 48)}… ${digest(run)}`;
}

const wanted = (exits: number | readonly number[]): string => `exit ${[exits].flat().join(' or ')}`;
const digest = (run: Run): string =>
  createHash('sha256').update(JSON.stringify(run)).digest('hex').slice(0, 12);
const noteOf = (args: Arguments): string =>
  `${args.script === undefined ? 'command' : 'script'}:${digest(wordsIn(args))}`;

/** Returns the probe of a script that runs like the command: same account, directory and environment. */
function look(script: string, { cwd, env, user }: Omit<RunArguments, 'run'>, timeoutS?: number) {
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${shellQuote(value)}\n`);
  return condition(exports.join('') + script, defined({ as: user, cwd, timeoutS, detaches: true }));
}
