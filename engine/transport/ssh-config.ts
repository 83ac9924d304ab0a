import { homedir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { ProblemError } from '../problem.ts';
import { readFile } from '../util/read-file.ts';
import { statOf } from '../util/stat.ts';
import { glob } from './glob.ts';
import { matchesList, matchesPattern } from './name-patterns.ts';

/** The settings of ssh_config: the words of the effective value of each keyword, in lower case. */
export interface SshSettings {
  /** Returns the first value of a keyword, or an empty list if it is not set. */
  words(keyword: string): readonly string[];
  /** Every IdentityFile, in order. */
  identityFiles: readonly string[];
}

/** A file of settings. Relative names are in ~/.ssh for a file of the user, in /etc/ssh for a file of the system. */
export interface ConfigFile {
  path: string;
  of: 'user' | 'system';
}

/** The question to ssh_config: the host as a person names it, and the settings that are already known. */
export interface ConfigQuestion {
  host: string;
  user?: string | undefined;
}

interface Line {
  file: string;
  number: number;
  keyword: string;
  rest: string;
}

/** The block of a line. `active`: it is for this host. `never`: no block of the file can be for this host. */
interface Around {
  of: ConfigFile['of'];
  active: boolean;
  never: boolean;
  depth: number;
}

const deepestInclude = 16;

/**
 * Reads ssh_config files as OpenSSH does: the first value wins, and the whole is read once more for `Match final`.
 * Throws a ProblemError for an invalid line, or one that would run a program (`Match exec`).
 */
export function sshSettings(files: readonly ConfigFile[], question: ConfigQuestion): SshSettings {
  const reading = new Reading(question);
  for (const final of [false, true]) {
    reading.begin(final);
    for (const { path, of } of files) reading.file(path, { of, active: true, never: false, depth: 0 });
    if (!reading.wantsFinal) break;
  }
  return reading;
}

/** Returns the host of a name: `HostName`, in which `%h` is the name. */
export function hostNameOf(settings: SshSettings, name: string): string {
  const [hostName] = settings.words('hostname');
  return hostName?.replace(/%(.)/g, (_, token) => (token === 'h' ? name : token)) ?? name;
}

/** Whether a value is `none`. */
export const isNone = (value: string): boolean => /^none$/i.test(value);

class Reading implements SshSettings {
  readonly identityFiles: string[] = [];
  readonly #values = new Map<string, readonly string[]>();
  readonly #question: ConfigQuestion;
  readonly #localUser = userInfo().username;
  #host: string;
  #final = false;
  wantsFinal = false;

  constructor(question: ConfigQuestion) {
    this.#question = question;
    this.#host = question.host;
  }

  words(keyword: string): readonly string[] {
    return this.#values.get(keyword) ?? [];
  }

  begin(final: boolean): void {
    this.#final = final;
    if (!final) return;
    this.#host = hostNameOf(this, this.#question.host).toLowerCase();
    this.#values.set('hostname', [this.#host]);
  }

  file(path: string, around: Around): void {
    let { active } = around;
    for (const line of linesOf(path, around.of)) active = this.#line(line, { ...around, active });
  }

  /** Takes one line, and returns whether the lines after it are for this host. */
  #line(line: Line, around: Around): boolean {
    switch (line.keyword) {
      case 'host':
        return !around.never && matchesHostLine(this.#host, wordsOf(line));
      case 'match':
        return this.#matches(line, around.never);
      case 'include':
        for (const name of wordsOf(line)) this.#include(name, line, around);
        return around.active;
      default:
        if (around.active) this.#set(line);
        return around.active;
    }
  }

  #include(name: string, line: Line, { of, active, never, depth }: Around): void {
    if (depth >= deepestInclude) refuse(line, `Include goes deeper than ${deepestInclude} files`);
    if (name.startsWith('~') && of === 'system') refuse(line, `Include "${name}" has no home here`);
    const folder = of === 'user' ? join(homedir(), '.ssh') : '/etc/ssh';
    const pattern = name.startsWith('~') || isAbsolute(name) ? expandHome(name) : join(folder, name);
    for (const path of glob(pattern))
      this.file(path, { of, active, never: never || !active, depth: depth + 1 });
  }

  #set(line: Line): void {
    const words = wordsOf(line);
    const { keyword } = line;
    if (words.length === 0) refuse(line, `"${keyword}" has no value`);
    if (keyword === 'identityfile') {
      if (!this.identityFiles.includes(words[0]!)) this.identityFiles.push(words[0]!);
      return;
    }
    // Of ProxyJump and ProxyCommand, the first one counts. Since OpenSSH 10, a ProxyJump of none leaves ProxyCommand open.
    if (keyword === 'proxycommand' || keyword === 'proxyjump') {
      const [jump] = this.words('proxyjump');
      const jumps = jump !== undefined && (keyword === 'proxyjump' || !isNone(jump));
      const settled = this.#values.has('proxycommand') || jumps;
      const value = keyword === 'proxyjump' ? line.rest.replace(/#.*/s, '').trim() : line.rest;
      if (!settled) this.#values.set(keyword, [value]);
      return;
    }
    if (!this.#values.has(keyword)) this.#values.set(keyword, words);
  }

  #matches(line: Line, never: boolean): boolean {
    const words = [...line.rest.matchAll(/"([^"]*)"|[^\s="]+/g)].map(([word, quoted]) => quoted ?? word);
    let result = true;
    for (let i = 0; i < words.length; i++) {
      if (words[i]!.startsWith('#')) break;
      const negated = words[i]!.startsWith('!');
      const criterion = words[i]!.slice(negated ? 1 : 0).toLowerCase();
      if (criterion === 'all') return !never && result && !negated;
      let matched: boolean;
      if (criterion === 'final' || criterion === 'canonical') {
        if (criterion === 'final') this.wantsFinal = true;
        matched = this.#final;
      } else {
        const pattern = words[++i];
        if (pattern === undefined) refuse(line, `Match "${criterion}" has no pattern`);
        if (criterion === 'exec') {
          if (!result || never) return false;
          refuse(line, 'Match exec would run a program, which transport ssh does not', useOpenssh);
        }
        matched = this.#matchesCriterion(criterion, pattern, line);
      }
      if (matched === negated) result = false;
    }
    return result && !never;
  }

  #matchesCriterion(criterion: string, pattern: string, line: Line): boolean {
    const { host, user } = this.#question;
    switch (criterion) {
      case 'host':
        return matchesList(pattern.toLowerCase(), hostNameOf(this, this.#host).toLowerCase());
      case 'originalhost':
        return matchesList(pattern.toLowerCase(), host.toLowerCase());
      case 'user':
        return matchesList(pattern, user ?? this.words('user')[0] ?? this.#localUser);
      case 'localuser':
        return matchesList(pattern, this.#localUser);
      default:
        return refuse(line, `Match "${criterion}" is not known to transport ssh`, useOpenssh);
    }
  }
}

const useOpenssh = 'Set "transport: openssh" for this host: it runs ssh itself.';

/** Whether a `Host` line is for a host. Each word is a pattern; a matching one with `!` excludes the host. */
function matchesHostLine(host: string, patterns: readonly string[]): boolean {
  const excluded = patterns.some(each => each.startsWith('!') && matchesPattern(each.slice(1), host));
  return !excluded && patterns.some(each => !each.startsWith('!') && matchesPattern(each, host));
}

const known = new Map<string, { version: string; lines: Line[] }>();

/** Returns the lines of a file without comments and empty lines; none for a missing file. */
function linesOf(file: string, of: ConfigFile['of']): Line[] {
  const stat = statOf(file);
  if (stat === undefined) return [];
  if (of === 'user' && ((stat.mode & 0o022) !== 0 || ![0, process.getuid?.()].includes(stat.uid)))
    throw new ProblemError({
      code: 'insecure-file',
      message: `${file} can be written by another account. ssh does not read it either.`,
      hint: `Make it your own:\n    chmod go-w ${file}`,
    });
  const version = `${stat.mtimeMs} ${stat.size} ${stat.ino}`;
  let entry = known.get(file);
  if (entry?.version !== version) {
    entry = { version, lines: parse(readFile(file).toString(), file) };
    known.set(file, entry);
  }
  return entry.lines;
}

function parse(text: string, file: string): Line[] {
  return text.split('\n').flatMap((source, i) => {
    const found = /^[\s\f]*("[^"]*"|[^\s="]+)[ \t]*=?[ \t]*(.*?)[\s\f]*$/.exec(source);
    if (found === null || found[1]!.startsWith('#')) return [];
    const keyword = found[1]!.replaceAll('"', '').toLowerCase();
    return [{ file, number: i + 1, keyword, rest: found[2]! }];
  });
}

/** Returns the words of a line: quotes and backslashes as in OpenSSH, without a comment at the end. */
function wordsOf(line: Line): string[] {
  const words: string[] = [];
  const text = line.rest;
  let word: string | undefined;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (word === undefined && char === '#') break;
    if (quote === '' && /[ \t]/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char === '\\' && (/['"\\]/.test(text[i + 1] ?? '') || (quote === '' && text[i + 1] === ' '))) {
      word = (word ?? '') + text[++i];
    } else if (quote === '' && /['"]/.test(char)) {
      quote = char;
      word ??= '';
    } else if (quote === char) quote = '';
    else word = (word ?? '') + char;
  }
  if (quote !== '') refuse(line, 'a quote is not closed');
  return word === undefined ? words : [...words, word];
}

/** Returns a path with the home folder in place of `~/`. */
export function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}

function refuse({ file, number }: Line, message: string, hint?: string): never {
  throw new ProblemError({
    code: 'invalid-value',
    message: `${file}:${number}: ${message}.`,
    ...(hint === undefined ? {} : { hint }),
  });
}
