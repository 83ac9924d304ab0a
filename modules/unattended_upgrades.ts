import { flag, listOf, oneOf, text, whole } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { textOf as textState } from '../engine/module-kit/state-text.ts';
import { type CommandResult, type Content, command, Missing, program, unit } from '../engine/probe.ts';

const args = {
  enabled: flag('Whether upgrades are installed.', { default: true }),
  every: whole('Days between two runs.', { minimum: 1, default: 1 }),
  origins: listOf(
    { type: 'string', pattern: '^(security|stable|[^"\\\\\\n]+=[^"\\\\\\n]*)$' },
    'Sources of the upgrades: `security` or `stable` of Debian or Ubuntu, or patterns such as `origin=Docker,label=Docker CE`. They replace those of all other files.',
    { minItems: 1 },
  ),
  exclude: listOf(
    { type: 'string', pattern: '^[^"\\n]+$' },
    'Packages that are not upgraded, as regular expressions of their names. They replace those of all other files.',
  ),
  remove_unused: flag('Whether packages that are no longer needed are removed.'),
  reboot: flag('Whether the host restarts after an upgrade that needs it.'),
  reboot_time: text('Time of the restart by the clock of the host, e.g. `02:30`; it implies `reboot`.', {
    pattern: '^(([01][0-9]|2[0-3]):[0-5][0-9]|now)$',
  }),
  reboot_with_users: flag('Whether the host restarts although somebody is logged in.'),
  mail: text('Address that receives reports.', { pattern: '^[^\\s"]+$' }),
  mail_on: oneOf(['always', 'on-change', 'only-on-error'], 'The runs that are reported.'),
} as const;
type Arguments = Given<typeof args, never>;

const file = '/etc/apt/apt.conf.d/52reconcile-unattended-upgrades';

/** Upgrades by unattended-upgrades. The file follows that of the package, so that its values win. */
export const unattended_upgrades = defineModule({
  name: 'unattended_upgrades',
  summary: 'Upgrades that the host installs by itself, and the restarts and reports after them.',
  args,
  absent: 'removes the file, after which the settings of the package hold',
  examples: {
    'Security upgrades, and a restart at night': { origins: ['security'], reboot_time: '04:30' },
    'Reports of failures': {
      origins: ['security', 'stable', 'origin=Docker,label=Docker CE'],
      exclude: ['^postgresql-'],
      mail: 'root',
      mail_on: 'only-on-error',
    },
    'No upgrades': { enabled: false },
  },
  identity: () => 'host',
  refine: ({ reboot, reboot_time, reboot_with_users, mail, mail_on }) => [
    reboot === false &&
      (reboot_time ?? reboot_with_users) !== undefined && {
        at: 'reboot',
        says: 'Without a restart, it has neither a time nor conditions.',
      },
    mail_on !== undefined && mail === undefined && { at: 'mail_on', says: 'Reports need a mail address.' },
  ],
  file: args => ({ path: file, content: textOf(args) }),
  probes: ({ mail, enabled }) => ({
    program: program('unattended-upgrade'),
    // The settings as they are before the play. A file that an earlier resource changes is only a doubt.
    settings: command('apt-config dump', { about: [] }),
    needsLater: command(settingsInFiles, {
      about: ['/etc/apt/apt.conf.d', '/etc/apt/apt.conf', 'packages'],
    }),
    needsTimer: enabled ? unit('apt-daily-upgrade.timer') : undefined,
    ...(mail !== undefined && { needsMailer: command(mailers, { about: bringsMailers }) }),
  }),
  actual: ({ program, settings, ownContent }, args) => {
    if (program === null) return Missing.fromPackages('unattended-upgrades', 'unattended-upgrades');
    const wrong = overridden(settings, ownContent as Content | null, args);
    return wrong.length === 0 ? null : Object.fromEntries(wrong.map(([key, value]) => [key, value]));
  },
  desired: (args, read) => {
    const wrong = read?.settings && overridden(read.settings, read['ownContent'] as Content | null, args);
    return Object.fromEntries((wrong ?? []).map(([key, , value]) => [key, value]));
  },
  obstacles: (args, { settings, needsLater, needsTimer, needsMailer, ownContent }, { kind }) => {
    if (kind === 'remove') return [];
    const wrong = overridden(settings, ownContent as Content | null, args);
    const others = later(needsLater?.stdout ?? '', args);
    const keys = wrong.length > 0 ? wrong.map(([key]) => key) : others.map(({ key }) => key);
    const files = [...new Set(others.map(({ at }) => at))].join(' and ') || 'Another file';
    return [
      keys.length > 0 && {
        says: `${files} ${wrong.length > 0 ? 'sets' : 'may set'} ${[...new Set(keys)].join(', ')} otherwise and wins: apt reads it after ${file}.`,
        fix: 'Take the settings out of that file in an earlier resource.',
        unsure: wrong.length === 0 || !needsLater,
      },
      needsTimer?.['LoadState'] === 'masked' && {
        says: 'apt-daily-upgrade.timer is masked, so nothing would install the upgrades.',
        fix: 'Unmask it in an earlier resource, with\n    service: { name: apt-daily-upgrade.timer, masked: false, state: running }',
      },
      needsMailer?.exit === 1 && {
        says: 'The host has neither mail nor sendmail, so no report would be sent.',
        fix: 'Install one in an earlier resource, e.g. with\n    apt: { packages: [bsd-mailx] }',
        code: 'program-missing' as const,
      },
    ];
  },
});

/** Succeeds if the host has a program that sends mail. */
const mailers = '[ -x /usr/bin/mail ] || [ -x /usr/sbin/sendmail ] || exit 1';
/** The paths, and the packages of Debian that provide them. */
const bringsMailers = [
  ...['/usr/bin/mail', '/usr/sbin/sendmail', 'package:*mail*', 'package:s-nail', 'package:postfix*'],
  ...['package:exim4*', 'package:nullmailer', 'package:msmtp*', 'package:dma', 'package:opensmtpd*'],
  ...['package:ssmtp', 'package:esmtp*', 'package:citadel*', 'package:masqmail'],
];

/** The patterns of Debian's and Ubuntu's own sources. Those of the other distribution fit nothing. */
const ownOrigins: Readonly<Record<string, string[]>> = {
  security: [
    'origin=Debian,codename=${distro_codename},label=Debian-Security',
    'origin=Debian,codename=${distro_codename}-security,label=Debian-Security',
    'origin=Ubuntu,archive=${distro_codename}-security',
  ],
  stable: [
    'origin=Debian,codename=${distro_codename},label=Debian',
    'origin=Ubuntu,archive=${distro_codename}',
    'origin=Ubuntu,archive=${distro_codename}-updates',
  ],
};

type Setting = [key: string, name: string, value: string | string[]];

/** Returns the declared settings: the key of the state, the name in apt's configuration, and the value. */
function settingsOf(args: Arguments): Setting[] {
  const { enabled, every, origins, exclude, mail, mail_on, reboot_time, reboot = reboot_time && true } = args;
  const own = 'Unattended-Upgrade::';
  const all: [string, string, string | boolean | string[] | undefined][] = [
    ['enabled', 'APT::Periodic::Unattended-Upgrade', enabled ? String(every) : '0'],
    ['lists', 'APT::Periodic::Update-Package-Lists', enabled ? String(every) : undefined],
    ['origins', `${own}Origins-Pattern`, origins?.flatMap(each => ownOrigins[each] ?? each)],
    ['exclude', `${own}Package-Blacklist`, exclude && [...exclude]],
    ['remove_unused', `${own}Remove-Unused-Dependencies`, args.remove_unused],
    ['reboot', `${own}Automatic-Reboot`, reboot],
    ['reboot_time', `${own}Automatic-Reboot-Time`, reboot_time],
    ['reboot_with_users', `${own}Automatic-Reboot-WithUsers`, args.reboot_with_users],
    ['mail', `${own}Mail`, mail],
    ['mail_on', `${own}MailReport`, mail_on],
  ];
  return all.flatMap(([key, name, value]) =>
    value === undefined ? [] : [[key, name, Array.isArray(value) ? value : String(value)] as Setting],
  );
}

const textOf = (args: Arguments): string =>
  settingsOf(args)
    .flatMap(([key, name, value]) =>
      typeof value === 'string'
        ? `${name} "${value}";`
        : [
            `#clear ${name};`,
            // Ubuntu's package has its sources in another list.
            ...(key === 'origins' ? ['#clear Unattended-Upgrade::Allowed-Origins;'] : []),
            ...value.map(each => `${name}:: "${each}";`),
          ],
    )
    .map(line => `${line}\n`)
    .join('');

/** Prints the last words of the settings in apt's files, each as `FILE:WORD`. */
const settingsInFiles = `grep -soHE '((Origins-Pattern|Allowed-Origins|Package-Blacklist)|(Remove-Unused-Dependencies|Automatic-Reboot(-Time|-WithUsers)?|MailReport|Mail|Unattended-Upgrade|Update-Package-Lists)[[:space:]]*")' /etc/apt/apt.conf.d/* /etc/apt/apt.conf`;

/** Returns the files that apt reads after this one and that set one of its settings, with the key of the setting. */
function later(found: string, args: Arguments): { at: string; key: string }[] {
  const keys = new Map(settingsOf(args).map(([key, name]) => [name.replace(/.*::/, ''), key]));
  if (args.origins !== undefined) keys.set('Allowed-Origins', 'origins');
  return found.split('\n').flatMap(line => {
    const [, at = '', word = ''] =
      /^(\/etc\/apt\/apt\.conf(?:\.d\/[\w-]+(?:\.conf)?)?):([A-Za-z-]+)/.exec(line) ?? [];
    const key = keys.get(word);
    return key !== undefined && (at > file || at === '/etc/apt/apt.conf') ? [{ at, key }] : [];
  });
}

/** Returns the settings that hold otherwise than declared although the file is as declared, with both values. */
function overridden(
  dump: CommandResult,
  own: Content | null,
  args: Arguments,
): [string, string | string[], string | string[]][] {
  if (own?.sha256 !== textState(textOf(args)).sha256 || dump.exit !== 0) return [];
  const lines = [...dump.stdout.matchAll(/^(\S+) "(.*)";$/gm)];
  return settingsOf(args).flatMap(([key, name, value]) => {
    const lists = key === 'origins' ? [name, 'Unattended-Upgrade::Allowed-Origins'] : [name];
    const found =
      typeof value === 'string'
        ? (lines.find(line => line[1] === name)?.[2] ?? '')
        : lines.filter(line => lists.some(list => line[1]!.startsWith(`${list}::`))).map(line => line[2]!);
    return String(found) === String(value) ? [] : [[key, found, value]];
  });
}
