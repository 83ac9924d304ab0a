import type { Problem, ProblemCode } from '../problem.ts';
import type { Step } from '../step.ts';
import { describe } from '../steps/step-kinds.ts';
import type { Answer } from '../transport/connect.ts';
import type { StepOutput } from './step-script.ts';

/** What `r_write` says when the command that validates a file fails. */
const refused = /^the command that checks the new file exited/m;

/** Last words that name the cause better than the command that said them. */
const causes: readonly { says: RegExp; code: ProblemCode; hint?: string }[] = [
  { says: refused, code: 'validation-failed' },
  {
    says: /No space left on device|Disk quota exceeded/,
    code: 'no-space',
    hint: 'Free some space on it and apply again.',
  },
  {
    says: /Read-only file system/,
    code: 'read-only',
    hint: 'See how it is mounted with\n    findmnt --target PATH\nA file system that became read-only by itself often has a failing disk below it: see\n    dmesg | tail',
  },
  {
    says: /nothing is done through it|but programs would be run from it/,
    code: 'unsafe-path',
    hint: 'Write below the folder of another account as that account, with become: {user: ACCOUNT}, or let root alone own the folders and links on the way.',
  },
  { says: /the package lock is held by|Could not get lock/, code: 'apt-locked' },
  {
    says: /dpkg was interrupted|dpkg --configure -a|half-(configured|installed)|dpkg is in a broken state/,
    code: 'dpkg-broken',
    hint: 'See what is wrong on the host with\n    dpkg --audit',
  },
];

/** The program that a step runs, in a word or two; undefined for what the engine does itself. */
function programOf(step: Step): string | undefined {
  if (step.do === 'run')
    return step.label ?? (Array.isArray(step.command) ? String(step.command[0]) : 'the command');
  if (step.do === 'checked') return step.label ?? String(step.by[0]);
  return step.do === 'sql' ? 'psql' : undefined;
}

/** What became of a step, as a sentence. */
function endOf({ step, exit, stderr }: StepOutput): string {
  const program = programOf(step);
  if (step.do === 'write' && step.validate !== undefined && refused.test(stderr))
    return `\`${step.validate}\` refuses the new content of ${step.path}.`;
  if (program === undefined) return `${describe(step)} failed.`;
  if (exit === 124) return `${program} did not end in time.`;
  const expected = step.do === 'run' ? (step.expectExit ?? [0]).join(' or ') : '0';
  return `${program} exited ${exit}${expected === '0' ? '' : `, not ${expected}`}.`;
}

/** How many lines of a command's last words a problem shows. */
const lastWords = 30;

/** The problem of steps that broke off, with the failing command and its own last words. */
export function failure(outputs: readonly StepOutput[], answer: Answer): Problem {
  const last = outputs.at(-1);
  if (last === undefined) {
    return {
      code: 'step-failed',
      message: 'The steps could not be begun.',
      cause: answer.stderr.toString().trim(),
    };
  }
  const words = (last.stderr || last.stdout).split('\n').slice(-lastWords).join('\n');
  const known = causes.find(({ says }) => says.test(words));
  const command = describe(last.step);
  return {
    code: known?.code ?? (last.step.do === 'checked' ? 'validation-failed' : 'step-failed'),
    message: endOf(last),
    cause: `$ ${command}\n${words}`.trimEnd(),
    ...(known?.hint === undefined ? {} : { hint: known.hint }),
  };
}
