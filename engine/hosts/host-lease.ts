import { hostname, userInfo } from 'node:os';
import { appliedExit, heldExit, lostExit } from '../host-shell/shell-functions.ts';
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

/** Returns a script that prints the machine's id and, if a run has applied the plan to it, that run. */
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
export function leaseHeldProblem(host: string, answer: Answer): Problem | undefined {
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
