import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ProblemError } from '../problem.ts';

/** Returns the folder of the running program's package, which holds its pages and examples. Throws a ProblemError. */
export function packageFolder(): string {
  const program = process.argv[1];
  for (let at = program === undefined ? '/' : dirname(realpathSync(program)); ; at = dirname(at)) {
    if (existsSync(join(at, 'docs/guide', 'getting-started.md'))) return at;
    if (at === dirname(at)) break;
  }
  const message = 'The pages and examples are missing: only the folder dist/ of the program was copied.';
  const hint = 'Install the whole package, or read the folders docs/ and playbooks/ of the repository.';
  throw new ProblemError({ code: 'usage', message, hint });
}
