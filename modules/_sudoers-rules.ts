import { posix } from 'node:path';

/** The format of sudoers(5), as far as it decides whether a command needs a password. */

/** A rule of this resource: its file, its subject (`NAME`, `%GROUP` or `ALL`), and its commands as sudo reads them. */
export interface Rule {
  file: string;
  subject: string;
  hosts: readonly string[];
  runAs: string;
  commands: readonly string[];
  nopasswd: boolean;
}

/** The lines of all files without their comments, each as `FILE:LINE`. */
export const allRules = "grep -sHE '^[#@]includedir|^[^#]' /etc/sudoers /etc/sudoers.d/*";
export const includes = /^\/etc\/sudoers:[#@]includedir[ \t]+"?\/etc\/sudoers\.d/m;

/**
 * Returns the file with the last rule that answers otherwise than this one whether one of its commands needs a password.
 * `groupsOf` returns the groups of the subject; it is called only if another rule is about a group.
 */
export function winner(printed: string, rule: Rule, groupsOf: () => readonly string[]): string | undefined {
  const lines = printed.replace(/\\\n[^\n:]*:/g, ' ').split('\n');
  const aliases = aliasesIn(lines);
  const expanded = (items: readonly string[]) => expand(items, aliases);
  const later = laterLines(lines, posix.basename(rule.file)).flatMap(({ file, text }) => {
    const [, subjects = '', hosts = '', as = 'root', what = ''] =
      /^(\S+)\s+([^\s=]+)\s*=\s*(?:\(([^)]*)\))?(.*)$/.exec(text.replace(/\s*(?<!\\),\s*/g, ',')) ?? [];
    const isMeant =
      // Whether a rule for other hosts is about this one is not known.
      expanded(split(hosts)).some(host => host === 'ALL' || rule.hosts.includes(host)) &&
      isAbout(expanded(split(subjects)), rule.subject, groupsOf) &&
      isAs(expanded(split(as)), rule.runAs);
    return isMeant ? [{ file, commands: commandsIn(what, expanded) }] : [];
  });
  return expanded(rule.commands)
    .map(own => {
      const last = later.findLast(({ commands }) => commands.some(({ path }) => covers(path, own)));
      const found = last?.commands.findLast(({ path }) => covers(path, own));
      return found && found.nopasswd !== rule.nopasswd ? last!.file : undefined;
    })
    .find(Boolean);
}

const split = (list: string) => list.split(/(?<!\\),/).map(each => each.trim());

/** Returns the members of each alias, whatever its kind: their names are distinct in practice. */
function aliasesIn(lines: readonly string[]): ReadonlyMap<string, string[]> {
  const definitions = lines.flatMap(line => {
    const [, list = ''] = /^[^:]*:\s*(?:User|Runas|Host|Cmnd|Cmd)_Alias\s+(.*)$/.exec(line) ?? [];
    return list.split(/(?<!\\):/);
  });
  return new Map(
    definitions.flatMap(each => {
      const [, name, members = ''] = /^\s*([A-Z][A-Z0-9_]*)\s*=\s*(.*)$/.exec(each) ?? [];
      return name === undefined ? [] : [[name, split(members)] as const];
    }),
  );
}

/** Returns items with the members of aliases in their place. The `!` before an alias belongs to each of its members. */
function expand(items: readonly string[], aliases: ReadonlyMap<string, string[]>, depth = 0): string[] {
  return items.flatMap(item => {
    const [, no = '', name = ''] = /^(!?)\s*(.*)$/.exec(item) ?? [];
    const members = depth > 9 ? undefined : aliases.get(name);
    if (members === undefined) return [item];
    return expand(members, aliases, depth + 1).map(each => `${no}${each}`.replace(/^!!/, ''));
  });
}

/** Returns the lines that sudo reads after a file, in that order. The rest of /etc/sudoers follows the folder. */
function laterLines(lines: readonly string[], name: string) {
  const included = lines.findIndex(line => includes.test(line));
  const all = lines.flatMap((line, i) => {
    const [, file = '', text = ''] = /^([^:]*):(.*)$/.exec(line) ?? [];
    if (file === '/etc/sudoers') return i > included ? [{ file, text, at: '~' }] : [];
    const at = posix.basename(file);
    return at > name && !/\.|~$/.test(at) ? [{ file, text, at }] : [];
  });
  return all.toSorted((a, b) => (a.at === b.at ? 0 : a.at < b.at ? -1 : 1));
}

/** Whether a list of users is about a subject. The last item that fits decides. */
function isAbout(items: readonly string[], subject: string, groupsOf: () => readonly string[]): boolean {
  const fits = (item: string) =>
    item === 'ALL' ||
    item === subject ||
    (item.startsWith('%') && !subject.startsWith('%') && groupsOf().includes(item.slice(1)));
  const last = items.findLast(item => fits(item.replace(/^!\s*/, '')));
  return last !== undefined && !last.startsWith('!');
}

/** Whether a list of accounts, such as `ALL : ALL`, includes all those as which the commands run. */
function isAs(items: readonly string[], runAs: string): boolean {
  const accounts = items.map(item => item.split(':')[0]!.trim());
  return [runAs, runAs.split(':')[0]!, 'ALL'].some(one => accounts.includes(one) || items.includes(one));
}

/** Returns the commands of a rule. A tag holds for the commands behind it, too. */
function commandsIn(list: string, expanded: (items: readonly string[]) => string[]) {
  let nopasswd = false;
  return split(list).flatMap(each => {
    let command = each;
    for (let found = tag.exec(command); found !== null; found = tag.exec(command)) {
      if (/^(NO)?PASSWD$/.test(found[1] ?? '')) nopasswd = found[1] === 'NOPASSWD';
      command = command.slice(found[0].length);
    }
    return expanded([command.trim()]).map(path => ({ path, nopasswd }));
  });
}

/** A tag such as `NOPASSWD:`, or an option such as `CWD=/srv`, in front of a command. */
const tag = /^\s*(?:([A-Z]+)\s*:|[A-Z_]+=\S+\s)\s*/;

/** Whether a command of another rule includes a command. A path alone stands for any arguments, a folder for its programs. */
function covers(other: string, own: string): boolean {
  const [program = ''] = own.split(/\s/);
  return (
    other === 'ALL' ||
    other === own ||
    other === program ||
    (other.endsWith('/') && posix.dirname(program) === other.slice(0, -1))
  );
}
