import { posix } from 'node:path';
import type { Obstacle } from '../engine/module.ts';
import { accountName, fileMode, flag, listOf, oneOf, text, whole } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { account, command, Missing, type PathState, path, program } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import { type Conditional, compact } from '../engine/util/defined.ts';

const size = { type: ['string', 'integer'], pattern: '^\\d+[kMG]?$' } as const;
const script = (when: string) => text(`Script for \`sh\` that runs ${when}.`, { minLength: 1 });

const args = {
  name: text('Name of the file in /etc/logrotate.d.', { pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' }),
  paths: listOf({ type: 'string', pattern: '^/[^"\\n]*$' }, 'Log files, by path or glob.', { minItems: 1 }),
  every: oneOf(['daily', 'weekly', 'monthly', 'yearly'], 'How often the logs are rotated.'),
  keep: whole('Number of old logs that are kept.', { minimum: 0 }),
  max_size: {
    ...size,
    description: 'Size from which a log is rotated earlier, at the next daily run, e.g. `100M`.',
  },
  min_size: { ...size, description: 'Size below which a log is not rotated, e.g. `1k`.' },
  compress: flag('Whether old logs are compressed.'),
  delay_compress: flag('Whether the newest old log stays uncompressed.'),
  copy_truncate: flag(
    'Whether the log is copied and emptied, for a program that cannot reopen it. Lines written meanwhile are lost.',
  ),
  missing_ok: flag(
    'Whether a log may be missing. With `false`, a path or glob without a file is an obstacle.',
    {
      default: true,
    },
  ),
  if_empty: flag('Whether an empty log is rotated, too.'),
  date_ext: flag('Whether old logs have the date in their name instead of a number.'),
  create: {
    type: 'object',
    properties: { mode: fileMode, owner: accountName, group: accountName },
    required: ['mode', 'owner', 'group'],
    additionalProperties: false,
    description: 'Mode, owner and group of the new log.',
  },
  su: {
    type: 'object',
    properties: { user: accountName, group: accountName },
    required: ['user', 'group'],
    additionalProperties: false,
    description: 'Account and group that rotate the logs, for a folder that others than root can write to.',
  },
  prerotate: script('before a rotation'),
  postrotate: script('after a rotation, e.g. `systemctl kill -s HUP app.service`'),
  shared_scripts: flag('Whether the scripts run once for all logs.'),
  extra: listOf(
    { type: 'string', pattern: '^[a-z][^\\n{}]*$' },
    'Further directives of logrotate, one a line.',
  ),
} as const;
type Arguments = Given<typeof args, 'name'>;

export const logrotate = defineModule({
  name: 'logrotate',
  summary: 'The rotation of log files, in a file of /etc/logrotate.d.',
  args,
  required: ['name'],
  absent: 'removes the file',
  examples: {
    'The logs of an application': {
      name: 'app',
      paths: ['/var/log/app/*.log'],
      every: 'daily',
      keep: 14,
      compress: true,
      delay_compress: true,
      postrotate: 'systemctl kill -s HUP app.service',
    },
    'A folder of another account': {
      name: 'shop',
      paths: ['/srv/shop/log/shop.log'],
      every: 'weekly',
      keep: 4,
      su: { user: 'www-data', group: 'www-data' },
      create: { mode: '0640', owner: 'www-data', group: 'www-data' },
    },
    'The file is removed': { name: 'old-app', state: 'absent' },
  },
  identity: ({ name }) => name,
  refine: args => [
    nameRefusal(args),
    (args.paths === undefined || args.every === undefined || args.keep === undefined) && {
      says: 'Give paths, every and keep.',
    },
    (['prerotate', 'postrotate'] as const)
      .filter(at => /^\s*(endscript|endrotate)\s*$/m.test(args[at] ?? ''))
      .map(at => ({ at, says: 'The script ends at a line `endscript`. Leave the line out.' })),
    args.copy_truncate &&
      args.create !== undefined && {
        at: 'create',
        says: 'With copy_truncate, there is no new log to create.',
      },
    args.delay_compress &&
      args.compress === false && { at: 'delay_compress', says: 'Only compressed logs take delay_compress.' },
  ],
  file: args => ({ path: fileOf(args.name), content: textOf(args), validate: 'logrotate -d %s' }),
  probes: args => ({
    logrotate: program('logrotate'),
    // The files as they are before the play. A file that an earlier resource changes is only a doubt.
    others: command(rotatedLogs, { about: [] }),
    needsOthers: command(rotatedLogs, { about: ['/etc/logrotate.d', 'packages'] }),
    needsLogs: args.missing_ok
      ? undefined
      : command(missingLogs(args.paths ?? []), { about: (args.paths ?? []).map(stem) }),
    ...Object.fromEntries([...foldersOf(args.paths ?? [])].map(at => [`needs ${at}`, path(at)])),
    ...Object.fromEntries(accountsOf(args).map(([as, one]) => [`needs ${as} ${one}`, account(as, one)])),
  }),
  actual: ({ logrotate, others }, args) =>
    logrotate === null
      ? Missing.fromPackages('logrotate', 'logrotate')
      : rotator(others.stdout, args, earlier(others.stdout, args)),
  desired: (args, read) => rotator(read?.others.stdout, args, fileOf(args.name)) ?? {},
  removal: { refine: args => [nameRefusal(args)] },
  obstacles: (args, read, { kind }) => {
    if (kind === 'remove') return [];
    const other = earlier((read.needsOthers ?? read.others).stdout, args);
    const [lacking] = read.needsLogs?.stdout.split('\n').filter(Boolean) ?? [];
    return [
      other !== undefined && {
        says: `${other} rotates the same log, and logrotate would ignore ${fileOf(args.name)}: it reads that file first.`,
        fix: 'Remove the other file in an earlier resource, or give this file its name.',
        unsure: !read.needsOthers,
      },
      ...accountsOf(args).map(
        ([as, one]) =>
          read[`needs ${as} ${one}`] === null && {
            says: `There is no ${as === 'passwd' ? 'account' : 'group'} ${one} on the host: logrotate would ignore the file.`,
            fix: 'Create it in an earlier resource.',
          },
      ),
      lacking !== undefined && {
        says: `Nothing matches ${lacking} yet, and logrotate fails at each run for a log that is missing.`,
        fix: 'Check the path, or leave out missing_ok.',
        unsure: true,
      },
      args.su === undefined &&
        compact(
          [...foldersOf(args.paths ?? [])].map(at => writable(at, read[`needs ${at}`] as PathState | null)),
        ),
    ];
  },
  claims: ({ name, paths = [] }) =>
    Object.fromEntries(paths.map(each => [`the file that rotates ${each}`, name])),
});

const fileOf = (name: string) => `/etc/logrotate.d/${name}`;

const nameRefusal = ({ name }: Arguments) =>
  ignored.test(name) && { at: 'name', says: `Logrotate ignores ${name}, because of the end of its name.` };

/** The endings of names that logrotate ignores: its directive `tabooext`. */
const ignored =
  /\.(bak|cfsaved|disabled|dpkg-[a-z]+|new|old|orig|rej|rhn-cfg-tmp-.*|rpm[a-z]+|swp|ucf-[a-z]+|v)$/;

const foldersOf = (paths: readonly string[]) =>
  new Set(paths.map(each => posix.dirname(each)).filter(each => !/[*?[{]/.test(each)));

const accountsOf = ({ create, su }: Arguments): ['passwd' | 'group', string][] => [
  ...[create?.owner, su?.user].flatMap(each => (each ? [['passwd', each] as ['passwd', string]] : [])),
  ...[create?.group, su?.group].flatMap(each => (each ? [['group', each] as ['group', string]] : [])),
];

/** Returns the obstacle of a folder in which logrotate rotates nothing as root. */
function writable(at: string, folder: PathState | null | undefined): Obstacle | undefined {
  if (folder?.type !== 'directory') return undefined;
  const digits = folder.mode.slice(-3);
  const isOpen = /[2367]$/.test(digits) || (/^.[2367]/.test(digits) && folder.group !== 'root');
  return isOpen
    ? {
        says: `Logrotate rotates nothing in ${at}, which others than root can write to (${folder.owner}:${folder.group}, mode ${folder.mode}), without su.`,
        fix: `Give su, such as\n    su: { user: ${folder.owner}, group: ${folder.group} }`,
      }
    : undefined;
}

function textOf(args: Arguments): string {
  const { paths = [], every, keep, max_size, min_size, create, su, extra = [] } = args;
  const one = (is: boolean | undefined, yes: string, no = `no${yes}`) => is !== undefined && (is ? yes : no);
  const block = (when: 'prerotate' | 'postrotate') => {
    const lines = args[when]?.trimEnd().split('\n') ?? [];
    return lines.length > 0 && [when, ...lines.map(line => `  ${line}`), 'endscript'];
  };
  const lines: Conditional<string> = [
    every,
    `rotate ${keep}`,
    max_size !== undefined && `maxsize ${max_size}`,
    min_size !== undefined && `minsize ${min_size}`,
    one(args.compress, 'compress'),
    one(args.delay_compress, 'delaycompress'),
    one(args.copy_truncate, 'copytruncate'),
    one(args.missing_ok, 'missingok'),
    one(args.if_empty, 'ifempty', 'notifempty'),
    one(args.date_ext, 'dateext'),
    create && `create ${create.mode} ${create.owner} ${create.group}`,
    su && `su ${su.user} ${su.group}`,
    one(args.shared_scripts, 'sharedscripts'),
    extra,
    block('prerotate'),
    block('postrotate'),
  ];
  const logs = paths.map(each => (/[\s{}#]/.test(each) ? `"${each}"` : each));
  return [`${logs.join('\n')} {`, ...compact<string>(lines).map(line => `  ${line}`), '}', ''].join('\n');
}

/** Returns the folder above the first part of a path with a wildcard. */
const stem = (at: string) => posix.dirname(at.replace(/[*?[{].*$/, 'x'));

/** Returns shell that prints each path or glob that nothing matches. */
const missingLogs = (paths: readonly string[]) =>
  paths
    .map(each => {
      const glob = each.replace(/[^\w./*?[\]-]/g, '\\$&');
      return `set -- ${glob}; [ -e "$1" ] || printf '%s\\n' ${shellQuote(each)}`;
    })
    .concat(':')
    .join('; ');

/** The lines of all files that begin with a log, each as `FILE:LINE`. */
const rotatedLogs = `grep -sHE '^[[:space:]]*"?/' /etc/logrotate.d/*`;

/** Returns a key for the file that rotates the logs, only if it is another one, and otherwise null. */
const rotator = (lines: string | undefined, args: Arguments, file: string | undefined) =>
  lines !== undefined && earlier(lines, args) !== undefined ? { rotated_by: file } : null;

/** Returns the first file that logrotate reads before this one and that rotates one of its logs. */
function earlier(lines: string, { name, paths = [] }: Arguments): string | undefined {
  const found = lines.split('\n').filter(line => {
    const at = posix.basename(line.split(':')[0]!);
    const logs = [...line.slice(line.indexOf(':') + 1).matchAll(/"([^"]+)"|(\/[^\s"{]+)/g)].map(
      ([, one, other]) => one ?? other!,
    );
    return at < name && !ignored.test(at) && logs.some(log => paths.some(each => overlap(log, each)));
  });
  return found.map(line => line.split(':')[0]!).sort()[0];
}

/** Whether two paths are equal, or one is a glob that the other fits. */
const overlap = (one: string, other: string): boolean =>
  one === other || globOf(one).test(other) || globOf(other).test(one);

const globOf = (glob: string) =>
  new RegExp(
    `^${glob
      .replace(/[.+^$()|{}\\]/g, '\\$&')
      .replace(/\*/g, '[^/]*')
      .replace(/\?/g, '[^/]')}$`,
  );
