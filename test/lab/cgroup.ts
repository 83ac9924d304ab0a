import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Argv } from './command.ts';
import { cgroupMount } from './machine.ts';

/** The cgroup that holds every process of a lab, so that ending the lab is ending one cgroup. */
export function labCgroup(id: number): string {
  return join(cgroupMount() ?? '/sys/fs/cgroup', 'reconcile-lab', String(id));
}

/** Starts a program in a cgroup of its own, in the background, its output in a file. It outlives this process. */
export function startIn(cgroup: string, argv: Argv, log: string, env: Record<string, string> = {}): void {
  mkdirSync(cgroup, { recursive: true });
  const output = openSync(log, 'a');
  const enter = 'echo $$ > "$0/cgroup.procs" && exec "$@"';
  const child = spawn('sh', ['-c', enter, cgroup, ...argv], {
    detached: true,
    stdio: ['ignore', output, output],
    env: { ...process.env, ...env },
  });
  child.unref();
  closeSync(output);
}

/** The ids of all processes in a cgroup and below it; none when there is no such cgroup. */
export function processesIn(cgroup: string): number[] {
  return unlessGone([], () => {
    const below = readdirSync(cgroup, { withFileTypes: true }).filter(entry => entry.isDirectory());
    const here = readFileSync(join(cgroup, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
    return [...here, ...below.flatMap(entry => processesIn(join(cgroup, entry.name)))];
  });
}

/** A cgroup goes at any time: with its host, or by another process that cleans up. */
function unlessGone<T>(otherwise: T, look: () => T): T {
  try {
    return look();
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')) return otherwise;
    throw error;
  }
}

/** Of 10 ms each: a host that has written much takes its time to let go of its file system. */
const mostAttempts = 6000;

/** Ends every process in a cgroup and below at once, as a power cut would, and removes the cgroup. */
export function killCgroup(cgroup: string): void {
  unlessGone(undefined, () => killPresent(cgroup));
}

function killPresent(cgroup: string): void {
  writeFileSync(join(cgroup, 'cgroup.kill'), '1');
  for (let attempt = 1; ; attempt += 1) {
    if (
      /^populated 0$/m.test(readFileSync(join(cgroup, 'cgroup.events'), 'utf8')) ||
      attempt === mostAttempts
    ) {
      try {
        removeCgroup(cgroup);
        return;
      } catch (error) {
        // The last of its processes may be over and not gone yet.
        if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || attempt === mostAttempts) throw error;
      }
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10); // 10 ms; an exit handler cannot await
  }
}

function removeCgroup(cgroup: string): void {
  for (const entry of readdirSync(cgroup, { withFileTypes: true }))
    if (entry.isDirectory()) removeCgroup(join(cgroup, entry.name));
  rmdirSync(cgroup);
}
