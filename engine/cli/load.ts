import type { Playbook } from '../load/index.ts';
import type { Io } from './io.ts';
import type { PlaybookSettings } from './options.ts';

/**
 * Reads a playbook with all that belongs to it. Throws a ProblemError with every problem found; a file of secrets
 * that is not there is none when `secretsMissing` is given.
 */
export async function load(
  file: string,
  settings: PlaybookSettings,
  io: Io,
  secretsMissing?: (file: string) => void,
): Promise<Playbook> {
  const [{ loadPlaybook }, { modules }] = await Promise.all([
    import('../load/index.ts'),
    import('../../modules/index.ts'),
  ]);
  return loadPlaybook(file, {
    modules,
    secrets: io.redactor,
    ...(secretsMissing && { secretsMissing }),
    ...(settings.inventory && { inventory: settings.inventory }),
    ...(settings.limit !== undefined && { limit: settings.limit }),
    ...(settings.tags && { tags: settings.tags }),
    ...(settings.skipTags && { skipTags: settings.skipTags }),
    ...(settings.var && { vars: settings.var }),
  });
}
