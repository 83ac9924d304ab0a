import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';
import { attemptOf, type Read, textsIn } from './scenes.ts';
import type { Message, Work } from './worker.ts';

/** `npm test` tries 20,000; FUZZ_SEED=N FUZZ_RUNS=1 tries one again. */
const runs = Number(process.env['FUZZ_RUNS'] ?? 400);
const first = Number(process.env['FUZZ_SEED'] ?? 0);

/**
 * A second of the processor, not of the clock. Others who use it can make that longer, too: what takes a second each
 * time that it is tried hangs.
 */
const longestMs = 1000;
const attempts = 4;
const memoryMb = 256;

/** Tries one half of the mutations: each has a file of tests of its own, so that two processors share them. */
export function testHalf(half: 0 | 1): void {
  const middle = first + Math.ceil(runs / 2);
  const [start, end] = half === 0 ? [first, middle] : [middle, first + runs];
  test(`whatever is done to a file, it is read or refused with problems, soon (${end - start} times)`, async () => {
    const place = mkdtempSync(join(tmpdir(), 'reconcile-fuzz-'));
    onTestFinished(() => rmSync(place, { recursive: true }));
    const fuzz = new Fuzz(join(place, 'tree'), join(place, 'worker.cjs'));
    for (let next = start; next < end && fuzz.failures.length < 10; ) next = await fuzz.tryFrom(next, end);
    expect(fuzz.failures.map(({ seed, why }) => `${fuzz.replay(seed)}\n${why}\n`)).toEqual([]);
    if (start < end) expect(fuzz.reads.length).toBeGreaterThan(50);
  }, 3_600_000);
}

/** Mutations that are tried in another thread, of which this one sees when it hangs. */
class Fuzz {
  readonly failures: { seed: number; why: string }[] = [];
  reads: readonly Read[] = [];
  /** How often the one that is tried now took too long. */
  #slow = { seed: -1, times: 0 };
  readonly #tree: string;
  readonly #program: string;

  constructor(tree: string, program: string) {
    [this.#tree, this.#program] = [tree, program];
    mkdirSync(tree);
    const entryPoints = [join(import.meta.dirname, 'worker.ts')];
    buildSync({ entryPoints, outfile: program, bundle: true, platform: 'node', format: 'cjs' });
  }

  /** Tries seeds until one of them ends the thread, and resolves to the next one to try. */
  tryFrom(from: number, to: number): Promise<number> {
    const now = new Int32Array(new SharedArrayBuffer(4)).fill(-1);
    const root = join(import.meta.dirname, '../../../..');
    const work: Work = { root, folder: this.#tree, from, to, now, reads: this.reads };
    const worker = new Worker(this.#program, {
      workerData: work,
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    });
    return new Promise((resolve, reject) => {
      let [watched, since] = [-1, 0];
      const watch = setInterval(() => {
        const { user, system } = process.cpuUsage();
        const [seed, ms] = [Atomics.load(now, 0), (user + system) / 1000];
        if (seed !== watched || seed < 0) [watched, since] = [seed, ms];
        else if (ms - since > longestMs) slow(seed);
      }, 50);
      const slow = (seed: number) => {
        this.#slow = { seed, times: this.#slow.seed === seed ? this.#slow.times + 1 : 1 };
        if (this.#slow.times >= attempts) end(`It takes more than ${longestMs} ms of the processor.`);
        else stop(seed);
      };
      const stop = (next: number) => {
        clearInterval(watch);
        void worker.terminate().then(() => resolve(next));
      };
      const end = (why?: string) => {
        const seed = Atomics.load(now, 0);
        if (why !== undefined && seed < 0) reject(new Error(why));
        if (why !== undefined) this.failures.push({ seed, why });
        stop(why === undefined ? to : seed + 1);
      };
      worker.on('error', ({ code, stack }: NodeJS.ErrnoException) =>
        end(code === 'ERR_WORKER_OUT_OF_MEMORY' ? `It takes more than ${memoryMb} MB.` : stack!),
      );
      worker.on('message', (message: Message) => {
        if (message === 'done') end();
        else if ('reads' in message) this.reads = message.reads;
        else this.failures.push({ seed: message.seed, why: message.thrown });
      });
    });
  }

  /** Keeps a copy of the tree as it was tried, and says how to try it again. */
  replay(seed: number): string {
    const { file, entry, how, text } = attemptOf(seed, this.reads, textsIn(this.#tree));
    const kept = join(tmpdir(), `reconcile-fuzz-seed-${seed}`);
    rmSync(kept, { recursive: true, force: true });
    cpSync(this.#tree, kept, { recursive: true });
    writeFileSync(join(kept, file), text, 'latin1');
    return `FUZZ_SEED=${seed} FUZZ_RUNS=1 (${how} in ${file}): reconcile validate ${join(kept, entry)}`;
  }
}
