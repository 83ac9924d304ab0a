import type { Effect } from '../effect.ts';
import { armedRevertFunctions, journalFunctions, stepFunctions } from '../host-shell/shell-functions.ts';
import { shellCommand, shellQuote } from '../quote.ts';
import { noteAt } from '../state-directory.ts';
import type { CheckedStep, RunStep, Step, Undo } from '../step.ts';
import { FileContent, type Input, type NewContent } from '../util/file-content.ts';
import { foldersAbove } from '../util/paths.ts';
import { journal, pathEntries, type Undoing } from './journal.ts';

/** The shell, description, undoing and effects of one kind of step. */
interface StepKind<S extends Step> {
  /** Returns the shell of the step, and adds its standard input to `inputs`. Throws a ProblemError if its source has changed. */
  compile(step: S, inputs: Input[]): string;
  /** Returns the step as a person would type it, for -v and for problems. */
  describe(step: S): string;
  /** Returns the undoing of the step, or undefined if it cannot be undone. */
  undo(step: S): Partial<Undoing> | undefined;
  /** Returns the effects of the step on readings. */
  effects(step: S): readonly Effect[];
}

/** The steps of a kind. */
type Of<K extends Step['do']> = Extract<Step, { do: K }>;

const kinds: { readonly [K in Step['do']]: StepKind<Of<K>> } = {
  write: {
    compile(step, inputs) {
      const { path, content, owner = '', group = '', mode = '', backup, validate, timeoutS } = step;
      const bytes = typeof content === 'string' ? Buffer.from(content) : content;
      inputs.push(bytes);
      if (bytes instanceof FileContent) bytes.ensureUnchanged();
      const [size, sha256] = [String(bytes.length), bytes instanceof FileContent ? bytes.sha256 : ''];
      const words = ['r_do', 'r_write', path, size, owner, group, mode, backup ? 'backup' : '', sha256];
      const check = validate === undefined ? [] : ['sh', '-c', validate.replaceAll('%s', '"$1"'), 'sh'];
      return `${shellCommand(words)} ${check.length === 0 ? '' : limited(check, timeoutS)}`.trimEnd();
    },
    describe: ({ path, content }) => `write ${shellQuote(path)} (${bytesIn(content)} bytes)`,
    undo: ({ path }) => ({ paths: [path] }),
    effects: ({ path, content, owner, group, mode }) => [{ kind: 'file', path, content, owner, group, mode }],
  },
  attributes: {
    compile: ({ path, owner = '', group = '', mode = '', recursive }) =>
      shellCommand(['r_do', 'r_attributes', path, owner, group, mode, recursive ? 'recursive' : '']),
    describe: ({ path }) => `attributes ${shellQuote(path)}`,
    undo: ({ path, recursive }) => (recursive ? undefined : { paths: [path] }),
    effects: ({ do: _, ...step }) => [{ kind: 'attributes', ...step }],
  },
  directory: {
    compile: ({ path, owner = '', group = '', mode = '' }) =>
      shellCommand(['r_do', 'r_directory', path, owner, group, mode]),
    describe: ({ path }) => `directory ${shellQuote(path)}`,
    undo: ({ path }) => ({ parents: foldersAbove(path), paths: [path] }),
    effects: ({ do: _, ...step }) => [{ kind: 'directory', ...step }],
  },
  link: {
    compile: ({ path, target }) => shellCommand(['r_do', 'r_link', path, target]),
    describe: ({ path, target }) => `ln -s ${shellQuote(target)} ${shellQuote(path)}`,
    undo: ({ path }) => ({ paths: [path] }),
    effects: ({ path, target }) => [{ kind: 'link', path, target }],
  },
  remove: {
    compile: ({ path, empty, recursive }) =>
      shellCommand(['r_do', 'r_remove', path, empty ? '-d' : recursive ? '-rf' : '-f']),
    describe: ({ path, empty, recursive }) =>
      empty ? `rmdir ${shellQuote(path)}` : `rm ${recursive ? '-r ' : ''}${shellQuote(path)}`,
    undo: ({ path, recursive }) => (recursive ? undefined : { paths: [path] }),
    effects: ({ path }) => [{ kind: 'removal', path }],
  },
  run: {
    compile: run,
    describe({ label, command, as }) {
      const line = label ?? (typeof command === 'string' ? command.trim() : shellCommand(command));
      return as === undefined ? line : `${line}   (as ${as})`;
    },
    undo: ({ undo }) => undo && { before: given(undo.before), after: given(undo.after) },
    effects: step =>
      step.touches ?? [{ kind: 'anything', text: textOf(step), command: [step.command].flat().join('\n') }],
  },
  sql: {
    compile({ statements, database = 'postgres', as = 'postgres' }, inputs) {
      const command = shellCommand(['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', database]);
      const lines = statements.map(one => `${one.replace(/;\s*$/, '')};\n`).join('');
      const text = `SET client_min_messages = warning;\n${lines}`;
      return feed(Buffer.from(text), inputs, `r_as ${shellQuote(as)} ${command}`);
    },
    describe: ({ database = 'postgres', as = 'postgres' }) =>
      `psql -XAtq -v ON_ERROR_STOP=1 -d ${database}   (as ${as})`,
    undo: () => undefined,
    effects: ({ objects }) => [{ kind: 'objects', names: objects }],
  },
  checked: {
    compile: checked,
    describe: ({ steps, label, by }) =>
      [...steps.map(step => describe(step)), label ?? shellCommand(by)].join(' && '),
    undo: ({ steps }) => together(steps.map(step => kindOf(step).undo(step))),
    effects: ({ steps }) => steps.flatMap(step => kindOf(step).effects(step)),
  },
  owe: {
    compile: ({ unit, action, because }) =>
      `r_owe ${[encodeURIComponent(unit), action, because].map(shellQuote).join(' ')}`,
    describe: ({ unit, action, because }) => `note: ${action} of ${unit} owed because ${because}`,
    undo: ({ unit }) => ({ paths: [noteAt(unit)] }),
    effects: ({ unit, action, because }) => [{ kind: 'note', unit, owed: { action, because } }],
  },
  pay: {
    compile: ({ unit }) => `r_pay ${shellQuote(encodeURIComponent(unit))}`,
    describe: ({ unit }) => `note: nothing owed to ${unit}`,
    undo: () => ({}),
    effects: ({ unit }) => [
      { kind: 'note', unit },
      { kind: 'objects', names: ['owed'] },
    ],
  },
  reboot: {
    compile: () => 'r_reboot',
    describe: () => 'systemctl reboot',
    undo: () => ({}),
    effects: () => [
      { kind: 'boot' },
      { kind: 'below', path: '/run' },
      { kind: 'below', path: '/tmp' },
      { kind: 'note', unit: 'host' },
    ],
  },
  journal: {
    compile: step => `{ ${journal(step)}\n}`,
    describe: ({ into }) =>
      `note: the state to revert to${into === 'armed' ? ', by the host itself if need be' : ''}`,
    undo: () => ({}),
    effects: () => [],
  },
  arm: {
    // The watcher is a shell of its own, so it needs the functions that restore a journal.
    compile: ({ afterS }) =>
      `r_arm ${shellQuote(stepFunctions + journalFunctions + armedRevertFunctions)} ${afterS}`,
    describe: ({ afterS }) => `note: the host reverts this after ${afterS} s`,
    undo: () => ({}),
    effects: () => [],
  },
};

/** Returns the kind of a step. */
export function kindOf<S extends Step>(step: S): StepKind<S> {
  return kinds[step.do] as unknown as StepKind<S>;
}

/** Returns a step as a person would type it. */
export function describe(step: Step): string {
  return kindOf(step).describe(step);
}

/** Returns the effects of steps, in their order. */
export function effectsOf(steps: readonly Step[]): Effect[] {
  return steps.flatMap(step => kindOf(step).effects(step));
}

const bytesIn = (content: NewContent): number =>
  typeof content === 'string' ? Buffer.byteLength(content) : content.length;

/** Returns the undoing of steps, or undefined if one of them cannot be undone. */
export function undoing(steps: readonly Step[]): Undoing | undefined {
  const all = together(steps.map(step => kindOf(step).undo(step)));
  return all && { ...all, paths: [...new Set(all.paths)] };
}

function together(all: readonly (Partial<Undoing> | undefined)[]): Undoing | undefined {
  if (!all.every(one => one !== undefined)) return undefined;
  return {
    parents: all.flatMap(({ parents = [] }) => parents),
    paths: all.flatMap(({ paths = [] }) => paths),
    before: all.flatMap(({ before = [] }) => before),
    after: all.flatMap(({ after = [] }) => after),
  };
}

const given = (command: Undo['before']): Undoing['before'] => (command === undefined ? [] : [command]);

/** Returns all texts of a command but its input. It may bring every missing thing that they name. */
const textOf = ({ command, cwd = '', env = {} }: RunStep): string =>
  [command, cwd, ...Object.values(env)].flat().join('\n');

function run(step: RunStep, inputs: Input[]): string {
  const words = typeof step.command === 'string' ? ['sh', '-c', step.command] : step.command;
  const { script } = step;
  const file = script === undefined ? '' : ` "$r_file" ${shellCommand(script.args)}`.trimEnd();
  const limited = shellCommand(['timeout', '-k', '10', String(step.timeoutS ?? 600), ...words]) + file;
  const staging = script === undefined ? '' : staged(script, step.as, inputs);
  const account = step.as === undefined ? '' : `r_as ${shellQuote(step.as)} `;
  const exports = Object.entries(step.env ?? {}).map(
    ([name, value]) => `export ${name}=${shellQuote(value)}; `,
  );
  const folder = step.cwd === undefined ? '' : `cd -- ${shellQuote(step.cwd)} || exit; `;
  const trusting =
    step.runsFrom === undefined ? '' : `r_trusted ${shellQuote(step.runsFrom)} && cd / || exit; `;
  const command = `( ${trusting}${exports.join('')}${folder}${account}${limited} )`;
  const expected = step.expectExit ?? [0];
  const fed =
    step.input === undefined ? `${command} </dev/null` : feed(Buffer.from(step.input), inputs, command);
  const isZero = expected.length === 1 && expected[0] === 0;
  if (isZero && script === undefined) return fed;
  const end = [
    script === undefined ? '' : '; r_unstaged',
    isZero ? '' : `; r_expect $? ${expected.join(' ')}`,
  ];
  return `{ ${staging}${fed}${end.join('')}; }`;
}

/** Stages the script of a step from the next part of the standard input. */
function staged({ name, content }: NonNullable<RunStep['script']>, as: string | undefined, inputs: Input[]) {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  inputs.push(bytes);
  if (bytes instanceof FileContent) bytes.ensureUnchanged();
  const sha256 = bytes instanceof FileContent ? bytes.sha256 : '';
  const account = as === undefined ? '"$r_account"' : shellQuote(as);
  return `${shellCommand(['r_staged', String(bytes.length), sha256, name])} ${account} || exit; `;
}

/** Gives a command its part of the standard input, and discards what the command does not read. */
function feed(bytes: Buffer, inputs: Input[], command: string): string {
  inputs.push(bytes);
  return `head -c ${bytes.length} | { ${command}; r_c=$?; cat >/dev/null; exit $r_c; }`;
}

/** Records the paths, does the steps and checks the result. If anything fails, it restores all paths. */
function checked(step: CheckedStep, inputs: Input[]): string {
  const paths = step.steps.map(one => one.path);
  const entries = [...pathEntries('"$r_journal"', paths), 'r_remembered "$r_journal"'].join(' && ');
  const steps = step.steps.map(one => kindOf(one).compile(one, inputs)).join(' && ');
  const by = limited(step.by, step.timeoutS);
  return `{
  r_state && r_journal=$(mktemp -d "$r_home/undo.$r_self.XXXXXXXXXX") && ${entries} &&
    printf '%s\\n' ${shellQuote(`${by} || r_revert`)} | r_seal "$r_journal/again" || exit
  if ${steps} && ${by} </dev/null; then rm -rf -- "$r_journal"
  else r_c=$?; r_revert; rm -rf -- "$r_journal"; (exit $r_c); fi
}`;
}

/** Returns a command with a time limit: a check that hangs has failed. */
function limited(by: readonly string[], timeoutS = 60): string {
  return shellCommand(['timeout', '-k', '5', String(timeoutS), ...by]);
}
