import type { Content } from '../engine/probe.ts';

export const fstab = '/etc/fstab';

/** The path of the mount table in effects, with the mount point behind it. /proc/self is a link, which a forecast would follow. */
export const mountTable = '/proc/1/mountinfo';

/** A line of /etc/fstab. */
export interface Entry {
  /** The number of the line in the file. */
  line: number;
  source: string;
  path: string;
  type: string;
  options: string[];
  dump: string;
  passno: number;
}

const decoded = (word: string) =>
  word.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
/** Returns a word in the form of /etc/fstab and of the kernel. Only at the beginning of a line, `#` makes a comment. */
export const encoded = (word: string) =>
  word.replace(/[\s\\]|^#/g, each => `\\${each.charCodeAt(0).toString(8).padStart(3, '0')}`);

export const textOf = (file: Content | null | undefined) => file?.bytes?.toString() ?? '';

/** Returns the entries of a file. Words after the sixth, such as a comment at the end of a line, count as nothing. */
export const entriesIn = (text: string): Entry[] =>
  text.split('\n').flatMap((content, line) => {
    const [source, path, type, options, dump, passno] = content.trim().split(/\s+/);
    if (source === undefined || /^(#|$)/.test(source) || path === undefined || type === undefined) return [];
    const number = (word: string | undefined) => (/^\d+$/.test(word ?? '') ? word! : '0');
    return {
      ...{ line, source: decoded(source), path: decoded(path), type },
      ...{
        options: optionsOf((options ?? '').split(',')),
        dump: number(dump),
        passno: Number(number(passno)),
      },
    };
  });

/** The options that hold without being named. */
const implied = new Set(['', 'defaults', 'rw', 'suid', 'dev', 'exec', 'auto', 'nouser', 'async', 'relatime']);

/** Returns options in one order, without those that hold anyway. */
export const optionsOf = (options: readonly string[]) =>
  [...new Set(options.map(decoded))].filter(option => !implied.has(option)).toSorted();

/** Returns the text without the lines of `old`, and with a new line in the place of the first, or at the end. */
export function replaced(
  text: string,
  old: readonly Entry[],
  entry?: Omit<Entry, 'line' | 'options' | 'dump'> & { options: readonly string[] },
): string {
  const lines = text.split('\n');
  const options = entry?.options.map(encoded).join(',') || 'defaults';
  const words = entry && [encoded(entry.source), encoded(entry.path), entry.type, options];
  const added = words && [...words, old[0]?.dump ?? '0', entry.passno].join(' ');
  const first = old[0]?.line;
  const kept = lines.flatMap((line, i) => {
    if (i === first && added !== undefined) return added;
    return old.some(each => each.line === i) ? [] : line;
  });
  if (added === undefined || first !== undefined) return kept.join('\n');
  const ended = kept.at(-1) === '' ? kept.slice(0, -1) : kept;
  return `${[...ended, added].join('\n')}\n`;
}

/** A check of the form of the staged file. It does not judge other lines. */
export const parses = "LC_ALL=C findmnt --verify --tab-file %s 2>&1 | grep -Eq '^(Success|0 parse errors)'";
