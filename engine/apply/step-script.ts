import { randomBytes } from 'node:crypto';
import type { Step } from '../step.ts';
import { compileMany, groupsOf } from '../steps/many-steps.ts';
import { kindOf } from '../steps/step-kinds.ts';
import type { Input } from '../util/file-content.ts';

/** A script that does steps, its standard input in parts, and the function that decodes its output. */
export interface Script {
  script: string;
  input: readonly Input[];
  /** Returns the output of each step that began. If the exit code is not 0, the last of them failed. */
  outputs(answer: { exit: number; stdout: Buffer; stderr: Buffer }): StepOutput[];
}

export interface StepOutput {
  step: Step;
  stdout: string;
  stderr: string;
  /** The exit code of its command: 0, another expected one, or the one that ended the script. */
  exit: number;
}

/** Names the process of the script, which may outlive its session. */
const identify = 'read -r r_q r_p </proc/self/stat && r_self=${r_me%.*}.$r_q';

/** Compiles steps to one script that stops at the first failure and leaves nothing half-written. */
export function script(steps: readonly Step[]): Script {
  const nonce = randomBytes(12).toString('hex');
  const inputs: Input[] = [];
  // If the first change fails and leaves everything unchanged, it owes no restart.
  const first = steps.findIndex(step => !['journal', 'arm', 'owe'].includes(step.do));
  const whole = ['write', 'link', 'checked'].includes(steps[first]?.do ?? '');
  const otherwise = (i: number) => (i === first && whole ? 'r_disown' : 'exit');
  const lines = groupsOf(steps).map(group => {
    if ('step' in group)
      return `r_begin ${group.first}\n${kindOf(group.step).compile(group.step, inputs)} || ${otherwise(group.first)}\n`;
    const shell = compileMany(group.many, group.first, inputs);
    const unchanged = group.first === first ? 'r_disown' : 'exit';
    const last = group.first + group.many.length - 1;
    return `r_begin ${group.first}\n${shell} || case $? in 3) ${unchanged} ;; *) exit ;; esac\nr_begin ${last}\n`;
  });
  return {
    script: `r_k=${nonce}; r_journal=; r_noted=\n${identify}\n${inGroups(lines)}`,
    input: inputs,
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

/** Groups the commands: bash parses a list by recursion, and crashes at a list of many thousand commands. */
function inGroups(lines: readonly string[], size = 500): string {
  if (lines.length <= size) return lines.join('');
  const groups = Array.from({ length: Math.ceil(lines.length / size) }, (_, i) =>
    lines.slice(i * size, (i + 1) * size).join(''),
  );
  return groups.map(group => `{\n${group}}\n`).join('');
}

/** Returns the text after each mark `\nNONCE INDEX\n`. Some marks of a long output may be missing. */
function cut(text: string, nonce: string): Map<number, string> {
  const parts = text.split(`\n${nonce} `).slice(1);
  return new Map(
    parts.map(part => [Number.parseInt(part, 10), part.slice(part.indexOf('\n') + 1).trimEnd()]),
  );
}
