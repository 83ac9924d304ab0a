import { ipVersion, normalIp } from '../engine/util/ip-address.ts';

/** The format of /etc/hosts: hosts(5). */

/** A line with an address. */
export interface HostsLine {
  ip: string;
  /** The first is the canonical name. */
  names: string[];
  /** Whether reconcile wrote the line. */
  isOwn: boolean;
  text: string;
}

/** An address with its names, as a line of its own. */
export interface Entry {
  ip: string;
  names: readonly string[];
}

/** The end of a line that reconcile wrote. Such a line belongs to its names, even when their address changes. */
const mark = '# reconcile';

/** Returns the lines of the file; a line without an address is a text. */
function linesOf(content: string): (HostsLine | string)[] {
  return content.split('\n').map(text => {
    const [ip, ...names] = text.replace(/#.*/, '').trim().split(/\s+/);
    if (!ip || names.length === 0) return text;
    return { ip: normalIp(ip), names, isOwn: text.trimEnd().endsWith(mark), text };
  });
}

const has = (line: HostsLine, names: readonly string[]) =>
  line.names.some(each => names.some(name => name.toLowerCase() === each.toLowerCase()));
const isSameFamily = (one: string, other: string) => ipVersion(one) === ipVersion(other);

/** Returns the lines that are about an entry, and the lines of others that give one of its names another address. */
export function linesAbout(content: string, { ip, names }: Entry) {
  const about = linesOf(content).filter(line => typeof line !== 'string' && has(line, names)) as HostsLine[];
  const isMine = (line: HostsLine) => line.ip === normalIp(ip) || (line.isOwn && isSameFamily(line.ip, ip));
  return {
    mine: about.filter(isMine),
    others: about.filter(line => !isMine(line) && isSameFamily(line.ip, ip)),
  };
}

/** Whether a line holds an entry: all of its names, with the same canonical one. A line of reconcile holds no others. */
export function holds(line: HostsLine, { ip, names }: Entry): boolean {
  const [found, wanted] = [line.names, names].map(each => each.map(name => name.toLowerCase()));
  const isThere = wanted!.every(name => found!.includes(name)) && found![0] === wanted![0];
  return line.ip === normalIp(ip) && isThere && (!line.isOwn || found!.length === wanted!.length);
}

/** Returns the file with the entry once. Other names of a line that it takes over get a line of their own. */
export function withEntry(content: string, entry: Entry): string {
  const { mine } = linesAbout(content, entry);
  const texts = new Set(mine.map(({ text }) => text));
  let isPlaced = false;
  const own = () => {
    if (isPlaced) return [];
    isPlaced = true;
    return [`${entry.ip} ${entry.names.join(' ')} ${mark}`];
  };
  const lines = content.split('\n').flatMap(text => {
    if (!texts.has(text)) return [text];
    const line = mine.find(each => each.text === text)!;
    return [...own(), ...(line.isOwn ? [] : without(line, entry.names))];
  });
  if (isPlaced) return lines.join('\n');
  if (lines.at(-1) === '') lines.pop();
  return [...lines, ...own(), ''].join('\n');
}

/** Returns the file in which the address has none of the names. */
export function withoutEntry(content: string, entry: Entry): string {
  const about = linesAbout(content, entry).mine.filter(({ ip }) => ip === normalIp(entry.ip));
  return content
    .split('\n')
    .flatMap(text => {
      const line = about.find(each => each.text === text);
      return line === undefined ? [text] : without(line, entry.names);
    })
    .join('\n');
}

/** Returns a line without some names, or nothing if no name is left. */
function without({ names, text }: HostsLine, gone: readonly string[]): string[] {
  const left = names.filter(each => !gone.some(name => name.toLowerCase() === each.toLowerCase()));
  if (left.length === 0) return [];
  const [, start = '', comment = ''] = /^(\s*\S+\s+)[^#]*?(\s*#.*)?$/.exec(text) ?? [];
  return [`${start}${left.join(' ')}${comment}`];
}
