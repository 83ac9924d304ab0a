import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ProblemError } from '../problem.ts';
import { columnsOf } from '../report/columns.ts';
import { didYouMean } from '../util/did-you-mean.ts';
import type { Io } from './io.ts';

/** The page of a name as it is written, in Markdown; all names and titles when none is given. */
export function docs(name: string | undefined, io: Io): number {
  const pages = pagesOf(docsFolder());
  const wanted = name === undefined ? undefined : basename(name, '.md');
  if (wanted === undefined) {
    const width = Math.max(...[...pages.keys()].map(columnsOf)) + 2;
    for (const [page, file] of pages) io.stdout.write(`${page.padEnd(width)}${titleOf(file)}\n`);
    return 0;
  }
  const file = pages.get(wanted);
  if (file === undefined) {
    const hint = didYouMean(wanted, [...pages.keys()]) ?? '`reconcile docs` lists all pages.';
    throw new ProblemError({ code: 'usage', message: `There is no page "${wanted}".`, hint });
  }
  io.stdout.write(readFileSync(file, 'utf8'));
  return 0;
}

/** The pages by name: guides first, then references. The pages of modules are what `reconcile modules NAME` prints. */
function pagesOf(folder: string): Map<string, string> {
  const files = ['guide', '.'].flatMap(each =>
    readdirSync(join(folder, each))
      .filter(file => file.endsWith('.md'))
      .toSorted()
      .map(file => join(folder, each, file)),
  );
  return new Map(files.map(file => [basename(file, '.md'), file]));
}

const titleOf = (file: string): string => /^# (.*)$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? '';

/** The folder `docs` of the package that the running program belongs to. */
function docsFolder(): string {
  const program = process.argv[1];
  for (let at = program === undefined ? '/' : dirname(realpathSync(program)); ; at = dirname(at)) {
    const folder = join(at, 'docs');
    if (existsSync(join(folder, 'guide/getting-started.md'))) return folder;
    if (at === dirname(at)) break;
  }
  const message = 'The pages are not beside the program: only its file dist/reconcile.cjs was copied.';
  const hint = 'Install the whole package, or read the folder docs/ of the repository.';
  throw new ProblemError({ code: 'usage', message, hint });
}
