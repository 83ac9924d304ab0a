import { hostname, userInfo } from 'node:os';
import { appliedExit, distrustedExit, heldExit, lostExit, stateExit } from '../host-shell/shell-functions.ts';
import { damagedLease, type Lease, leaseText } from '../lease.ts';
import { appliedProblem } from '../plan/plan-binding.ts';
import type { Origin } from '../plan/saved-plan.ts';
import type { Problem } from '../problem.ts';
import { shellCommand, shellQuote } from '../quote.ts';
import { stateDirectory } from '../state-directory.ts';
import type { Answer } from '../transport/connect.ts';

/** The process that applies: of an account, on a controller. */
export interface Holder {
  run: string;
  who: string;
  from: string;
  pid: number;
  /** The saved plan of the run. Each account of a host accepts it from one run only. */
  savedPlan?: { id: string; createdS: number };
}

/** Seconds from the beginning of the last change to the end of the lease; more if the change may take longer. */
export const leaseS = 600;

/** Returns this process as the holder of a lease. */
export function holderOf(run: string): Holder {
  return { run, who: account(), from: hostname(), pid: process.pid };
}

/**
 * Returns `script` behind the command that takes the lease for at least `timeoutS` seconds, or renews it if this run
 * `holds` it. The renewal fails if another run had the lease meanwhile.
 */
export function leasedScript(
  script: string,
  { run, who, from, pid, savedPlan }: Holder,
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
    ...(savedPlan ? [savedPlan.id] : []),
  ];
  return `${shellCommand(taking)} || exit\n${script}`;
}

/** Returns a script that gives back the lease and adds a line to the history. `isLost` reads its answer. */
export function releaseScript({ run }: Holder, historyLine: string): string {
  return shellCommand(['r_release', run, historyLine]);
}

/** Returns the lease in the output of `r_show`, or undefined if there is none. */
export function shownLease(text: string): Lease | undefined {
  return text === '' ? undefined : (decodeLease(text) ?? damagedLease);
}

/** Returns the lease in the output of `r_await`, or undefined if there is none. */
export function decodeLease(text: string): Lease | undefined {
  const [, since, until, holder] = /^\S+\t(\d{1,12})\t(\d{1,12})\t\S+\t\S+\t([^\n]+)\n?$/.exec(text) ?? [];
  if (holder === undefined) return undefined;
  return { holder, since: isoOf(since!), expires: isoOf(until!) };
}

/** Returns a script that prints the machine's id and, if a run has applied the plan to it, that run. */
export function originScript(plan: string): string {
  return shellCommand(['r_origin', plan]);
}

/** Returns the origin in the output of `originScript`. */
export function decodeOrigin(text: string): Origin {
  const [machineId = '', use = ''] = text.split('\n');
  const applied = decodeUse(use);
  return { ...(machineId !== '' && { machineId }), ...(applied && { applied }) };
}

function decodeUse(line: string): Origin['applied'] {
  const [, run, at] = /^[0-9a-f-]+\t([^\t]*)\t?(.*)$/.exec(line) ?? [];
  if (run === undefined) return undefined;
  return { run, ...(/^\d{1,12}$/.test(at!) && { at: isoOf(at!) }) };
}

/**
 * Returns the problem of a change that did not begin: another run holds the lease, the saved plan was used before, or the
 * state directory cannot be written.
 */
export function leaseHeldProblem(host: string, answer: Answer): Problem | undefined {
  if (answer.exit === stateExit && isUnwritten(answer))
    return {
      code: 'state-unwritten',
      message: `The state directory on ${host} cannot be written, so the change was not begun.`,
      cause: answer.stderr.toString().trim(),
      hint: 'Make room on its file system, or correct its owner and mode, and apply again.',
    };
  const applied =
    answer.exit === appliedExit ? decodeUse(answer.stdout.toString().replace(/\n$/, '')) : undefined;
  if (applied !== undefined) return appliedProblem(host, applied.at);
  // A step may exit with the same code. Its output begins in another way.
  const [, held] = /^held\n(.*)$/s.exec(answer.stdout.toString()) ?? [];
  const lease = answer.exit === heldExit && held !== undefined ? shownLease(held) : undefined;
  if (lease === undefined) return undefined;
  return {
    code: 'locked',
    message: `${host} is being changed by ${leaseText(lease)}.`,
    hint: `Apply again after its end. Only if that run is certainly dead:\n    reconcile lock release ${host}`,
  };
}

/** Returns the problem of a state directory that another account could have written to, or that holds a damaged journal. */
export function distrustProblem(answer: Answer): Problem | undefined {
  const words = answer.stderr.toString().trim();
  const [path = '', owner, mode] = words.split('\t');
  if (answer.exit !== distrustedExit) return undefined;
  if (mode === undefined) {
    const [, journal = stateDirectory] = /^(\/.*)\/[^/]* is damaged$/.exec(words) ?? [];
    return {
      code: 'state-damaged',
      message: `The journal of a change that was cut off cannot be used to revert it: ${words}.`,
      hint: `Correct by hand what the change may have left unfinished: its files show it. Then remove the journal:\n    ${shellCommand(['rm', '-r', journal])}`,
    };
  }
  return {
    code: 'insecure-file',
    message: `Another account could have written to the state directory: ${path} has owner ${owner} and mode ${mode.padStart(4, '0')}. So its notes and journals are not believed.`,
    hint: `If nobody else wrote to it, give it back to the account that applies; otherwise remove it:\n    chown -R "$(id -un)" ${shellQuote(path)} && ${shellCommand(['chmod', '-R', 'go-w', path])}`,
  };
}

/** Whether a script found that this run has lost its lease since the last change. The new change did not begin then. */
export const isLost = ({ exit, stdout }: Answer): boolean =>
  exit === lostExit && stdout.toString() === 'lost\n';

/** Whether a script found that it could not write the state directory. */
export const isUnwritten = ({ stdout }: Answer): boolean => stdout.toString() === 'unwritten\n';

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
