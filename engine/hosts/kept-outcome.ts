import { ProblemError } from '../problem.ts';
import type { Answer } from '../transport/connect.ts';

/** A change whose outcome is kept on the host under the run and the change's number. */
export function recorded(script: string, run: string, number: number): string {
  return `r_change() {\n${script}\n}\nr_recorded ${run} ${number}`;
}

/** A script that waits for the end of a change and says what became of it. */
export function outcome(run: string, number: number): string {
  return `r_outcome ${run} ${number}`;
}

/**
 * What became of a change: its answer, or that it was never begun, that it was cut off, or that the host was
 * restarted since.
 */
export function decodeOutcome(answer: Answer): Answer | 'never' | 'cut' | 'restarted' {
  const end = answer.stdout.indexOf('\n');
  const [state, exit] = answer.stdout.subarray(0, end).toString().split(' ');
  if (state === 'ended') return { ...answer, exit: Number(exit), stdout: answer.stdout.subarray(end + 1) };
  return state === 'never' || state === 'restarted' ? state : 'cut';
}

/** Whether a request has no answer because the connection ended. */
export function isLoss(thrown: unknown): thrown is ProblemError {
  return thrown instanceof ProblemError && thrown.problems[0]?.code === 'connection-lost';
}

/** Why a change has no answer: `cut-off` or `host-restarted`. */
export function cutOff(how: 'cut' | 'restarted', what = 'the change'): ProblemError {
  return new ProblemError(
    how === 'restarted'
      ? { code: 'host-restarted', message: `The host was restarted before ${what} came to its end.` }
      : { code: 'cut-off', message: `${what} was cut off on the host before it came to its end.` },
  );
}
