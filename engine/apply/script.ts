import { randomBytes } from 'node:crypto';
import { shellCommand, shellQuote } from '../quote.ts';
import { type CheckedStep, type RunStep, type Step, stateDirectory, type WriteStep } from '../step.ts';
import { keep, keepPath } from './journal.ts';
import { pathLibrary } from './paths.ts';
import { armCommand } from './risky.ts';

/** A script that does steps, the bytes it reads on its standard input, and how to understand what it prints. */
export interface Script {
  script: string;
  input: Buffer;
  /** What each step that was begun printed. The last one is the one that failed, if the exit code is not 0. */
  outputs(answer: { exit: number; stdout: Buffer; stderr: Buffer }): StepOutput[];
}

export interface StepOutput {
  step: Step;
  stdout: string;
  stderr: string;
  /** Of its command: 0, or another one that it may have, or the one that ended the script. */
  exit: number;
}

/**
 * Shell functions that the steps are written in; defined once a session. Each returns non-zero with its reason on
 * stderr. A file is staged in its own directory, so that the rename is atomic, by mktemp, so that nobody else's file
 * or link is used, and closed to others until owner and mode are set. `r_write` gives up when fewer bytes came than
 * were announced: the connection broke. What is staged or kept for putting back bears the boot and the process of its
 * session, so that a later one can tell whose nobody will finish: those in its way are swept, and `r_recover` runs
 * a check again that was cut off, and puts its files back if it fails.
 */
export const stepLibrary = `${pathLibrary}
r_base=${stateDirectory}
r_me=0
read -r r_me 2>/dev/null </proc/sys/kernel/random/boot_id
r_me=\${r_me%%-*}.$$
r_self=$r_me
r_dead() {
  r_q=\${1%.*}
  [ -d "/proc/\${r_q##*.}" ] || return 0
  r_q=\${r_q%.*}
  [ "\${r_q##*.}" != "\${r_me%.*}" ]
}
r_begin() { printf '\\n%s %s\\n' "$r_k" "$1"; printf '\\n%s %s\\n' "$r_k" "$1" >&2; }
r_no() { printf '%s\\n' "$*" >&2; return 1; }
r_expect() {
  printf '\\n%s:%s\\n' "$r_k" "$1"
  r_c=$1
  shift
  for r_e do [ "$r_c" != "$r_e" ] || return 0; done
  [ "$r_c" != 0 ] || return 1
  return "$r_c"
}
r_state() { [ -d "$r_base/owed" ] || mkdir -p -m 0700 "$r_base" "$r_base/owed"; }
r_owe() {
  r_state || return
  r_f=$r_base/owed/$1
  if [ -f "$r_f" ] && grep -qF -- "$2	" "$r_f" && grep -qF -- "	$3" "$r_f"; then return; fi
  [ -f "$r_f" ] || r_noted="$r_noted $1"
  r_do r_note "$r_f" "$2	$(date +%s)	$3"
}
r_note() {
  r_at "$1" && r_s=$(mktemp "$r_new") && { [ ! -f "$r_to" ] || cat -- "$r_to"; printf '%s\\n' "$2"; } >"$r_s" && r_commit
}
r_disown() {
  r_c=$?
  for r_p in $r_noted; do r_pay "$r_p"; done
  exit $r_c
}
r_pay() { rm -f -- "$r_base/owed/$1"; }
`;

/** A script is a process of its own, which may outlive its session. */
const identify = 'read -r r_q r_p </proc/self/stat && r_self=${r_me%.*}.$r_q';

/** Compiles steps to one script that stops at the first failure and leaves nothing half-written. */
export function script(steps: readonly Step[]): Script {
  const nonce = randomBytes(12).toString('hex');
  const inputs: Buffer[] = [];
  // A first change that leaves everything as it was, when it fails, leaves no restart owed for it either.
  const first = steps.findIndex(step => !['keep', 'arm', 'owe'].includes(step.do));
  const whole = ['write', 'link', 'checked'].includes(steps[first]?.do ?? '');
  const otherwise = (i: number) => (i === first && whole ? 'r_disown' : 'exit');
  const lines = steps.map((step, i) => `r_begin ${i}\n${compile(step, inputs)} || ${otherwise(i)}\n`);
  return {
    script: `r_k=${nonce}; r_undo=; r_noted=\n${identify}\n${inGroups(lines)}`,
    input: Buffer.concat(inputs),
    outputs(answer) {
      const stdout = cut(answer.stdout.toString(), nonce);
      const stderr = cut(answer.stderr.toString(), nonce);
      const last = Math.max(-1, ...stdout.keys());
      return steps.slice(0, last + 1).map((step, i) => {
        const [words = '', exit] = (stdout.get(i) ?? '').split(`\n${nonce}:`);
        const code = Number(exit ?? (i === last ? answer.exit : 0));
        return { step, stdout: words.trimEnd(), stderr: stderr.get(i) ?? '', exit: code };
      });
    },
  };
}

/** bash takes a list apart by recursion, a level a command, and ends itself where one has many thousands. */
function inGroups(lines: readonly string[], size = 500): string {
  if (lines.length <= size) return lines.join('');
  const groups = Array.from({ length: Math.ceil(lines.length / size) }, (_, i) =>
    lines.slice(i * size, (i + 1) * size).join(''),
  );
  return groups.map(group => `{\n${group}}\n`).join('');
}

/** A step as a person would type it, for -v and for problems. */
export function describe(step: Step): string {
  switch (step.do) {
    case 'run': {
      const command =
        step.label ?? (typeof step.command === 'string' ? step.command.trim() : shellCommand(step.command));
      return step.as === undefined ? command : `${command}   (as ${step.as})`;
    }
    case 'sql':
      return `psql -XAtq -v ON_ERROR_STOP=1 -d ${step.database ?? 'postgres'}   (as ${step.as ?? 'postgres'})`;
    case 'checked':
      return [...step.steps.map(describe), step.label ?? shellCommand(step.by)].join(' && ');
    case 'owe':
      return `note: ${step.action} of ${step.unit} owed because ${step.because}`;
    case 'pay':
      return `note: nothing owed to ${step.unit}`;
    case 'keep':
      return `note: how to undo what follows${step.journal === 'armed' ? ', by itself if need be' : ''}`;
    case 'arm':
      return `note: puts itself back after ${step.afterS} s`;
    case 'link':
      return `ln -s ${shellQuote(step.target)} ${shellQuote(step.path)}`;
    case 'remove':
      if (step.empty) return `rmdir ${shellQuote(step.path)}`;
      return `rm ${step.recursive ? '-r ' : ''}${shellQuote(step.path)}`;
    case 'write':
      return `write ${shellQuote(step.path)} (${Buffer.byteLength(step.content)} bytes)`;
    default:
      return `${step.do} ${shellQuote(step.path)}`;
  }
}

function compile(step: Step, inputs: Buffer[]): string {
  switch (step.do) {
    case 'write':
      return write(step, inputs);
    case 'attributes': {
      const { path, owner = '', group = '', mode = '', recursive } = step;
      return shellCommand(['r_do', 'r_attributes', path, owner, group, mode, recursive ? 'recursive' : '']);
    }
    case 'directory': {
      const { path, owner = '', group = '', mode = '' } = step;
      return shellCommand(['r_do', 'r_directory', path, owner, group, mode]);
    }
    case 'link':
      return shellCommand(['r_do', 'r_link', step.path, step.target]);
    case 'remove':
      return shellCommand(['r_do', 'r_remove', step.path, removal(step)]);
    case 'run':
      return run(step, inputs);
    case 'sql': {
      const command = shellCommand([
        'psql',
        '-XAtq',
        '-v',
        'ON_ERROR_STOP=1',
        '-d',
        step.database ?? 'postgres',
      ]);
      const text = `SET client_min_messages = warning;\n${step.statements.map(one => `${one.replace(/;\s*$/, '')};\n`).join('')}`;
      return feed(Buffer.from(text), inputs, `r_as ${shellQuote(step.as ?? 'postgres')} ${command}`);
    }
    case 'checked':
      return checked(step, inputs);
    case 'owe':
      return `r_owe ${[encodeURIComponent(step.unit), step.action, step.because].map(shellQuote).join(' ')}`;
    case 'pay':
      return `r_pay ${shellQuote(encodeURIComponent(step.unit))}`;
    case 'keep':
      return `{ ${keep(step)}; }`;
    case 'arm':
      return armCommand(stepLibrary, step.afterS);
  }
}

function write(step: WriteStep, inputs: Buffer[]): string {
  const bytes = Buffer.from(step.content as Uint8Array);
  inputs.push(bytes);
  const { path, owner = '', group = '', mode = '', backup, validate, timeoutS } = step;
  const words = ['r_do', 'r_write', path, String(bytes.length), owner, group, mode, backup ? 'backup' : ''];
  const check = validate === undefined ? [] : ['sh', '-c', validate.replaceAll('%s', '"$1"'), 'sh'];
  return `${shellCommand(words)} ${check.length === 0 ? '' : limited(check, timeoutS)}`.trimEnd();
}

function removal({ recursive, empty }: { recursive?: boolean; empty?: boolean }): string {
  if (empty) return '-d';
  return recursive ? '-rf' : '-f';
}

function run(step: RunStep, inputs: Buffer[]): string {
  const words = typeof step.command === 'string' ? ['sh', '-c', step.command] : step.command;
  const limited = shellCommand(['timeout', '-k', '10', String(step.timeoutS ?? 600), ...words]);
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
  if (expected.length === 1 && expected[0] === 0) return fed;
  return `{ ${fed}; r_expect $? ${expected.join(' ')}; }`;
}

/** Gives a command its own part of the standard input, all of it, whether it reads it or not. */
function feed(bytes: Buffer, inputs: Buffer[], command: string): string {
  inputs.push(bytes);
  return `head -c ${bytes.length} | { ${command}; r_c=$?; cat >/dev/null; exit $r_c; }`;
}

/** Keeps what is there, does the steps, checks the whole, and puts everything back when anything failed. */
function checked(step: CheckedStep, inputs: Buffer[]): string {
  const kept = step.steps.map(one => keepPath('"$r_undo"', one.path)).join(' && ');
  const steps = step.steps.map(one => compile(one, inputs)).join(' && ');
  const by = limited(step.by, step.timeoutS);
  return `{
  r_state && r_undo=$(mktemp -d "$r_home/undo.$r_self.XXXXXXXXXX") && ${kept} &&
    printf '%s\\n' ${shellQuote(`${by} || r_put_back`)} >"$r_undo/again" && sync -- "$r_undo/again" "$r_undo" || exit
  if ${steps} && ${by} </dev/null; then rm -rf -- "$r_undo"
  else r_c=$?; r_put_back; rm -rf -- "$r_undo"; (exit $r_c); fi
}`;
}

/** A check that hangs has failed. */
function limited(by: readonly string[], timeoutS = 60): string {
  return shellCommand(['timeout', '-k', '5', String(timeoutS), ...by]);
}

/** What stands after each mark `\nNONCE INDEX\n`; of a lot of output some marks may be missing. */
function cut(text: string, nonce: string): Map<number, string> {
  const parts = text.split(`\n${nonce} `).slice(1);
  return new Map(
    parts.map(part => [Number.parseInt(part, 10), part.slice(part.indexOf('\n') + 1).trimEnd()]),
  );
}
