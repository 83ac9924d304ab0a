import { type Problem, type ProblemCode, ProblemError } from '../problem.ts';
import type { Step } from '../step.ts';
import { describe } from '../steps/step-kinds.ts';
import type { Answer } from '../transport/connect.ts';
import type { StepOutput } from './step-script.ts';

/** The message of `r_write` if the command that validates a file fails. */
const refused = /^the command that checks the new file exited/m;

const restored = 'The old files are in place. Correct the content, then apply again.';

/** The known errors of commands, each with its problem code or its remedy. */
const causes: readonly { says: RegExp; code?: ProblemCode; hint?: string }[] = [
  { says: refused, code: 'validation-failed', hint: restored },
  {
    says: /No space left on device|Disk quota exceeded/,
    code: 'no-space',
    hint: 'Free some space on it and apply again.',
  },
  {
    says: /Read-only file system/,
    code: 'read-only',
    hint: 'Show its mount with\n    findmnt --target PATH\nA file system that became read-only by itself is often on a failing disk. Show the messages of the kernel with\n    dmesg | tail',
  },
  {
    says: /nothing is done through it|but programs would be run from it/,
    code: 'unsafe-path',
    hint: 'Write below the folder of another account as that account, with become: {user: ACCOUNT}, or let root alone own the folders and links on the way.',
  },
  {
    says: /^the content of .* is another one than planned/m,
    code: 'source-changed',
    hint: 'Apply again once nothing writes to the source file.',
  },
  { says: /the package lock is held by|Could not get lock/, code: 'apt-locked' },
  {
    says: /dpkg was interrupted|dpkg --configure -a|half-(configured|installed)|dpkg is in a broken state/,
    code: 'dpkg-broken',
    hint: 'Show the broken packages of the host with\n    dpkg --audit',
  },
  {
    says: /permission denied|access denied|operation not permitted|must be (?:run as )?root|are you root/i,
    hint: 'If the account lacks the rights, add become: true to the resource or the play.',
  },
];

/** Returns the program of a step in a word or two, or undefined if the engine does the step itself. */
function programOf(step: Step): string | undefined {
  if (step.do === 'run')
    return step.label ?? (Array.isArray(step.command) ? String(step.command[0]) : 'the command');
  if (step.do === 'checked') return step.label ?? String(step.by[0]);
  return step.do === 'sql' ? 'psql' : undefined;
}

/** Returns the sentence for the failure of a step. */
function endOf({ step, exit, stderr }: StepOutput): string {
  const program = programOf(step);
  if (step.do === 'write' && step.validate !== undefined && refused.test(stderr))
    return `\`${step.validate}\` refuses the new content of ${step.path}.`;
  if (program === undefined) return `${describe(step)} failed.`;
  if (exit === 124) return `${program} did not end in time.`;
  const expected = step.do === 'run' ? (step.expectExit ?? [0]).join(' or ') : '0';
  return `${program} exited ${exit}${expected === '0' ? '' : `, not ${expected}`}.`;
}

/** Lines at the end of a command's output that a problem shows. */
const lastLines = 30;

/** Returns the problem of a failed script, with the failed command and the end of its output. */
export function failure(outputs: readonly StepOutput[], answer: Answer): Problem {
  const last = outputs.at(-1);
  if (last === undefined) {
    return {
      code: 'step-failed',
      message: 'The script of the change did not start.',
      cause: answer.stderr.toString().trim(),
    };
  }
  const words = (last.stderr || last.stdout).split('\n').slice(-lastLines).join('\n');
  const known = causes.find(({ says }) => says.test(words));
  const command = describe(last.step);
  const isChecked = last.step.do === 'checked';
  const hint = known?.hint ?? (isChecked ? restored : undefined);
  return {
    code: known?.code ?? (isChecked ? 'validation-failed' : 'step-failed'),
    message: endOf(last),
    cause: `$ ${command}\n${words}`.trimEnd(),
    ...(hint === undefined ? {} : { hint }),
  };
}

/** Returns the problem of a change whose session ended before its script, because a reading can still prove it. */
export function cutOffProblem(thrown: unknown): Problem {
  const problem = thrown instanceof ProblemError ? thrown.problems[0] : undefined;
  if (problem?.code === 'cut-off' || problem?.code === 'host-restarted') return problem;
  throw thrown;
}
