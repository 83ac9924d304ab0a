import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What stays of a word of lower-case letters and digits in whatever form it is printed: escaping and quoting leave it
 * alone, base64 keeps eight characters of each alignment, and hexadecimal digits are counted too.
 */
export function formsOf(core: string): string[] {
  if (!/^[a-z0-9]{8,}$/.test(core)) throw new Error(`${core} would be changed by escaping`);
  const aligned = [0, 1, 2].map(before => {
    const encoded = Buffer.concat([Buffer.alloc(before), Buffer.from(core)]).toString('base64');
    return encoded.slice(before === 0 ? 0 : 4, before === 0 ? 8 : 12);
  });
  const hex = Buffer.from(core).toString('hex');
  return [...new Set([core, core.toUpperCase(), ...aligned, hex, hex.toUpperCase()])];
}

const known = new Map<string, readonly string[]>();

/** A few words around each trace of a core in a text; empty when there is none. */
export function tracesIn(text: string | Buffer, core: string): string[] {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  let forms = known.get(core);
  if (forms === undefined) known.set(core, (forms = formsOf(core)));
  return forms.flatMap(form => {
    const at = bytes.indexOf(form);
    return at < 0 ? [] : [bytes.subarray(Math.max(0, at - 60), at + 60).toString('latin1')];
  });
}

/** A regular file in which there is a trace. */
export interface Traced {
  /** Below the folder that was searched. */
  path: string;
  mode: string;
  words: string[];
}

/** All regular files below a folder with a trace of a core; links are not followed. */
export function tracedFiles(folder: string, core: string): Traced[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap(path => {
    const stat = lstatSync(join(folder, path), { throwIfNoEntry: false });
    if (!stat?.isFile()) return [];
    const words = tracesIn(readFileSync(join(folder, path)), core);
    return words.length === 0
      ? []
      : [{ path, mode: (stat.mode & 0o7777).toString(8).padStart(4, '0'), words }];
  });
}
