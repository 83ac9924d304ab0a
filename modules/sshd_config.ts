import { text } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { type CommandResult, command, Missing, owed, type UnitState, unit } from '../engine/probe.ts';
import { glob } from '../engine/quote.ts';
import type { RunStep } from '../engine/step.ts';
import { compact } from '../engine/util/defined.ts';
import { scriptBeside, withVariables } from '../engine/util/text-beside.ts';
import { hasLineBreak, plain, type Settings, settingsMap } from './_settings.ts';

const script = scriptBeside(import.meta.url, './sshd-config.sh');

/** Settings of sshd, compared as sshd itself understands them. */
export const sshd_config = defineModule({
  name: 'sshd_config',
  summary: 'Settings of the SSH server, in a file of /etc/ssh/sshd_config.d that wins over the others.',
  args: {
    name: text('Name of the file without `.conf`; it begins with `00-`, so that sshd reads it first.', {
      pattern: '^[A-Za-z0-9_-]+$',
      default: 'reconcile',
    }),
    settings: settingsMap(
      'Settings by the keywords of sshd_config. `true` is `yes`; a list gives its items, as for `AllowUsers`.',
      '^[A-Za-z][A-Za-z0-9]*$',
      true,
    ),
  },
  absent: 'removes the file',
  examples: {
    'Keys only, and no login of root': {
      settings: {
        PasswordAuthentication: false,
        KbdInteractiveAuthentication: false,
        PermitRootLogin: false,
      },
    },
    'Accounts that may log in': { name: 'accounts', settings: { AllowUsers: ['deploy', 'backup'] } },
    'No settings of our own': { state: 'absent' },
  },
  identity: ({ name }) => name,
  refine: ({ settings }) => [
    settings === undefined && { says: 'Give the settings.' },
    ...['match', 'include'].map(
      word =>
        keysOf(settings).includes(word) && {
          at: 'settings',
          says: `${word} is no setting: write it with \`file\`.`,
        },
    ),
    Object.values(settings ?? {}).some(hasLineBreak) && {
      at: 'settings',
      says: 'A value has a line break.',
    },
  ],
  file: ({ name, settings }) => ({ path: fileOf(name), content: textOf(settings), mode: '0600' }),
  probes: ({ name, settings }) => ({
    ssh: command(asking(name, settings), { about: ['package:openssh*', '/etc/ssh'] }),
    owed: owed(noteOf(name)),
    perhapsSocket: unit('ssh.socket'),
  }),
  actual({ ssh, owed }, { settings }) {
    if (ssh.exit === 3) return Missing.fromPackages('sshd', 'openssh-server');
    return { ...inForce(ssh, 'now', settings), loaded: owed.length === 0 };
  },
  desired: ({ settings }, read) => ({ ...(read && inForce(read.ssh, 'own', settings)), loaded: true }),
  obstacles({ name, settings = {} }, { ssh }, diff, { login, loginKey }) {
    if (diff.kind === 'remove') return [];
    const lines = ssh.stdout.split('\n');
    const wrong = lines.flatMap(line => /^wrong \/dev\/stdin:? line \d+: (.*?)\.?$/.exec(line)?.[1] ?? []);
    const allowed = [settings['AllowUsers'] ?? []].flat().map(String);
    return [
      ssh.exit === 4 && {
        says: `sshd does not accept the present configuration: ${lines[0]}`,
        fix: 'Correct the named file in an earlier resource.',
      },
      ...wrong.map(says => ({
        says: `The host's sshd refuses the settings: ${says}.`,
        fix: 'Correct the setting; `man sshd_config` lists all.',
      })),
      ...lines.map(line => overruled(line, name, diff)),
      settings['PubkeyAuthentication'] === false &&
        loginKey !== undefined && {
          says: `This run logs in with a key, which PubkeyAuthentication no would refuse.`,
          always: true,
        },
      login !== undefined &&
        allowed.length > 0 &&
        !allowed.some(pattern => /[@?!]/.test(pattern) || glob(pattern).test(login)) && {
          says: `This run logs in as ${login}, whom AllowUsers would refuse.`,
          fix: `Add ${login} to AllowUsers, or log in with another account.`,
          always: true,
        },
      login === 'root' &&
        settings['PermitRootLogin'] === false && {
          says: 'This run logs in as root, whom PermitRootLogin no would refuse.',
          fix: 'Log in with another account and `become: true`.',
          always: true,
        },
    ];
  },
  claims: ({ settings = {} }) =>
    Object.fromEntries(
      Object.entries(settings)
        .filter(([key]) => !additive.includes(key.toLowerCase()))
        .map(([key, value]) => [`the setting ${key.toLowerCase()} of sshd`, plain(value)]),
    ),
  owes: ({ name, settings }, { perhapsSocket }) => ({
    unit: noteOf(name),
    action: 'reload',
    steps: [loading(settings, perhapsSocket)],
  }),
});

const fileOf = (name: string) => `/etc/ssh/sshd_config.d/00-${name}.conf`;
const noteOf = (name: string) => `sshd_config ${name}`;
const keysOf = (settings: Settings = {}) => Object.keys(settings).map(key => key.toLowerCase());
const textOf = (settings: Settings = {}) =>
  Object.entries(settings)
    .map(([key, value]) => `${key} ${plain(value)}\n`)
    .join('');

const asking = (name: string, settings: Settings | undefined) =>
  withVariables(script, {
    s_keys: keysOf(settings).join('|') || 'none',
    s_text: textOf(settings),
    s_file: fileOf(name),
  });

/** Keywords of which each file adds values. */
const additive = ['acceptenv', 'setenv', 'subsystem', 'hostkey'];
/** Keywords of which sshd takes the values of all files, which can admit more than one of them declares. */
const collected = ['allowgroups', 'allowusers', 'denygroups', 'denyusers', 'listenaddress', 'port'];

/** Returns the values of the declared keywords in sshd's own words: in its present configuration, or in our text alone. */
function inForce({ stdout }: CommandResult, which: 'now' | 'own', settings: Settings = {}) {
  const valuesOf = (kind: string, key: string) =>
    stdout.split('\n').flatMap(line => {
      const [, found, word, value = ''] = /^(\w+) (\S+)(?: (.*))?$/.exec(line) ?? [];
      return found === kind && word === key ? [value] : [];
    });
  return Object.fromEntries(
    Object.keys(settings).map(key => {
      const word = key.toLowerCase();
      const own = valuesOf('own', word);
      const all = valuesOf(which, word).filter(value => !additive.includes(word) || own.includes(value));
      return [key, all.length > 0 ? [...new Set(all)].toSorted().join(' ') : undefined];
    }),
  );
}

/** Returns the obstacle of a line of another file that keeps a setting from its value. */
function overruled(
  line: string,
  name: string,
  diff: { has(key: string): boolean; changes: readonly { key: string }[] },
) {
  const [, place, file, word, value] = /^(earlier|later) (\S+) (\S+) (.*)$/.exec(line) ?? [];
  if (word === 'include')
    return {
      says: '/etc/ssh/sshd_config does not include the files of /etc/ssh/sshd_config.d.',
      fix: 'Add the line `Include /etc/ssh/sshd_config.d/*.conf` at its beginning, with a `file` before this resource.',
    };
  const isOurs = diff.changes.some(({ key }) => key.toLowerCase() === word);
  if (!isOurs || word === undefined || !(place === 'earlier' || collected.includes(word))) return undefined;
  return {
    says: collected.includes(word)
      ? `${file} adds ${word} ${value}: sshd takes the values of all files.`
      : `${file} sets ${word} to ${value} and wins: sshd reads it before ${fileOf(name)}.`,
    fix: 'Take the line out of that file in an earlier resource.',
  };
}

/** Loads the configuration. A socket opens its ports anew; a service that its socket starts reads its files each time. */
function loading(settings: Settings | undefined, socket: UnitState): RunStep {
  const isMoved = keysOf(settings).some(key => ['port', 'listenaddress'].includes(key));
  const command = compact([
    isMoved &&
      socket['ActiveState'] === 'active' &&
      'systemctl daemon-reload && systemctl restart ssh.socket',
    'if systemctl -q is-active ssh.service; then systemctl reload ssh.service; fi',
  ]).join(' && ');
  return {
    do: 'run',
    label: 'systemctl reload ssh',
    command,
    undo: { after: ['sh', '-c', command] },
    touches: [],
  };
}
