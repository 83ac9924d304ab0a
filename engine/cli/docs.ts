import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ProblemError } from '../problem.ts';
import { columnsOf } from '../report/columns.ts';
import { didYouMean } from '../util/did-you-mean.ts';
import type { Io } from './io.ts';
import { packageFolder } from './package-folder.ts';

/** Pages about the code of the program. The list leaves them out. */
const aboutCode = ['architecture', 'module-contract', 'style', 'testing-a-module', 'writing-a-module'];

/** Prints a page in Markdown, or the names and titles of all pages. */
export function docs(name: string | undefined, io: Io): number {
  if (name === undefined) {
    const listed = pageTitles();
    const width = Math.max(...listed.map(([page]) => columnsOf(page))) + 2;
    for (const [page, title] of listed) io.stdout.write(`${page.padEnd(width)}${title}\n`);
    return 0;
  }
  const folder = docsFolder();
  const pages = pagesOf(folder);
  // A link of a page names its file, such as ../errors.md.
  const wanted = basename(name, '.md');
  const file = pages.get(wanted.toLowerCase());
  if (file === undefined) {
    const hint = existsSync(join(folder, 'modules', `${wanted}.md`))
      ? `A module has its own command:\n    reconcile modules${wanted === 'README' ? '' : ` ${wanted}`}`
      : (didYouMean(wanted, [...pages.keys()]) ?? '`reconcile docs` lists all pages.');
    throw new ProblemError({ code: 'usage', message: `There is no page "${name}".`, hint });
  }
  io.stdout.write(readFileSync(file, 'utf8'));
  return 0;
}

/** Returns the names and titles of the pages for users: guides first, then references. */
export function pageTitles(): (readonly [page: string, title: string])[] {
  const pages = [...pagesOf(docsFolder())].filter(([page]) => !aboutCode.includes(page));
  return pages.map(([page, file]) => [page, titleOf(file)] as const);
}

/** Returns the pages by name: guides, references, and those beside `docs`. `reconcile modules` has those of modules. */
function pagesOf(folder: string): Map<string, string> {
  const files = ['guide', '.'].flatMap(each =>
    readdirSync(join(folder, each))
      .filter(file => file.endsWith('.md'))
      .toSorted()
      .map(file => join(folder, each, file)),
  );
  const beside = ['SECURITY.md', 'CHANGELOG.md']
    .map(file => join(folder, '..', file))
    .filter(file => existsSync(file));
  return new Map([...files, ...beside].map(file => [basename(file, '.md').toLowerCase(), file]));
}

const titleOf = (file: string): string => /^# (.*)$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? '';

const docsFolder = (): string => join(packageFolder(), 'docs');
