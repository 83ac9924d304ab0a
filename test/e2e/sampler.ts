import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { tracesIn } from './traces.ts';

/**
 * A program that looks at /proc and at some folders every few milliseconds until its standard input ends, and prints
 * what it saw. What it looks for comes by its input, so that it does not find itself.
 */
export interface SamplerOrder {
  core: string;
  /** Folders in which files come and go. */
  folders: readonly string[];
}

/** A trace in the arguments or the environment of a process. */
export interface SeenProcess {
  file: 'cmdline' | 'environ';
  /** Of a lab's host, not of this machine. */
  onHost: boolean;
  command: string;
  words: string[];
}

/** A file in which there was a trace, with each mode and owner that it had at the time. */
export interface SeenFile {
  path: string;
  mode: string;
  uid: number;
  gid: number;
}

export interface Seen {
  samples: number;
  processes: SeenProcess[];
  files: SeenFile[];
}

/** A process that is older than this is looked at less often: what it was started with is known. */
const youngMs = 200;
const intervalMs = 3;

async function main(): Promise<void> {
  // Who asked may have given up.
  process.stdout.on('error', () => {});
  const input = createInterface({ input: process.stdin });
  const order = JSON.parse((await input[Symbol.asyncIterator]().next()).value as string) as SamplerOrder;
  let over = false;
  input.once('close', () => (over = true));
  const seen = new Map<string, SeenProcess | SeenFile>();
  const since = new Map<string, { at: number; onHost: boolean }>();
  let samples = 0;
  process.stdout.write('ready\n');
  for (; !over; samples++) {
    const now = Date.now();
    const all = readdirSync('/proc').filter(name => /^\d+$/.test(name) && name !== String(process.pid));
    for (const pid of since.keys()) if (!all.includes(pid)) since.delete(pid);
    for (const pid of all) {
      // Read at once: a process that ends in the middle of a look would belong to nobody.
      if (!since.has(pid)) since.set(pid, { at: now, onHost: isOnHost(pid) });
      const { at, onHost } = since.get(pid)!;
      if (now - at < youngMs || Number(pid) % 50 === samples % 50) look(pid, onHost, order.core, seen);
    }
    for (const folder of order.folders) list(folder, order.core, seen);
    await sleep(intervalMs);
  }
  const found = [...seen.values()];
  process.stdout.write(
    JSON.stringify({
      samples,
      processes: found.filter(each => 'command' in each),
      files: found.filter(each => 'path' in each),
    }),
  );
}

const isOnHost = (pid: string) => readIfThere(`/proc/${pid}/cgroup`).includes('/reconcile-lab/');

function look(pid: string, onHost: boolean, core: string, seen: Map<string, SeenProcess | SeenFile>): void {
  for (const file of ['cmdline', 'environ'] as const) {
    const words = tracesIn(readIfThere(`/proc/${pid}/${file}`), core);
    if (words.length === 0) continue;
    const command = readIfThere(`/proc/${pid}/cmdline`).toString('latin1').replaceAll('\0', ' ').trim();
    seen.set(`${pid} ${file} ${words}`, { file, onHost, command, words });
  }
}

function list(folder: string, core: string, seen: Map<string, SeenProcess | SeenFile>): void {
  let names: string[] = [];
  try {
    names = readdirSync(folder);
  } catch {}
  for (const name of names) {
    const path = join(folder, name);
    const { mode, uid, gid } = lstatSync(path, { throwIfNoEntry: false }) ?? {};
    if (mode === undefined || tracesIn(readIfThere(path), core).length === 0) continue;
    const file = { path, mode: (mode & 0o7777).toString(8).padStart(4, '0'), uid: uid!, gid: gid! };
    seen.set(JSON.stringify(file), file);
  }
}

function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}

await main();
