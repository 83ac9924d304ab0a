import { ProblemError } from '../problem.ts';
import type { Answer } from '../transport/connect.ts';

/** Returns a change that keeps its outcome on the host, under the run and the number of the change. */
export function recordedScript(script: string, run: string, number: number): string {
  return `r_change() {\n${script}\n}\nr_recorded ${run} ${number}`;
}

/** Returns a script that waits for the end of a change and prints its outcome. */
export function outcomeScript(run: string, number: number): string {
  return `r_outcome ${run} ${number}`;
}

/** Returns the answer of a change; or `never` if it did not begin, `cut` if it did not end, `restarted` if the host was. */
export function decodeOutcome(answer: Answer): Answer | 'never' | 'cut' | 'restarted' {
  const end = answer.stdout.indexOf('\n');
  const [state, exit] = answer.stdout.subarray(0, end).toString().split(' ');
  if (state === 'ended') return { ...answer, exit: Number(exit), stdout: answer.stdout.subarray(end + 1) };
  return state === 'never' || state === 'restarted' ? state : 'cut';
}

/** Whether a request has no answer because the connection was lost. */
export function isLoss(thrown: unknown): thrown is ProblemError {
  return thrown instanceof ProblemError && thrown.problems[0]?.code === 'connection-lost';
}

/** Returns the problem of a change without an answer: `cut-off` or `host-restarted`. */
export function cutOff(how: 'cut' | 'restarted', what = 'the change'): ProblemError {
  return new ProblemError(
    how === 'restarted'
      ? { code: 'host-restarted', message: `The host was restarted before ${what} came to its end.` }
      : { code: 'cut-off', message: `${what} was cut off on the host before it came to its end.` },
  );
}
