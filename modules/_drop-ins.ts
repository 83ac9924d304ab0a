import { posix } from 'node:path';
import { type CommandResult, command } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import { kindOf } from './_unit-names.ts';
import { type Setting, settingsIn } from './_unit-text.ts';

/** The folders of unit files, the strongest first: of two drop-ins with one name, systemd reads the stronger. */
const roots = [
  ...['/etc/systemd/system.control', '/run/systemd/system.control', '/etc/systemd/system'],
  ...['/run/systemd/system', '/usr/local/lib/systemd/system', '/usr/lib/systemd/system'],
];

/** Returns the folders whose drop-ins systemd reads for a unit: its own and those of its template, prefixes and kind. */
export function dropInFolders(unit: string): string[] {
  const kind = kindOf(unit);
  const stem = unit.slice(0, -kind.length - 1);
  const dashes = [...stem.matchAll(/-/g)].map(({ index }) => `${stem.slice(0, index + 1)}.${kind}`);
  const names = new Set([unit, unit.replace(/@.*(?=\.)/, '@'), ...dashes, kind]);
  return roots.flatMap(root => [...names].map(name => `${root}/${name}.d`));
}

/** The drop-ins of a unit that systemd reads after one of this name, each behind a line `# PATH`. */
export const laterDropIns = (unit: string, path: string, about: readonly string[]) =>
  command(
    `for f in ${dropInFolders(unit)
      .map(folder => `${folder.replaceAll('\\', '\\\\')}/*.conf`)
      .join(' ')}; do
  [ -e "$f" ] && [ "\${f##*/}" \\> ${shellQuote(posix.basename(path))} ] && echo "# $f" && cat -- "$f" && echo
done
:`,
    { about },
  );

/** Keys to which each assignment adds: systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.resource-control(5). */
const lists = new RegExp(
  `^(${[
    'Documentation|Wants|Requires|Requisite|BindsTo|PartOf|Upholds|Conflicts|Before|After|On(Failure|Success)|.*Propagat.*',
    'JoinsNamespaceOf|(Requires|Wants)MountsFor|Condition.*|Assert.*|(Wanted|Required|Upheld)By|Alias|Also',
    'Exec.*|(Success|RestartPrevent|RestartForce)ExitStatus|Sockets|OpenFile|Listen.*|Symlinks|On[A-Z].*Sec|OnCalendar',
    '(Pass|Unset)?Environment(File)?|SupplementaryGroups|.*Paths|TemporaryFileSystem|.*(Images|Directories|Filter|Architectures|Log)',
    'Restrict.*|(CapabilityBounding|Ambient).*|(Runtime|State|Cache|Logs|Configuration)Directory|.*Credential.*|Log.*Fields|Log.*Patterns',
    'DeviceAllow|IPAddress.*|IPIngress.*|IPEgress.*|SocketBind.*|IO(Device|Read|Write).*|BPFProgram|Delegate|DisableControllers',
    'Path[A-Z].*|DirectoryNotEmpty',
  ].join('|')})$`,
);

/** Returns the first setting of a drop-in that a later one replaces, with the value that counts, and its file. */
export function overriding(
  text: string,
  { stdout }: CommandResult,
): (Setting & { other: string; file: string }) | undefined {
  const same = (one: Setting, other: Setting) => one.section === other.section && one.key === other.key;
  const own = settingsIn(text).filter(({ key }) => !lists.test(key));
  const last = own.filter((one, i) => !own.slice(i + 1).some(other => same(one, other)));
  const later = new Map<string, Setting & { file: string }>();
  for (const { file, text } of filesIn(stdout))
    for (const one of settingsIn(text)) later.set(`${one.section} ${one.key}`, { ...one, file });
  return last
    .map(one => ({ one, found: later.get(`${one.section} ${one.key}`) }))
    .filter(({ one, found }) => found !== undefined && meaning(found.value) !== meaning(one.value))
    .map(({ one, found }) => ({ ...one, other: found!.value, file: found!.file }))[0];
}

/** Returns the files of a reading in the order in which systemd reads them. A stronger file hides one of its name. */
function filesIn(stdout: string): { file: string; text: string }[] {
  const files = new Map<string, { file: string; text: string }>();
  for (const block of stdout.split(/^(?=# \/\S+\.conf$)/m)) {
    const file = /^# (\S+)$/m.exec(block)?.[1] ?? '';
    const name = posix.basename(file);
    if (name !== '' && !files.has(name)) files.set(name, { file, text: block });
  }
  return [...files].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, each]) => each);
}

const meaning = (value: string) =>
  value
    .toLowerCase()
    .replace(/^(true|on|y|t|1)$/, 'yes')
    .replace(/^(false|off|n|f|0)$/, 'no');
