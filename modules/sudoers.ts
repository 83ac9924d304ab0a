import { anyOf, flag, listOf, text } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import {
  type CommandResult,
  command,
  Missing,
  program,
  type UserState,
  user as userProbe,
} from '../engine/probe.ts';
import { allRules, includes, winner } from './_sudoers-rules.ts';

const word = { type: 'string', pattern: '^[^\\s!=:,()"\\\\]+$' } as const;
const scalar = { type: ['string', 'integer', 'boolean'] } as const;

const args = {
  name: text('Name of the file in /etc/sudoers.d. Sudo reads the files in the order of their names.', {
    pattern: '^[^/\\s]+$',
  }),
  user: { ...word, description: 'Account that may run the commands; `ALL` for every account.' },
  group: { ...word, description: 'Group whose members may run the commands.' },
  hosts: listOf(word, 'Hosts on which the rule holds.', { minItems: 1, default: ['ALL'] }),
  run_as: text('Account as which the commands run, `ACCOUNT:GROUP`, or `ALL`.', {
    pattern: '^[^\\s!=:,()"\\\\]+(:[^\\s!=:,()"\\\\]+)?$',
    default: 'root',
  }),
  commands: listOf(
    { type: 'string', pattern: '^[^\\n]*[^\\s\\\\]$' },
    'Commands by full path, with their arguments, or `ALL`. A path alone allows any arguments; `""` behind it allows none.',
    { minItems: 1 },
  ),
  nopasswd: flag('Whether sudo asks for no password.', { default: false }),
  setenv: flag('Whether the caller may set environment variables.'),
  noexec: flag('Whether sudo keeps the commands from running further programs.'),
  defaults: {
    type: 'object',
    propertyNames: { pattern: '^[a-z_]+$' },
    additionalProperties: anyOf([scalar, { type: 'array', items: { type: 'string' }, minItems: 1 }], ''),
    description:
      'Settings of sudo for the user or group, or without them for everybody. A list adds its items to the setting.',
  },
} as const;
type Arguments = Given<typeof args, 'name'>;

export const sudoers = defineModule({
  name: 'sudoers',
  summary:
    'A file in /etc/sudoers.d: commands that an account or group may run with sudo, and settings of sudo.',
  args,
  required: ['name'],
  absent: 'removes the file',
  examples: {
    'An account that restarts a service': {
      name: 'deploy',
      user: 'deploy',
      commands: ['/usr/bin/systemctl restart app.service', '/usr/bin/systemctl status app.service'],
      nopasswd: true,
    },
    'Members of a group become another account': {
      name: 'dba',
      group: 'dba',
      run_as: 'postgres',
      commands: ['ALL'],
    },
    'Settings for everybody': { name: 'timeout', defaults: { timestamp_timeout: 5, env_keep: ['EDITOR'] } },
    'The file is removed': { name: 'old-admins', state: 'absent' },
  },
  alternatives: { user: ['user'], group: ['group'] },
  together: ['A rule has commands, and user or group; a file with defaults alone has neither.'],
  identity: ({ name }) => name,
  refine: args => [
    nameRefusal(args.name),
    args.commands === undefined && args.defaults === undefined && { says: 'Give commands or defaults.' },
    args.commands !== undefined &&
      subjectOf(args) === undefined && { at: 'commands', says: 'Commands need a user or a group.' },
    args.commands
      ?.filter(each => !/^!*(sha\d+:\S+ +)*!*(\/|\^\/|ALL$|sudoedit( |$)|[A-Z][A-Z0-9_]*$)/.test(each))
      .map(each => ({ at: 'commands', says: `Sudo needs the full path of ${each.split(' ')[0]}.` })),
  ],
  file: args => ({
    path: fileOf(args.name),
    content: [...settingsOf(args), ...ruleOf(args), ''].join('\n'),
    mode: '0440',
    validate: 'visudo -cf %s',
    by: ['visudo', '-c'],
  }),
  probes: ({ user, nopasswd, commands = [] }) => ({
    visudo: program('visudo'),
    // The files as they are before the play. A file that an earlier resource changes is only a doubt.
    rules: command(allRules, { about: [] }),
    needsRules: command(allRules, { about: ['/etc/sudoers', '/etc/sudoers.d', 'package:sudo*'] }),
    needsRun: !nopasswd && commands.includes('ALL') ? command(groupsOfRun, { about: [] }) : undefined,
    needsKind: commands.some(hasWildcard)
      ? command('visudo --version 2>&1', { about: ['packages'] })
      : undefined,
    perhapsAccount: user === undefined || user === 'ALL' ? undefined : userProbe(user),
  }),
  actual(read, args) {
    if (read.visudo === null) return Missing.fromPackages('sudo', 'sudo', 'sudo-rs', 'sudo-ldap');
    const decider = deciderIn(read, args);
    return decision(decider, decider);
  },
  desired: (args, read) => (read && decision(deciderIn(read, args), fileOf(args.name))) ?? {},
  removal: { refine: ({ name }) => [nameRefusal(name)] },
  obstacles: (args, read, { kind }, { login, becomePassword }) => {
    if (kind === 'remove') return [];
    const { rules, needsRules } = read;
    const { stdout } = needsRules ?? rules;
    const decider = deciderIn({ ...read, rules: needsRules ?? rules }, args);
    const groups = read.needsRun?.stdout.split(/\s+/).filter(Boolean) ?? [];
    const isOfRun =
      groups.length > 0 && (['ALL', login].includes(args.user) || groups.includes(args.group ?? ''));
    const shutsOut = isOfRun && login !== undefined && !becomePassword && /\b(ALL|root)\b/.test(args.run_as);
    return [
      shutsOut &&
        winner(stdout, ruleIn(args, login), () => groups) === undefined && {
          says: `This run becomes root by sudo as ${login}, who would need a password from then on.`,
          fix: 'Set nopasswd: true, or give the run a password, with --ask-become-pass or in the inventory.',
          unsure: !needsRules,
        },
      stdout !== '' &&
        !includes.test(stdout) && {
          says: '/etc/sudoers does not include /etc/sudoers.d, so the file would have no effect.',
          fix: 'Add the line `@includedir /etc/sudoers.d` in an earlier resource.',
          unsure: !needsRules,
        },
      read.needsKind !== undefined &&
        !read.needsKind.stdout.includes('grammar') && {
          says: `The host has sudo-rs, which takes a wildcard in the arguments of a command as it is written: ${args.commands!.find(hasWildcard)}`,
          fix: 'List the commands, or write a script that checks its arguments.',
        },
      decider !== undefined && {
        says: `${decider} decides otherwise whether ${subjectOf(args)} needs a password: sudo reads it after ${fileOf(args.name)}.`,
        fix: 'Give this file a later name, or change the other rule in an earlier resource.',
        unsure: !needsRules,
      },
    ];
  },
  claims: args =>
    Object.fromEntries(
      (args.commands ?? []).map(each => [
        `whether ${subjectOf(args)} needs a password for ${each} as ${args.run_as}`,
        args.nopasswd ? 'no' : 'yes',
      ]),
    ),
});

/** Prints the groups of the account that became root by sudo, or nothing if the run became root otherwise. */
const groupsOfRun = '[ -z "${SUDO_USER-}" ] || id -Gn "$SUDO_USER"';

const fileOf = (name: string) => `/etc/sudoers.d/${name}`;

/** Whether a command has a wildcard in its arguments. */
const hasWildcard = (each: string) => /\s.*(?<!\\)[*?[]/.test(each);

const nameRefusal = (name: string) =>
  /\.|~$/.test(name) && {
    at: 'name',
    says: `Sudo ignores ${name}, as every file in /etc/sudoers.d with a dot in its name or ~ at its end.`,
  };

const subjectOf = ({ user, group }: Arguments) => user ?? (group && `%${group}`);

/** In a command, sudo reads some characters as its own syntax unless a backslash stands before them. */
function escaped(each: string): string {
  const [, digests, rest = each] = /^((?:!*sha\d+:\S+ +)*)([^^].*)$/.exec(each) ?? [];
  return `${digests ?? ''}${rest.startsWith('^') ? rest : rest.replace(/(?<!\\)[,:=#]/g, '\\$&')}`;
}

function ruleOf(args: Arguments): string[] {
  const { hosts, run_as, commands, nopasswd, setenv, noexec } = args;
  if (commands === undefined) return [];
  const tag = (name: string, isOn: boolean | undefined, off = `NO${name}: `) =>
    isOn === undefined ? '' : isOn ? `${name}: ` : off;
  const tags =
    tag('NOPASSWD', nopasswd, 'PASSWD: ') + tag('SETENV', setenv) + tag('NOEXEC', noexec, 'EXEC: ');
  return [`${subjectOf(args)} ${hosts.join(', ')}=(${run_as}) ${tags}${commands.map(escaped).join(', ')}`];
}

function settingsOf(args: Arguments): string[] {
  const subject = subjectOf(args);
  const scope = subject === undefined || subject === 'ALL' ? 'Defaults' : `Defaults:${subject}`;
  const quoted = (value: string | number) => `"${String(value).replace(/["\\]/g, '\\$&')}"`;
  return Object.entries(args.defaults ?? {}).map(([name, value]) => {
    if (typeof value === 'boolean') return `${scope} ${value ? '' : '!'}${name}`;
    return `${scope} ${name} ${Array.isArray(value) ? `+= ${quoted(value.join(' '))}` : `= ${quoted(value as string)}`}`;
  });
}

/** Returns a key for the file that decides, only if it is another one, and otherwise null. */
const decision = (decider: string | undefined, file: string | undefined) =>
  decider === undefined ? null : { decides: file };

const ruleIn = ({ name, hosts, run_as: runAs, commands = [], nopasswd }: Arguments, subject: string) => ({
  ...{ file: fileOf(name), subject, hosts, runAs, nopasswd },
  commands: commands.map(escaped),
});

/** Returns the file that decides otherwise than this one whether its commands need a password. */
function deciderIn(
  read: { rules: CommandResult; perhapsAccount?: UserState | null | undefined },
  args: Arguments,
): string | undefined {
  const subject = subjectOf(args);
  if (args.commands === undefined || subject === undefined) return undefined;
  return winner(read.rules.stdout, ruleIn(args, subject), () => {
    const account = read.perhapsAccount;
    return account ? [account.group, ...account.groups] : [];
  });
}
