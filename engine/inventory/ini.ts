import { ansibleVariables, namesPassword, type Variable } from '../expression/variables.ts';
import { type Place, type Where, withoutText } from '../problem.ts';
import { didYouMean } from '../util/did-you-mean.ts';
import type { Problems } from '../util/problem-collector.ts';
import type { Plain } from '../value.ts';
import { SourceText } from '../yaml/source-text.ts';
import { type Fault, hostsOfRange } from './host-range.ts';
import { addHosts, InventorySource, setGroupVariable } from './inventory-model.ts';
import { pythonLiteral } from './python-literal.ts';

/** A word of a line: its text without quotes, and its place in the line. */
interface Word {
  text: string;
  start: number;
  end: number;
}

/** A section of hosts, groups or variables, or `wrong` for one with an invalid header. */
interface Section {
  group: string;
  kind: 'hosts' | 'children' | 'vars' | 'wrong';
}

/** Reads an inventory of Ansible in INI format. Adds its problems to `problems`, line by line. */
export function readIni(text: string, file: string, problems: Problems): InventorySource {
  const source = new InventorySource(file, true);
  const lines = new SourceText(file, text);
  source.group('ungrouped', lines.place(0, 0));
  let section: Section = { group: 'ungrouped', kind: 'hosts' };
  for (const match of text.matchAll(/[^\n]+/g)) {
    const line = match[0].trimEnd();
    const begin = line.length - line.trimStart().length;
    if (begin === line.length || /[#;]/.test(line[begin]!)) continue;
    const reader = new Line(line, match.index, lines, problems);
    if (line[begin] === '[' && !/^\[[^\]]*\]:\d/.test(line.trimStart())) {
      section = reader.header(begin);
      if (section.kind !== 'wrong')
        source.group(section.group, reader.place(begin, line.length), section.kind !== 'vars');
    } else reader.entry(section, source);
  }
  return source;
}

class Line {
  readonly #line: string;
  readonly #offset: number;
  readonly #lines: SourceText;
  readonly #problems: Problems;

  constructor(line: string, offset: number, lines: SourceText, problems: Problems) {
    this.#line = line;
    this.#offset = offset;
    this.#lines = lines;
    this.#problems = problems;
  }

  place(start: number, end: number): Place {
    const place = this.#lines.place(this.#offset + start, this.#offset + end);
    // The line in a message must not show a password.
    return /pass|secret|token/i.test(this.#line) ? withoutText(place) : place;
  }

  header(begin: number): Section {
    const wrong: Section = { group: '', kind: 'wrong' };
    const [, group, kind] = /^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$/.exec(this.#line.slice(begin)) ?? [];
    if (group === undefined) {
      this.#report(
        `"${this.#line.trim()}" is not a section.`,
        begin,
        this.#line.length,
        'Write [group], [group:children] or [group:vars] on a line of its own, without spaces.',
      );
      return wrong;
    }
    if (kind === undefined) return { group, kind: 'hosts' };
    if (kind === 'hosts' || kind === 'children' || kind === 'vars') return { group, kind };
    const start = begin + group.length + 2;
    const hint =
      didYouMean(kind, ['children', 'vars', 'hosts']) ?? 'There are [group:children] and [group:vars].';
    this.#report(`A section "${kind}" has no meaning.`, start, start + kind.length, hint);
    return wrong;
  }

  /** Adds the content of a section's line to `source`. */
  entry({ group, kind }: Section, source: InventorySource): void {
    if (kind === 'hosts') this.#hosts(group, source);
    else if (kind === 'children') this.#child(group, source);
    else if (kind === 'vars') this.#groupVariable(group, source);
  }

  #child(group: string, source: InventorySource): void {
    const [, space, name] = /^(\s*)([^:\]\s]+)\s*(?:#.*)?$/.exec(this.#line) ?? [];
    if (name === undefined)
      this.#report(
        `"${this.#line.trim()}" is not the name of a group.`,
        0,
        this.#line.length,
        `[${group}:children] holds one name of a group a line.`,
      );
    else {
      const at = this.place(space!.length, space!.length + name.length);
      source.group(group, at).groups.push({ name, at });
    }
  }

  #groupVariable(group: string, source: InventorySource): void {
    const equals = this.#line.indexOf('=');
    if (equals < 0) {
      this.#report(
        `"${this.#line.trim()}" sets no variable.`,
        0,
        this.#line.length,
        `[${group}:vars] holds lines such as: name=value`,
      );
      return;
    }
    const [start, end] = trimmed(this.#line, 0, equals);
    const [from, to] = trimmed(this.#line, equals + 1, this.#line.length);
    const value = { text: this.#line.slice(from, to), start: from, end: to };
    const name = this.#line.slice(start, end);
    setGroupVariable(
      source.group(group, this.place(start, end), false),
      this.#variable({ text: name, start, end }, value, `group ${group}`),
    );
  }

  #hosts(group: string, source: InventorySource): void {
    const words = this.#words();
    const [host, ...rest] = words ?? [];
    if (host === undefined) return;
    const found = hostsOfRange(host.text);
    if ('fault' in found) {
      this.#fault(found.fault, host);
      return;
    }
    const assignments = rest.flatMap(word => this.#assignment(word));
    addHosts(source, group, found, this.place(host.start, host.end), name =>
      assignments.map(([key, value]) => this.#variable(key, value, `host ${name}`)),
    );
  }

  #assignment(word: Word): [key: Word, value: Word][] {
    const equals = word.text.indexOf('=');
    if (equals > 0) {
      const raw = this.#line.indexOf('=', word.start) + 1;
      const key = { text: word.text.slice(0, equals), start: word.start, end: raw - 1 };
      return [[key, { text: word.text.slice(equals + 1), start: raw, end: word.end }]];
    }
    const hint =
      /^\w+$/.test(word.text) && this.#line[word.end] === ' '
        ? 'Write name=value without spaces around the "=", with quotes around a value that has some.'
        : 'After the name of a host stand variables: name=value';
    this.#report(`"${word.text}" sets no variable of the host.`, word.start, word.end, hint);
    return [];
  }

  #variable(key: Word, value: Word, level: string): Variable {
    // A password of digits stays a text.
    const literal = namesPassword(key.text) ? undefined : pythonLiteral(value.text);
    const data: Plain = literal === undefined ? value.text : literal;
    const within: Where = (offset, length) =>
      this.#line.startsWith(value.text, value.start)
        ? this.place(value.start + offset, value.start + offset + length)
        : this.place(value.start, value.end);
    const written = { place: () => this.place(key.start, value.end), within: () => within };
    return ansibleVariables(written, [], level, { [key.text]: data })[0]!;
  }

  /** Splits a line into words like a shell: quotes, backslashes, and a comment from # on. */
  #words(): Word[] | undefined {
    const words: Word[] = [];
    const line = this.#line;
    let word: Word | undefined;
    for (let at = 0; at < line.length; at++) {
      const character = line[at]!;
      if (/\s/.test(character) || character === '#') {
        if (word !== undefined) words.push(word);
        word = undefined;
        if (character === '#') break;
        continue;
      }
      word ??= { text: '', start: at, end: at };
      const start = at;
      if (character === '\\' && at + 1 < line.length) word.text += line[++at];
      else if (character === '"' || character === "'") {
        for (at++; line[at] !== character; at++) {
          if (at >= line.length) {
            this.#report('A quote that opens here is not closed.', start, start + 1);
            return undefined;
          }
          const escaped = character === '"' && line[at] === '\\' && /["\\]/.test(line[at + 1] ?? '');
          word.text += line[escaped ? ++at : at];
        }
      } else word.text += character;
      word.end = at + 1;
    }
    if (word !== undefined) words.push(word);
    return words;
  }

  #fault({ message, hint, start, length }: Fault, { start: from }: Word): void {
    this.#report(message, from + start, from + start + length, hint);
  }

  #report(message: string, start: number, end: number, hint?: string): void {
    const [from, to] = trimmed(this.#line, start, end);
    const at = this.place(from, to);
    const words = at.text === undefined ? message.replace(/"[^"]*"/, 'This line') : message;
    this.#problems.report('inventory-syntax', words, at, hint);
  }
}

function trimmed(line: string, start: number, end: number): [number, number] {
  const part = line.slice(start, end);
  const from = start + part.length - part.trimStart().length;
  return [from, Math.max(from, start + part.trimEnd().length)];
}
