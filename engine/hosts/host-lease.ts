import { hostname, userInfo } from 'node:os';
import { type Lease, leaseText } from '../lease.ts';
import { appliedProblem } from '../plan/plan-binding.ts';
import type { Origin } from '../plan/saved-plan.ts';
import type { Problem } from '../problem.ts';
import { shellCommand } from '../quote.ts';
import type { Answer } from '../transport/connect.ts';

/** Who applies: one process of one account of one controller. */
export interface Holder {
  run: string;
  who: string;
  from: string;
  pid: number;
  /** The saved plan that is applied; on each account of a host one run can use it. */
  plan?: { id: string; createdS: number };
}

/** Seconds that a lease lasts after the last change began; longer when that change may take longer. */
export const leaseS = 600;

/** The exit code of a script that was not begun because somebody else holds the lease. */
const heldExit = 75;

/** The exit code of a script that was not begun because the lease was lost: somebody else may have changed the host since. */
const lostExit = 78;

/** The exit code of a script that was not begun because its plan was applied before. */
const appliedExit = 77;

const plansLines = 200;
const historyLines = 1000;
const historyBytes = 1024 * 1024;

/** Room that is left for the next line. */
const historySlackBytes = 64 * 1024;

/**
 * Shell functions for the lease and the history of a host. Both belong to the account that makes the changes: root's
 * are in the state directory, those of another account in its home; where that cannot be written, there are none.
 * A lease is one line: run, since, until, session, the processes above it, holder. It ends at that time, or with the
 * session that took it: as with kept files, the boot and the process tell whether anybody is still there. A session
 * whose processes above are others by now has lost its controller: only a step goes on, and its end is waited for. The
 * directory itself is what is locked for the moment of reading and writing, so that of two takers one finds the other's
 * lease. `plans` has a line for each saved plan that was begun: plan, run, time.
 */
export const leaseLibrary = `
r_home=$r_base
[ "$(id -u)" = 0 ] || r_home=\${XDG_STATE_HOME:-$HOME/.local/state}/reconcile
r_locked() { ( flock -w 30 9 || r_no "$r_home stays locked" || exit; "$@" ) 9<"$r_home"; }
r_above() {
  r_a=$1
  r_u=
  while [ "\${r_a:-0}" -gt 1 ] 2>/dev/null && read -r r_x 2>/dev/null <"/proc/$r_a/stat"; do
    r_x=\${r_x##*) }
    r_x=\${r_x#* }
    r_a=\${r_x%% *}
    r_u=$r_u.$r_a
  done
}
r_above $$
r_my=\${r_u:-.}
r_line() { IFS='\t' read -r r_run r_since r_until r_session r_then r_who 2>/dev/null <"$r_home/lease"; }
r_held() {
  [ -f "$r_home/lease" ] && r_line && [ "$r_until" -gt "$(date +%s)" ] 2>/dev/null &&
    { ! r_dead "lease.$r_session.x" || r_running "$r_run"; }
}
r_gone() { r_dead "lease.$r_session.x" || { r_above "\${r_session##*.}" && [ "$r_u" != "$r_then" ]; }; }
r_await() {
  r_n=0
  while r_held && r_gone; do
    [ $r_n != 0 ] || cat "$r_home/lease"
    r_n=1
    sleep 0.2
  done
}
r_show() { ! r_held || cat "$r_home/lease"; }
r_lease() {
  r_how=$1
  shift
  if { [ -d "$r_home" ] || mkdir -p -m 0700 "$r_home"; } && [ -w "$r_home" ]; then r_locked "$r_how" "$@"
  else { [ "$r_home" != "$r_base" ] && [ -z "\${4-}" ]; } || r_no "$r_home cannot be written"; fi
}
r_applied() { [ ! -f "$r_home/plans" ] || grep "^$1	" "$r_home/plans"; }
r_use() {
  r_l=$(r_applied "$1")
  case $r_l in
    '') ;;
    "$1	$2	"*) return 0 ;;
    *) printf '%s\n' "$r_l"; return ${appliedExit} ;;
  esac
  r_p=$r_home/plans
  (umask 077; { [ ! -f "$r_p" ] || tail -n ${plansLines - 1} "$r_p"; printf '%s\t%s\t%s\n' "$1" "$2" "$r_now"; } >"$r_p.new") &&
    sync "$r_p.new" && mv -fT "$r_p.new" "$r_p" && sync "$r_home"
}
r_origin() {
  r_id=
  read -r r_id 2>/dev/null </etc/machine-id
  printf '%s\n' "$r_id"
  r_applied "$1"
}
r_renew() {
  if [ -f "$r_home/lease" ] && r_line && [ "$r_run" = "$1" ]; then r_take "$@"; else echo lost; return ${lostExit}; fi
}
r_take() {
  r_now=$(date +%s)
  if ! r_held; then r_since=$r_now
  elif [ "$r_run" != "$1" ]; then cat "$r_home/lease"; return ${heldExit}; fi
  [ -z "\${4-}" ] || r_use "$4" "$1" || return
  (umask 077; printf '%s\\t%s\\t%s\\t%s\\t%s\\t%s\\n' "$1" "$r_since" "$((r_now + $3))" "$r_me" "$r_my" "$2" >"$r_home/lease.new") &&
    mv -fT "$r_home/lease.new" "$r_home/lease"
}
r_release() { [ ! -d "$r_home" ] || [ ! -w "$r_home" ] || r_locked r_finish "$@"; }
r_finish() {
  r_e=0
  if [ -f "$r_home/lease" ] && r_line; then [ "$r_run" = "$1" ] && rm -f "$r_home/lease" || r_e=${lostExit}
  # The same host under another name has given it back already.
  else tail -n 1 "$r_home/history.jsonl" 2>/dev/null | grep -qF '"run":"'"$1"'"' || r_e=${lostExit}; fi
  rm -rf -- "$r_records/outcome.$1" "$r_home/revert"
  r_h=$r_home/history.jsonl
  r_z=0
  [ ! -f "$r_h" ] || r_z=$(wc -c <"$r_h")
  umask 077
  {
    if [ "$r_z" -gt ${historyBytes - historySlackBytes} ]; then
      tail -c ${historyBytes - historySlackBytes} "$r_h" | sed 1d | tail -n ${historyLines - 1}
    elif [ "$r_z" -gt 0 ]; then tail -n ${historyLines - 1} "$r_h"; fi
    printf '%s\\n' "$2"
  } >"$r_h.new" && sync "$r_h.new" && mv -fT "$r_h.new" "$r_h"
  [ $r_e = 0 ] || echo lost
  return $r_e
}
r_drop() { [ ! -d "$r_home" ] || [ ! -w "$r_home" ] || r_locked r_dropped; }
r_dropped() { r_show; rm -f "$r_home/lease"; }
r_history() { [ ! -f "$r_home/history.jsonl" ] || cat "$r_home/history.jsonl"; }
`;

/** This process as the holder of leases. */
export function holderOf(run: string): Holder {
  return { run, who: account(), from: hostname(), pid: process.pid };
}

/**
 * A script that is begun only with the lease, for at least `timeoutS` seconds. It is taken, or where it `holds` one,
 * it is kept: that nobody else had it since is proven on the host, where the script begins.
 */
export function leased(
  script: string,
  { run, who, from, pid, plan }: Holder,
  timeoutS: number,
  holds = false,
): string {
  const words = `${who}@${from} (pid ${pid})`.replace(/\p{Cc}/gu, '?');
  const lastsS = Math.max(leaseS, Math.ceil(timeoutS));
  const taking = [
    'r_lease',
    holds ? 'r_renew' : 'r_take',
    run,
    words,
    String(lastsS),
    ...(plan ? [plan.id] : []),
  ];
  return `${shellCommand(taking)} || exit\n${script}`;
}

/** A script that gives the lease back and adds a line to the history. `isLost` tells whether it was this run's to the end. */
export function release({ run }: Holder, historyLine: string): string {
  return shellCommand(['r_release', run, historyLine]);
}

/** The lease that `r_show` or `r_await` printed, if anybody holds it. */
export function decodeLease(text: string): Lease | undefined {
  const [, since, until, holder] = /^\S+\t(\d+)\t(\d+)\t\S+\t\S+\t([^\n]+)\n$/.exec(text) ?? [];
  if (holder === undefined) return undefined;
  return { holder, since: isoOf(since!), expires: isoOf(until!) };
}

/** A script that prints what a host shows of itself, and who has applied a plan to it. */
export function origin(plan: string): string {
  return shellCommand(['r_origin', plan]);
}

/** What `origin` printed. */
export function decodeOrigin(text: string): Origin {
  const [machineId = '', use = ''] = text.split('\n');
  const applied = decodeUse(use);
  return { ...(machineId !== '' && { machineId }), ...(applied && { applied }) };
}

function decodeUse(line: string): Origin['applied'] {
  const [, run, at] = /^[0-9a-f-]+\t(\S+)\t(\d+)$/.exec(line) ?? [];
  return run === undefined ? undefined : { run, at: isoOf(at!) };
}

/** Why a change was refused before its first step: somebody else's lease, or a plan that was applied before. */
export function lockedProblem(host: string, answer: Answer): Problem | undefined {
  const applied = answer.exit === appliedExit ? decodeUse(answer.stdout.toString().trimEnd()) : undefined;
  if (applied !== undefined) return appliedProblem(host, applied.at);
  const lease = answer.exit === heldExit ? decodeLease(answer.stdout.toString()) : undefined;
  if (lease === undefined) return undefined;
  return {
    code: 'locked',
    message: `${host} is being changed by ${leaseText(lease)}.`,
    hint: `Apply again when that is over. Only if it is known to be dead:\n    reconcile lock release ${host}`,
  };
}

/** Whether a script found that this run has lost its lease since the change before. A change was not begun then. */
export const isLost = ({ exit, stdout }: Answer): boolean =>
  exit === lostExit && stdout.toString() === 'lost\n';

function isoOf(seconds: string): string {
  return new Date(Number(seconds) * 1000).toISOString();
}

function account(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
