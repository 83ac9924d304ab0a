import { ProblemError } from '../problem.ts';
import type { Answer } from '../transport/connect.ts';

/**
 * Shell functions that keep what a change prints and how it ends on the host, so that a controller whose connection was
 * lost can collect it. There is one record a run and account, in memory where that is root's; it names the change by its
 * number and its process. What a change has begun bears the run in its environment: where its shell is killed it may go
 * on alone, and until it is over the host is not free. Where no record can be kept, the change is made without.
 */
export const outcomeLibrary = `
r_records=/run/reconcile
[ "$(id -u)" = 0 ] || r_records=$r_home
r_recorded() {
  r_o=$r_records/outcome.$1
  rm -rf -- "$r_o" 2>/dev/null
  { [ -d "$r_records" ] || mkdir -p -m 0700 "$r_records"; } 2>/dev/null && mkdir -m 0700 "$r_o" 2>/dev/null &&
    read -r r_q r_p </proc/self/stat && printf '%s %s\\n' "$2" "$r_q" >"$r_o/of" || { (r_change); return; }
  (export RECONCILE_RUN="$1"; r_change) >"$r_o/out" 2>"$r_o/err"
  r_c=$?
  printf '%s\\n' "$r_c" >"$r_o/end.new" && mv -f -- "$r_o/end.new" "$r_o/end"
  cat -- "$r_o/out"
  cat -- "$r_o/err" >&2
  return "$r_c"
}
r_forget_outcomes() { find "$r_records" -maxdepth 1 -name 'outcome.*' -mmin +10 -exec rm -rf -- {} + 2>/dev/null; }
r_works() { [ -d "/proc/$2" ] || grep -qsF "RECONCILE_RUN=$1" /proc/[0-9]*/environ; }
r_running() {
  r_o=$r_records/outcome.$1
  [ -f "$r_o/of" ] && read -r r_p r_q <"$r_o/of" && [ ! -f "$r_o/end" ] && r_works "$1" "$r_q"
}
r_outcome() {
  r_o=$r_records/outcome.$1
  if ! { [ -f "$r_o/of" ] && read -r r_p r_q <"$r_o/of" && [ "$r_p" = "$2" ]; }; then
    if r_line && [ "$r_run" = "$1" ] && [ "\${r_session%%.*}" != "\${r_me%%.*}" ]; then echo restarted
    elif [ -w "$r_records" ] || [ "$(id -u)" = 0 ]; then echo never
    else echo cut; fi
    return
  fi
  r_n=0
  while [ ! -f "$r_o/end" ] && [ $r_n -lt 3000 ] && r_works "$1" "$r_q"; do sleep 0.2; r_n=$((r_n + 1)); done
  if [ ! -f "$r_o/end" ]; then echo cut; return; fi
  printf 'ended %s\\n' "$(cat -- "$r_o/end")"
  cat -- "$r_o/out"
  cat -- "$r_o/err" >&2
}
r_adopt() { for r_p in revert armed; do [ ! -f "$r_home/$r_p/by" ] || printf '%s\\n' "$r_me" >"$r_home/$r_p/by"; done; }
`;

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
