import { type Problem, ProblemError } from '../problem.ts';
import type { Io } from './io.ts';
import { load, loadInventory } from './load.ts';
import type { PlaybookSettings } from './options.ts';

/** Checks playbooks and inventories without contacting any host; throws a ProblemError with the problems of all of them. */
export async function validate(
  files: readonly string[],
  settings: PlaybookSettings,
  io: Io,
): Promise<number> {
  const problems: Problem[] = [];
  const { isInventory } = await import('../load/index.ts');
  for (const file of files) {
    try {
      if (isInventory(file)) {
        const { hosts } = await loadInventory({ ...settings, inventory: [file] }, io);
        io.stdout.write(
          `${file}: an inventory of ${hosts.size === 1 ? '1 host' : `${hosts.size} hosts`}, no problems\n`,
        );
        continue;
      }
      const { plays } = await load(file, settings, io, missing =>
        io.stderr.write(
          `${file}: ${missing} is not there, so what its secrets are used for was not checked\n`,
        ),
      );
      const hosts = new Set(plays.flatMap(play => play.hosts.map(({ name }) => name)));
      const what = plays.length === 1 ? '1 play' : `${plays.length} plays`;
      io.stdout.write(
        `${file}: ${what} for ${hosts.size === 1 ? '1 host' : `${hosts.size} hosts`}, no problems\n`,
      );
    } catch (thrown) {
      if (!(thrown instanceof ProblemError)) throw thrown;
      problems.push(...thrown.problems);
    }
  }
  if (problems.length > 0) throw new ProblemError(...problems);
  return 0;
}
