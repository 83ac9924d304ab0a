/**
 * The one source of what tests make up. In `npm run check` it is the same every time; `npm test` takes another seed each
 * time and prints the line that tries it again, with FUZZ_SEED and FUZZ_RUNS.
 */
import fc from 'fast-check';
import { Random } from './engine/validate/fuzz/random.ts';

/** A whole number from 0; all that is made up follows from it. */
export const seed = Number(process.env['FUZZ_SEED'] ?? 1);

/** Whether there is time to try more: `npm test` is thorough, `npm run check` is quick. */
export const thorough = Number(process.env['FUZZ_RUNS'] ?? 0) > 1000;

/** Number of trials of a property: half of `usual` with `npm run check`, four times with `npm test`, ten times with 20,000 runs. */
export const runs = (usual: number): number =>
  Math.ceil(usual * (Number(process.env['FUZZ_RUNS'] ?? 0) >= 20_000 ? 10 : thorough ? 4 : 0.5));

/** Any bytes, the same for the same seed. */
export function randomBytes(length: number): Buffer {
  const random = new Random(seed);
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

fc.configureGlobal({ seed, numRuns: runs(100) });

export default fc;
export type { Arbitrary } from 'fast-check';
