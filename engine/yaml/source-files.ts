import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import type { SourceFile } from '../module.ts';
import { contentLimitBytes } from '../probe.ts';
import { type Place, ProblemError } from '../problem.ts';
import { didYouMean } from '../util/did-you-mean.ts';
import { FileContent } from '../util/file-content.ts';
import { readFile, TooLarge } from '../util/read-file.ts';
import { statOf } from '../util/stat.ts';

/** The most bytes of all files of a folder that are held in memory. */
const treeBytes = 64 * 1024 * 1024;

/** Reads the files beside a playbook, each once. */
export class PlaybookFiles {
  readonly #folder: string;
  readonly #paths = new Map<string, string>();
  readonly #read = new Map<string, Buffer>();
  readonly #found = new Map<string, FileContent>();
  readonly #trees = new Map<string, readonly SourceFile[]>();

  constructor(playbook: string) {
    this.#folder = dirname(playbook);
  }

  /** Returns the absolute path of one that is relative to the playbook's folder. */
  beside(name: string): string {
    return isAbsolute(name) ? name : join(this.#folder, name);
  }

  /**
   * Finds `name` beside the playbook: a template in templates/ before files/, a file or folder to copy in files/ before
   * templates/, then either relative to the playbook. Throws if it is missing.
   */
  find(name: string, at: Place, kind: 'template' | 'file' | 'folder'): string {
    const known = this.#paths.get(`${kind} ${name}`);
    if (known !== undefined) return known;
    const folders = kind === 'template' ? ['templates', 'files', '.'] : ['files', 'templates', '.'];
    const places = isAbsolute(name) ? [name] : folders.map(folder => join(this.#folder, folder, name));
    const found = places.find(path => {
      const stat = statOf(path);
      return kind === 'folder' ? stat?.isDirectory() : stat?.isFile();
    });
    if (found !== undefined) {
      this.#paths.set(`${kind} ${name}`, found);
      return found;
    }
    const suggestion = didYouMean(name, this.#names());
    throw new ProblemError({
      code: 'file-missing',
      message: `There is no ${kind} "${name}".${suggestion === undefined ? '' : ` ${suggestion}`}`,
      hint: `Looked for ${places.map(shownPath).join(', ')}`,
      at,
    });
  }

  /** Returns the bytes of a file from `find`. */
  bytes(path: string, at?: Place): Buffer {
    const known = this.#read.get(path);
    if (known !== undefined) return known;
    const bytes = readBytes(path, shownPath(path), at);
    this.#read.set(path, bytes);
    return bytes;
  }

  /** Returns the content of a file from `find`. A large one is not held in memory; each run has one version of it. */
  content(path: string, at?: Place, limitBytes = contentLimitBytes): Buffer | FileContent {
    const known = this.#found.get(path);
    if (known !== undefined) return known;
    const stat = statOf(path);
    if (stat === undefined || !stat.isFile() || stat.size <= limitBytes) return this.bytes(path, at);
    const content = new FileContent(path, shownPath(path), stat);
    this.#found.set(path, content);
    return content;
  }

  /** Returns every file below a folder, sorted by path. Follows links to files, and refuses links to folders. */
  tree(folder: string, at: Place): readonly SourceFile[] {
    const known = this.#trees.get(folder);
    if (known !== undefined) return known;
    const files: { path: string; full: string; stat: Stats }[] = [];
    for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted()) {
      const full = join(folder, path);
      const stat = statOf(full);
      if (stat?.isDirectory() && !lstatSync(full).isSymbolicLink()) continue;
      if (!stat?.isFile()) throw new ProblemError({ code: 'file-missing', at, ...unlike(full, stat) });
      files.push({ path, full, stat });
    }
    const isLarge = files.reduce((sum, { stat }) => sum + stat.size, 0) > treeBytes;
    const tree = files.map(({ path, full, stat }) => ({
      path,
      content: this.content(full, at, isLarge ? 0 : undefined),
      executable: (stat.mode & 0o100) !== 0,
    }));
    this.#trees.set(folder, tree);
    return tree;
  }

  #names(): string[] {
    const list = (folder: string) => {
      try {
        return readdirSync(join(this.#folder, folder), { encoding: 'utf8' });
      } catch {
        return [];
      }
    };
    return ['templates', 'files', '.'].flatMap(list);
  }
}

/** Returns why something in a folder cannot be copied as a file, and the remedy. */
function unlike(path: string, stat: Stats | undefined): { message: string; hint: string } {
  const shown = `"${shownPath(path)}"`;
  if (stat?.isDirectory())
    return {
      message: `${shown} is a link to a folder, and a tree copies no links.`,
      hint: 'Take it out of the folder, and declare it on the host as a `link`.',
    };
  if (stat !== undefined)
    return { message: `${shown} is neither a file nor a folder.`, hint: 'Take it out of the folder.' };
  return path.includes('\uFFFD')
    ? { message: `The name of ${shown} is not in UTF-8.`, hint: 'Rename the file.' }
    : { message: `${shown} is a link to nothing.`, hint: 'Correct the link, or remove it.' };
}

/** Returns the text of a file, or throws a ProblemError that names it as `shown`. */
export function readText(path: string, shown: string, at?: Place): string {
  return readBytes(path, shown, at).toString('utf8');
}

/** Returns a path relative to the working directory, as a person would type it. */
export function shownPath(path: string): string {
  const near = relative('', resolve(path));
  return near.startsWith('../../') || near === '' ? path : near;
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read',
  EISDIR: 'is a folder',
};

function hintFor(code: string | undefined, path: string, shown: string): string {
  if (code === 'EACCES') return `Give yourself the right to read it: chmod u+r ${shown}`;
  if (code === 'EISDIR') return 'Name a file in it.';
  if (code === 'EFBIG') return 'Name a file.';
  let neighbours: string[] = [];
  try {
    neighbours = readdirSync(dirname(path), { encoding: 'utf8' });
  } catch {}
  return didYouMean(basename(path), neighbours) ?? 'Create it, or correct the name.';
}

function readBytes(path: string, shown: string, at?: Place): Buffer {
  try {
    return readFile(path);
  } catch (thrown) {
    if (thrown instanceof TooLarge)
      throw new ProblemError({
        code: 'file-too-large',
        message: `The file "${shown}" is larger than ${thrown.limit}, the limit for such a file.`,
        ...(at === undefined ? {} : { at }),
      });
    const { code } = thrown as NodeJS.ErrnoException;
    const why = (code && reasons[code]) ?? `cannot be read (${code})`;
    throw new ProblemError({
      code: 'file-missing',
      message: `The file "${shown}" ${why}.`,
      hint: hintFor(code, path, shown),
      ...(at === undefined ? {} : { at }),
    });
  }
}
