import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { seed } from '../../../random.ts';
import { counting } from '../../../steps.ts';
import { attemptOf, type Read, textsIn } from './scenes.ts';
import type { Message, Work } from './worker.ts';

/** `npm test` tries 2,000; FUZZ_SEED=N FUZZ_RUNS=1 tries one again. */
const runs = Number(process.env['FUZZ_RUNS'] ?? 200);

/** Reading a whole playbook of the tree takes less than a million. */
const mostSteps = 100_000_000;
const memoryMb = 256;

/**
 * What goes on for so long in one step is in the machinery below, a regular expression for instance. It is far longer
 * than all steps take together on the busiest machine.
 */
const hangsAfterMs = 600_000;

/** Tries one half of the mutations: each has a file of tests of its own, so that two processors share them. */
export function testHalf(half: 0 | 1): void {
  const middle = seed + Math.ceil(runs / 2);
  const [start, end] = half === 0 ? [seed, middle] : [middle, seed + runs];
  test(`a mutated file is read or refused with problems within its time (${end - start} times)`, async () => {
    const place = mkdtempSync(join(tmpdir(), 'reconcile-fuzz-'));
    onTestFinished(() => rmSync(place, { recursive: true }));
    const program = join(place, 'worker.cjs');
    writeFileSync(program, await counting(join(import.meta.dirname, 'worker.ts')));
    const fuzz = new Fuzz(join(place, 'tree'), program);
    for (let next = start; next < end && fuzz.failures.length < 10; ) next = await fuzz.tryFrom(next, end);
    expect(fuzz.failures.map(({ seed, why }) => `${fuzz.replay(seed)}\n${why}\n`)).toEqual([]);
    if (start < end) expect(fuzz.reads.length).toBeGreaterThan(50);
  }, 3_600_000);
}

/** Mutations that are tried in another thread, of which this one sees when it hangs. */
class Fuzz {
  readonly failures: { seed: number; why: string }[] = [];
  reads: readonly Read[] = [];
  readonly #tree: string;
  readonly #program: string;

  constructor(tree: string, program: string) {
    [this.#tree, this.#program] = [tree, program];
    mkdirSync(tree);
  }

  /** Tries seeds until one of them ends the thread, and resolves to the next one to try. */
  tryFrom(from: number, to: number): Promise<number> {
    const now = new Int32Array(new SharedArrayBuffer(4)).fill(-1);
    const root = join(import.meta.dirname, '../../../..');
    const work: Work = { root, folder: this.#tree, from, to, limit: mostSteps, now, reads: this.reads };
    const worker = new Worker(this.#program, {
      workerData: work,
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    });
    return new Promise((resolve, reject) => {
      let watched = -1;
      const watch = setInterval(() => {
        if (Atomics.load(now, 0) === watched && watched >= 0) end('It does not come to an end.');
        watched = Atomics.load(now, 0);
      }, hangsAfterMs);
      const stop = (next: number) => {
        clearInterval(watch);
        void worker.terminate().then(() => resolve(next));
      };
      const end = (why?: string) => {
        const tried = Atomics.load(now, 0);
        if (why !== undefined && tried < 0) reject(new Error(why));
        if (why !== undefined) this.failures.push({ seed: tried, why });
        stop(why === undefined ? to : tried + 1);
      };
      worker.on('error', ({ code, stack }: NodeJS.ErrnoException) =>
        end(code === 'ERR_WORKER_OUT_OF_MEMORY' ? `It takes more than ${memoryMb} MB.` : stack!),
      );
      worker.on('message', (message: Message) => {
        if (message === 'done') end();
        else if ('reads' in message) this.reads = message.reads;
        else this.failures.push(message);
      });
    });
  }

  /** Keeps a copy of the tree as it was tried, and says how to try it again. */
  replay(tried: number): string {
    const { file, entry, how, text } = attemptOf(tried, this.reads, textsIn(this.#tree));
    const kept = join(tmpdir(), `reconcile-fuzz-seed-${tried}`);
    rmSync(kept, { recursive: true, force: true });
    cpSync(this.#tree, kept, { recursive: true });
    writeFileSync(join(kept, file), text, 'latin1');
    const again = `FUZZ_SEED=${tried} FUZZ_RUNS=1 npx vitest run --project unit test/engine/validate/fuzz-first.test.ts`;
    return `${again} (${how} in ${file}): reconcile validate ${join(kept, entry)}`;
  }
}
