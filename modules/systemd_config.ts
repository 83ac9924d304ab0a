import { posix } from 'node:path';
import { oneOf, text } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { command, content, Missing, owed, path } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import type { RunStep } from '../engine/step.ts';
import { filled, scriptBeside } from '../engine/util/text-beside.ts';
import { hasLineBreak, plain, settingsMap } from './_settings.ts';

/** The configurations, each with its section, and the program that reads it if that is not `systemd-NAME`. */
const configurations = {
  coredump: { section: 'Coredump', reader: undefined },
  journald: { section: 'Journal', reader: undefined },
  logind: { section: 'Login', reader: undefined },
  networkd: { section: 'Network', reader: undefined },
  oomd: { section: 'OOM', reader: undefined },
  resolved: { section: 'Resolve', reader: undefined },
  system: { section: 'Manager', reader: '/usr/lib/systemd/systemd' },
  timesyncd: { section: 'Time', reader: undefined },
} as const;
const names = Object.keys(configurations) as (keyof typeof configurations)[];

const args = {
  name: oneOf(names, 'Name of the daemon without `systemd-`, or `system` for the service manager.'),
  section: text('Section of the settings; by default the main one, such as `Journal` or `Login`.', {
    pattern: '^[A-Za-z0-9]+$',
  }),
  values: settingsMap(
    'Settings by the names of systemd. A list replaces the items of all other files; a text adds to them where systemd collects items, as for `DNS`.',
    '^[A-Z][A-Za-z0-9]*$',
  ),
} as const;
type Arguments = Given<typeof args, 'name'>;

export const systemd_config = defineModule({
  name: 'systemd_config',
  summary:
    'Settings of a daemon of systemd, such as journald or logind, in a file of /etc/systemd/NAME.conf.d.',
  args,
  required: ['name'],
  absent: 'removes the file',
  examples: {
    'A journal of limited size': {
      name: 'journald',
      values: { SystemMaxUse: '500M', ForwardToSyslog: false },
    },
    'Name servers': { name: 'resolved', values: { DNS: ['9.9.9.9', '149.112.112.112'], DNSSEC: true } },
    'No settings of our own': { name: 'logind', state: 'absent' },
  },
  identity: args => {
    const section = sectionOf(args);
    return section === configurations[args.name]?.section ? args.name : `${args.name} ${section}`;
  },
  refine: ({ values = {} }) => [
    Object.keys(values).length === 0 && { says: 'Give the values.' },
    Object.entries(values)
      .filter(([, value]) => hasLineBreak(value))
      .map(([key]) => ({ at: 'values', says: `The value of ${key} has a line break.` })),
  ],
  file: args => ({ path: fileOf(args), content: textOf(args) }),
  probes: args => ({
    ...{
      reader: path(readerOf(args.name)),
      folder: path(posix.dirname(fileOf(args))),
      owed: owed(noteOf(args)),
    },
    // The files as they are before the play. A file that an earlier resource changes is only a doubt.
    inForce: command(allFiles(args.name), { about: [] }),
    needsInForce: command(allFiles(args.name), { about: placesOf(args.name) }),
    needsKeys: command(knownKeys(args), { about: ['package:systemd*'] }),
  }),
  actual: ({ reader, owed, inForce }, args) => {
    if (reader === null) return Missing.fromPackages(`systemd-${args.name}`, `systemd-${args.name}`);
    const other = winner(inForce.stdout, args);
    const state = { ...(other && { [other.key]: other.value }), ...(owed.length > 0 && { loaded: false }) };
    return Object.keys(state).length > 0 ? state : null;
  },
  desired: ({ values = {}, ...args }, read) => {
    const other = read?.inForce && winner(read.inForce.stdout, { ...args, values });
    return {
      ...(other && { [other.key]: plain(values[other.key]!) }),
      ...(read && read.owed.length > 0 && { loaded: true }),
    };
  },
  removal: {
    probes: args => ({
      ownFile: path(fileOf(args)),
      ownContent: content(fileOf(args)),
      owed: owed(noteOf(args)),
    }),
    actual: ({ ownFile, owed }) =>
      ownFile === null && owed.length === 0
        ? null
        : { file: ownFile?.type ?? null, ...(owed.length > 0 && { loaded: false }) },
  },
  obstacles: (args, { inForce, needsInForce, needsKeys }, { kind }) => {
    if (kind === 'remove') return [];
    const other = winner((needsInForce ?? inForce).stdout, args);
    const known = needsKeys?.stdout.split(/\s+/);
    return [
      Object.keys(args.values ?? {})
        .filter(key => known !== undefined && !known.includes(key))
        .map(key => ({
          says: `The host's version of ${args.name} knows no setting ${key}, and would ignore it.`,
          fix: `Correct the name; \`man ${args.name}.conf\` lists the settings.`,
        })),
      other !== undefined && {
        says: `${other.file} sets ${other.key} to ${other.value} and wins: systemd reads it after ${fileOf(args)}.`,
        fix: 'Take the line out of that file in an earlier resource.',
        unsure: !needsInForce,
      },
    ];
  },
  owes: args =>
    args.name === 'coredump' ? undefined : { unit: noteOf(args), action: 'restart', steps: [restart(args)] },
  steps: (_diff, args, { folder }) => [
    folder === null && { do: 'directory', path: posix.dirname(fileOf(args)) },
  ],
});

const sectionOf = ({ name, section }: Arguments) => section ?? configurations[name]?.section ?? '';
const fileOf = (args: Arguments) =>
  `/etc/systemd/${args.name}.conf.d/zz-reconcile-${sectionOf(args).toLowerCase()}.conf`;
const noteOf = ({ name }: Arguments) => `systemd_config ${name}`;
const readerOf = (name: Arguments['name']) =>
  configurations[name]?.reader ?? `/usr/lib/systemd/systemd-${name}`;

/** An empty value before a list drops the items that systemd has collected from other files. */
function textOf({ values = {}, ...args }: Arguments): string {
  const lines = Object.entries(values).flatMap(([key, value]) =>
    Array.isArray(value) ? [`${key}=`, `${key}=${plain(value)}`] : [`${key}=${plain(value)}`],
  );
  return [`[${sectionOf(args)}]`, ...lines, ''].join('\n');
}

/** The lines of all files in the order in which systemd reads them, with a line `# PATH` before those of each file. */
const allFiles = (name: string) =>
  `systemd-analyze cat-config systemd/${name}.conf 2>/dev/null | grep -E '^# /.*\\.conf$|^[^#;]'`;
const placesOf = (name: string) => [
  ...['/etc', '/run', '/usr/local/lib', '/usr/lib'].map(at => `${at}/systemd/${name}.conf.d`),
  'packages',
];

/** Prints the declared settings whose names the program of the daemon contains, or the library of the service manager. */
const knownKeys = ({ name, values = {} }: Arguments) =>
  `grep -ahowE ${shellQuote(Object.keys(values).join('|'))} ${readerOf(name)}${name === 'system' ? ' /usr/lib/*/systemd/libsystemd-core-*.so' : ''} 2>/dev/null | sort -u`;

/** Returns the first declared setting to which a file that systemd reads later gives another value. */
function winner(config: string, args: Arguments) {
  const own = fileOf(args);
  let [file, section] = ['', ''];
  const later = new Map<string, { file: string; value: string }>();
  for (const line of config.split('\n')) {
    const [, at] = /^# (\/\S+\.conf)$/.exec(line) ?? [];
    if (at !== undefined) [file, section] = [at, ''];
    section = /^\s*\[(.*)\]/.exec(line)?.[1] ?? section;
    const [, key, value = ''] = /^\s*([A-Za-z0-9]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    const isLater = posix.dirname(file).endsWith('.d') && posix.basename(file) > posix.basename(own);
    if (key !== undefined && isLater && section === sectionOf(args)) later.set(key, { file, value });
  }
  const other = Object.entries(args.values ?? {}).find(([key, value]) => {
    const found = later.get(key);
    return found !== undefined && meaning(found.value) !== meaning(plain(value));
  });
  return other && { key: other[0], ...later.get(other[0])! };
}

const meaning = (value: string) =>
  value
    .toLowerCase()
    .replace(/^(true|on|y|t|1)$/, 'yes')
    .replace(/^(false|off|n|f|0)$/, 'no');

function restart(args: Arguments): RunStep {
  if (args.name === 'system') {
    const command = ['systemctl', 'daemon-reexec'];
    return { do: 'run', command, undo: { after: command }, touches: [{ kind: 'daemon-reload' }] };
  }
  const unit = `systemd-${args.name}.service`;
  const again = ['systemctl', 'try-restart', '--', unit];
  return {
    do: 'run',
    label: `systemctl try-restart ${unit}`,
    command: filled(restartScript, { unit, file: shellQuote(fileOf(args)) }),
    undo: { after: again },
    touches: [],
  };
}
const restartScript = scriptBeside(import.meta.url, './systemd-config-restart.sh');
