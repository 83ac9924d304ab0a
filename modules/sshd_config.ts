import { text } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import {
  type CommandResult,
  type Content,
  command,
  Missing,
  owed,
  path,
  readOnly,
  unit,
} from '../engine/probe.ts';
import { glob } from '../engine/quote.ts';
import type { RunStep } from '../engine/step.ts';
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
      'Settings by the keywords of sshd_config. `true` is `yes`; a list gives its items, as for `AllowUsers` and `Port`.',
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
    ssh: command(asking(name, settings), {
      about: ['package:openssh*', '/etc/ssh/sshd_config', '/etc/ssh/sshd_config.d'],
    }),
    owed: owed(noteOf(name)),
    ...(isMoved(settings) && {
      needsSocket: unit('ssh.socket'),
      needsGenerator: path('/usr/lib/systemd/system-generators/sshd-socket-generator'),
      needsListening: command(listening, { about: ['units', '/etc/systemd/system'] }),
    }),
  }),
  actual({ ssh, owed }, { settings }) {
    if (ssh.exit === 3) return Missing.fromPackages('sshd', 'openssh-server');
    return { ...inForce(ssh, 'now', settings), loaded: owed.length === 0 };
  },
  desired: ({ settings }, read) => ({ ...(read && inForce(read.ssh, 'own', settings)), loaded: true }),
  obstacles({ name, settings = {} }, { ssh, ...read }, diff, { login, loginKey }) {
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
      read.needsGenerator === null &&
        read.needsListening &&
        read.needsSocket?.['ActiveState'] === 'active' &&
        deaf(settings, read.needsListening.stdout),
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
  owes: ({ name, settings }, read) => ({
    unit: noteOf(name),
    action: 'reload',
    steps: [loading(settings, read['ownContent'] as Content | null)],
  }),
});

const fileOf = (name: string) => `/etc/ssh/sshd_config.d/00-${name}.conf`;
const noteOf = (name: string) => `sshd_config ${name}`;
const keysOf = (settings: Settings = {}) => Object.keys(settings).map(key => key.toLowerCase());
/** Keywords that take one value a line. */
const repeated = ['hostkey', 'listenaddress', 'port'];
const textOf = (settings: Settings = {}) =>
  Object.entries(settings)
    .flatMap(([key, value]) => {
      const values = Array.isArray(value) && repeated.includes(key.toLowerCase()) ? value : [value];
      return values.map(each => `${key} ${plain(each)}\n`);
    })
    .join('');

const asking = (name: string, settings: Settings | undefined) =>
  readOnly +
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

const isMoved = (settings: Settings | undefined) =>
  keysOf(settings).some(key => ['port', 'listenaddress'].includes(key));

const listening = 'systemctl show -p Listen ssh.socket';

/** Returns the obstacle of a port or an address that ssh.socket does not open. Only Ubuntu's has a generator that reads sshd_config. */
function deaf(settings: Settings, listen: string) {
  const valuesOf = (word: string) =>
    Object.entries(settings).flatMap(([key, value]) =>
      key.toLowerCase() === word ? [value].flat().map(String) : [],
    );
  const open = [...listen.matchAll(/^Listen=(\S+):(\d+) /gm)];
  const ports = valuesOf('port').filter(port => !open.some(each => each[2] === port));
  const addresses = valuesOf('listenaddress').filter(
    address => !open.some(([, at, port]) => [at, `${at}:${port}`].includes(address)),
  );
  const [first] = [...ports, ...addresses];
  return (
    first !== undefined && {
      says: `ssh.socket opens the ports of SSH on this host and does not read sshd_config, so it would not open ${first}.`,
      fix: `Tell it in earlier resources, with\n    directory: { path: /etc/systemd/system/ssh.socket.d }\n    file: { path: /etc/systemd/system/ssh.socket.d/ports.conf, content: "[Socket]\\nListenStream=\\nListenStream=${first}\\n" }`,
    }
  );
}

/** Loads the configuration. A port that the old file or the new one sets is opened or closed by the socket, if there is one. */
function loading(settings: Settings | undefined, old: Content | null): RunStep {
  const isOpened = isMoved(settings) || /^(port|listenaddress)\s/im.test(String(old?.bytes ?? ''));
  const command = withVariables(loadScript, { s_moved: isOpened ? 'yes' : '' });
  return {
    do: 'run',
    label: `systemctl reload ssh${isOpened ? ', and restart its socket if it has one' : ''}`,
    command,
    undo: { after: ['sh', '-c', command] },
    touches: [],
  };
}
const loadScript = scriptBeside(import.meta.url, './sshd-load.sh');
