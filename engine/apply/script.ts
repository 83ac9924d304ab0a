import { randomBytes } from 'node:crypto';
import { shellCommand, shellQuote } from '../quote.ts';
import { type CheckedStep, type RunStep, type Step, stateDirectory, type WriteStep } from '../step.ts';
import { keep, keepPath } from './journal.ts';
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
 * or link is used, and closed to others until owner and mode are set. `r_stage` gives up when fewer bytes came than
 * were announced: the connection broke. What is staged or kept for putting back bears the boot and the process of its
 * session, so that a later one can tell whose nobody will finish: those in its way are swept, and `r_recover` runs
 * a check again that was cut off, and puts its files back if it fails.
 */
export const stepLibrary = `
r_me=0
read -r r_me 2>/dev/null </proc/sys/kernel/random/boot_id
r_me=\${r_me%%-*}.$$
r_self=$r_me
r_swept=
r_dead() {
  r_q=\${1%.*}
  [ -d "/proc/\${r_q##*.}" ] || return 0
  r_q=\${r_q%.*}
  [ "\${r_q##*.}" != "\${r_me%.*}" ]
}
r_sweep() {
  for r_p in "$1".reconcile.????????.*.??????????; do
    if { [ -f "$r_p" ] || [ -L "$r_p" ]; } && r_dead "$r_p"; then rm -f -- "$r_p"; fi
  done
  r_swept=$1
}
r_at() { printf '\\n%s %s\\n' "$r_k" "$1"; printf '\\n%s %s\\n' "$r_k" "$1" >&2; }
r_no() { printf '%s\\n' "$*" >&2; return 1; }
r_expect() {
  printf '\\n%s:%s\\n' "$r_k" "$1"
  r_c=$1
  shift
  for r_e do [ "$r_c" != "$r_e" ] || return 0; done
  [ "$r_c" != 0 ] || return 1
  return "$r_c"
}
r_clean() { [ -z "$r_s" ] || rm -f -- "$r_s"; r_s=; }
r_folder() {
  r_d=\${1%/*}/
  [ -d "$r_d" ] || { r_no "the directory $r_d does not exist"; return; }
  r_t=$r_d.reconcile.$r_self.XXXXXXXXXX
  [ "$r_d" = "$r_swept" ] || r_sweep "$r_d"
}
r_stage() {
  r_folder "$1" || return
  if [ -d "$1" ] && [ ! -L "$1" ]; then r_no "$1 is a directory; it is not replaced by a file"; return; fi
  r_s=$(mktemp "$r_t") && head -c "$2" >"$r_s" || return
  [ "$(wc -c <"$r_s")" -eq "$2" ] || { r_no "the content of $1 did not arrive whole"; return; }
  set -- "$1" "$3" "$4" "$5"
  if [ -f "$1" ] && [ ! -L "$1" ]; then
    read -r r_o r_g r_m <<R_END
$(stat -c '%u %g %a' -- "$1")
R_END
  else r_o=; r_g=; r_m=644; fi
  r_own "$r_s" "\${2:-$r_o}" "\${3:-$r_g}" "\${4:-$r_m}"
}
r_own() {
  [ -z "$2$3" ] || chown -h "$2:$3" -- "$1" || return
  [ -z "$4" ] || [ -L "$1" ] || chmod "$4" -- "$1"
}
r_commit() { sync -- "$r_s" && mv -fT -- "$r_s" "$1" && r_s= && sync -- "\${1%/*}/"; }
r_backup() { [ ! -f "$1" ] || cp -a -- "$1" "$1.~$(date +%Y%m%dT%H%M%S)~"; }
r_directory() {
  if [ ! -d "$1" ]; then
    mkdir -p -- "\${1%/*}/" && mkdir -m 0700 -- "$1" && r_own "$1" "$2" "$3" "\${4:-755}"
  else r_own "$1" "$2" "$3" "$4"; fi
}
r_link() {
  r_folder "$1" || return
  if [ -d "$1" ] && [ ! -L "$1" ]; then r_no "$1 is a directory; it is not replaced by a link"; return; fi
  r_s=$(mktemp -u "$r_t") && ln -s -- "$2" "$r_s" && mv -fT -- "$r_s" "$1" && r_s=
}
r_state() { [ -d ${stateDirectory}/owed ] || mkdir -p -m 0700 ${stateDirectory} ${stateDirectory}/owed; }
r_owe() {
  r_state || return
  r_f=${stateDirectory}/owed/$1
  if [ -f "$r_f" ] && grep -qF -- "$2	" "$r_f" && grep -qF -- "	$3" "$r_f"; then return; fi
  r_folder "$r_f" && r_s=$(mktemp "$r_t") || return
  [ -f "$r_f" ] || r_noted="$r_noted $1"
  { [ ! -f "$r_f" ] || cat -- "$r_f"; printf '%s\\t%s\\t%s\\n' "$2" "$(date +%s)" "$3"; } >"$r_s" && r_commit "$r_f"
}
r_disown() {
  r_c=$?
  for r_p in $r_noted; do r_pay "$r_p"; done
  exit $r_c
}
r_pay() { rm -f -- "${stateDirectory}/owed/$1"; }
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
  const lines = steps.map((step, i) => `r_at ${i}\n${compile(step, inputs)} || ${otherwise(i)}\n`);
  return {
    script: `r_k=${nonce}; r_s=; r_undo=; r_noted=\n${identify}\ntrap 'r_clean' EXIT\n${lines.join('')}`,
    input: Buffer.concat(inputs),
    outputs(answer) {
      const stdout = cut(answer.stdout.toString(), nonce);
      const stderr = cut(answer.stderr.toString(), nonce);
      return steps.slice(0, stdout.length).map((step, i) => {
        const [words = '', exit] = stdout[i]!.split(`\n${nonce}:`);
        const code = Number(exit ?? (i === stdout.length - 1 ? answer.exit : 0));
        return { step, stdout: words.trimEnd(), stderr: stderr[i] ?? '', exit: code };
      });
    },
  };
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
      const ownership = [step.owner, step.group].map(name => shellQuote(name ?? '')).join(' ');
      if (!step.recursive)
        return `r_own ${shellQuote(step.path)} ${ownership} ${shellQuote(step.mode ?? '')}`;
      const owner = shellQuote(`${step.owner ?? ''}:${step.group ?? ''}`);
      const change = step.owner || step.group ? `chown -hR ${owner} -- ${shellQuote(step.path)}` : ':';
      return `{ ${change} && r_own ${shellQuote(step.path)} '' '' ${shellQuote(step.mode ?? '')}; }`;
    }
    case 'directory':
      return `r_directory ${[step.path, step.owner ?? '', step.group ?? '', step.mode ?? ''].map(shellQuote).join(' ')}`;
    case 'link':
      return `r_link ${shellQuote(step.path)} ${shellQuote(step.target)}`;
    case 'remove':
      return `rm ${step.recursive ? '-rf' : '-f'} -- ${shellQuote(step.path)}`;
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
  const path = shellQuote(step.path);
  const ownership = [step.owner ?? '', step.group ?? '', step.mode ?? ''].map(shellQuote).join(' ');
  const validate =
    step.validate === undefined
      ? ''
      : ` && ${limited(['sh', '-c', step.validate.replaceAll('%s', '"$1"'), 'sh'], step.timeoutS)} "$r_s" </dev/null`;
  const backup = step.backup ? ` && r_backup ${path}` : '';
  return `{ r_stage ${path} ${bytes.length} ${ownership}${validate}${backup} && r_commit ${path}; }`;
}

function run(step: RunStep, inputs: Buffer[]): string {
  const words = typeof step.command === 'string' ? ['sh', '-c', step.command] : step.command;
  const limited = shellCommand(['timeout', '-k', '10', String(step.timeoutS ?? 600), ...words]);
  const account = step.as === undefined ? '' : `r_as ${shellQuote(step.as)} `;
  const exports = Object.entries(step.env ?? {}).map(
    ([name, value]) => `export ${name}=${shellQuote(value)}; `,
  );
  const folder = step.cwd === undefined ? '' : `cd -- ${shellQuote(step.cwd)} || exit; `;
  const command = `( ${exports.join('')}${folder}${account}${limited} )`;
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
  else r_c=$?; r_clean; r_put_back; rm -rf -- "$r_undo"; (exit $r_c); fi
}`;
}

/** A check that hangs has failed. */
function limited(by: readonly string[], timeoutS = 60): string {
  return shellCommand(['timeout', '-k', '5', String(timeoutS), ...by]);
}

/** What stands after each mark `\nNONCE INDEX\n`. */
function cut(text: string, nonce: string): string[] {
  return text
    .split(`\n${nonce} `)
    .slice(1)
    .map(part => part.slice(part.indexOf('\n') + 1).trimEnd());
}
