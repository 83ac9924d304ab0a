import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
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
  /** Average duration of a look and the pause after it. */
  everyMs: number;
  processes: SeenProcess[];
  files: SeenFile[];
}

/** Between two looks, each of which takes a few milliseconds itself. */
const intervalMs = 1;

async function main(): Promise<void> {
  // The requester may have given up.
  process.stdout.on('error', () => {});
  const input = createInterface({ input: process.stdin });
  const order = JSON.parse((await input[Symbol.asyncIterator]().next()).value as string) as SamplerOrder;
  let over = false;
  input.once('close', () => (over = true));
  const seen = new Map<string, SeenProcess | SeenFile>();
  const known = new Map<string, { isKernel: boolean; onHost: boolean }>();
  let samples = 0;
  process.stdout.write('ready\n');
  const started = performance.now();
  for (; !over; samples++) {
    const all = readdirSync('/proc').filter(name => /^\d+$/.test(name) && name !== String(process.pid));
    const here = new Set(all);
    for (const pid of known.keys()) if (!here.has(pid)) known.delete(pid);
    for (const pid of all) {
      // Read at once: a process that ends in the middle of a look would belong to nobody.
      if (!known.has(pid)) known.set(pid, { isKernel: isKernel(pid), onHost: isOnHost(pid) });
      const { isKernel: passed, onHost } = known.get(pid)!;
      if (!passed) look(pid, onHost, order.core, seen);
    }
    for (const folder of order.folders) list(folder, order.core, seen);
    await sleep(intervalMs);
  }
  const found = [...seen.values()];
  process.stdout.write(
    JSON.stringify({
      samples,
      everyMs: (performance.now() - started) / samples,
      processes: found.filter(each => 'command' in each),
      files: found.filter(each => 'path' in each),
    }),
  );
}

/** Whether it is a thread of the kernel, which has no program, no arguments and no environment. */
function isKernel(pid: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`) === '';
  } catch {
    return true;
  }
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

const buffer = Buffer.alloc(1 << 20);

/** The first mebibyte of a file, until the next one is read; nothing when it is not there. */
function readIfThere(path: string): Buffer {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    return buffer.subarray(0, readSync(fd, buffer));
  } catch {
    return buffer.subarray(0, 0);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

await main();
