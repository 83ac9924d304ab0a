import { type Problem, ProblemError, type Warning } from '../problem.ts';
import { problemView } from '../report/view.ts';
import { type Io, problemText } from './io.ts';
import { load, loadInventory } from './load-files.ts';
import type { PlaybookSettings } from './options.ts';

/**
 * Checks playbooks and inventories without contacting any host. Throws a ProblemError with the problems of all of them.
 * Lint warnings fail the command only with `strict`.
 */
export async function validate(
  files: readonly string[],
  settings: PlaybookSettings & { strict?: boolean },
  io: Io,
): Promise<number> {
  const problems: Problem[] = [];
  const warnings: Warning[] = [];
  const { isInventory } = await import('../inventory/read-inventory.ts');
  for (const file of files) {
    try {
      if (isInventory(file)) {
        const { hosts } = await loadInventory({ ...settings, inventory: [file] }, io);
        io.stdout.write(
          `${file}: an inventory of ${hosts.size === 1 ? '1 host' : `${hosts.size} hosts`}, no problems\n`,
        );
        continue;
      }
      const lacking = new Set<string>();
      const playbook = await load(file, settings, io, missing => lacking.add(missing));
      for (const missing of lacking)
        io.stderr.write(`${file}: ${missing} is missing, so uses of its secrets were not checked\n`);
      const { plays } = playbook;
      const found = playbook.warnings();
      warnings.push(...found);
      const hosts = new Set(plays.flatMap(play => play.hosts.map(({ name }) => name)));
      const what = plays.length === 1 ? '1 play' : `${plays.length} plays`;
      const told = ['no problems', '1 warning'][found.length] ?? `${found.length} warnings`;
      io.stdout.write(
        `${file}: ${what} for ${hosts.size === 1 ? '1 host' : `${hosts.size} hosts`}, ${told}\n`,
      );
    } catch (thrown) {
      if (!(thrown instanceof ProblemError)) throw thrown;
      problems.push(...thrown.problems);
    }
  }
  tell(warnings, io);
  if (problems.length > 0) throw new ProblemError(...problems);
  return settings.strict === true && warnings.length > 0 ? 3 : 0;
}

function tell(warnings: readonly Warning[], io: Io): void {
  if (warnings.length === 0) return;
  const shown = warnings.map(warning => problemView(warning, io.redactor));
  io.stderr.write(problemText(shown, io));
}
