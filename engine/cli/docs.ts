import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ProblemError } from '../problem.ts';
import { columnsOf } from '../report/columns.ts';
import { pageText } from '../report/page-text.ts';
import { didYouMean } from '../util/did-you-mean.ts';
import { ownCommand } from '../util/own-command.ts';
import { columnsOfOutput, type Io } from './io.ts';
import { packageFolder } from './package-folder.ts';

/** Prints a page, or the names and titles of all pages. */
export function docs(name: string | undefined, io: Io): number {
  if (name === undefined) {
    const listed = pageTitles();
    const width = Math.max(...listed.map(([page]) => columnsOf(page))) + 2;
    for (const [page, title] of listed) io.stdout.write(`${page.padEnd(width)}${title}\n`);
    return 0;
  }
  const folder = docsFolder();
  const pages = pagesOf(folder);
  const page = nameIn(name);
  const ofModule = join(folder, 'modules', `${page}.md`);
  const file = pages.get(page) ?? (existsSync(ofModule) ? ofModule : undefined);
  if (file === undefined) {
    const hint = didYouMean(page, [...pages.keys()]) ?? '`reconcile docs` lists all pages.';
    throw new ProblemError({ code: 'usage', message: `There is no page "${name}".`, hint });
  }
  const commandOf = (link: string) => {
    const to = nameIn(link.replace(/#.*$/, ''));
    if (!/\.md(#|$)/.test(link)) return undefined;
    if (pages.has(to)) return `${ownCommand()} docs ${to}`;
    return existsSync(join(folder, 'modules', `${to}.md`)) ? `${ownCommand()} modules ${to}` : undefined;
  };
  io.stdout.write(pageText(readFileSync(file, 'utf8'), columnsOfOutput(io.stdout), commandOf));
  return 0;
}

/** Returns the name of a page, for itself or a link such as ../errors.md. */
const nameIn = (link: string): string =>
  /(^|\/)modules\/readme(\.md)?$/i.test(link) ? 'modules' : basename(link, '.md').toLowerCase();

/** Returns the names and titles of all pages: guides first, then references. */
export function pageTitles(): (readonly [page: string, title: string])[] {
  return [...pagesOf(docsFolder())].map(([page, file]) => [page, titleOf(file)] as const);
}

/** Returns the pages by name: guides, references, and those beside `docs`. Each module has a page besides. */
function pagesOf(folder: string): Map<string, string> {
  const files = ['guide', '.'].flatMap(each =>
    readdirSync(join(folder, each))
      .filter(file => file.endsWith('.md'))
      .toSorted()
      .map(file => join(folder, each, file)),
  );
  const beside = ['README.md', 'SECURITY.md', 'CHANGELOG.md']
    .map(file => join(folder, '..', file))
    .filter(file => existsSync(file));
  return new Map([
    ...[...files, ...beside].map(file => [basename(file, '.md').toLowerCase(), file] as const),
    ['modules', join(folder, 'modules/README.md')],
  ]);
}

const titleOf = (file: string): string => /^# (.*)$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? '';

const docsFolder = (): string => join(packageFolder(), 'docs');
