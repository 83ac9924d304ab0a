import { randomBytes } from 'node:crypto';
import type { Step } from '../step.ts';
import { kindOf } from '../steps/step-kinds.ts';

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
  const lines = steps.map(
    (step, i) => `r_begin ${i}\n${kindOf(step).compile(step, inputs)} || ${otherwise(i)}\n`,
  );
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

/** What stands after each mark `\nNONCE INDEX\n`; of a lot of output some marks may be missing. */
function cut(text: string, nonce: string): Map<number, string> {
  const parts = text.split(`\n${nonce} `).slice(1);
  return new Map(
    parts.map(part => [Number.parseInt(part, 10), part.slice(part.indexOf('\n') + 1).trimEnd()]),
  );
}
