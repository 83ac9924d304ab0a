import { posix } from 'node:path';
import { contentChecks, wholeChecks } from '../host-knowledge.ts';
import type { Obstacle } from '../module.ts';
import type { CheckedStep, WriteStep } from '../step.ts';
import { FileContent } from '../util/file-content.ts';
import { certain, first, type ObstacleView } from './certain-readings.ts';

/** Returns the obstacle of a check that already fails, because of a file that the step does not change. */
export function brokenAlready({ by, steps }: CheckedStep, view: ObstacleView): Obstacle | undefined {
  const probe = wholeChecks[by.join(' ')];
  const result = probe && certain(probe, view);
  const isOwn = steps.some(({ path }) => result?.stderr.includes(`/${posix.basename(path)}:`));
  if (!result || result.exit === 0 || isOwn) return undefined;
  return {
    says: `${by.join(' ')} fails already, whatever is changed here: ${result.stderr.trim().split('\n')[0]}`,
    fix: 'Fix the named file in an earlier resource.',
  };
}

/** Returns the obstacle of content that its validation refuses, if the validation can be tried without writing a file. */
export function refused(
  { path, content, validate = '' }: WriteStep,
  view: ObstacleView,
): Obstacle | undefined {
  if (content instanceof FileContent) return undefined;
  const probes = contentChecks[validate]?.(Buffer.from(content as Uint8Array).toString()) ?? [];
  return first(probes, probe => {
    const result = certain(probe, view);
    if (!result || result.exit === 0) return undefined;
    return {
      says: `${validate.replace('%s', path)} refuses the new content: ${result.stderr.trim().split('\n')[0]}`,
    };
  });
}
