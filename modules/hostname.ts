import { flag, text } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { pathClaims } from '../engine/module-kit/path-claims.ts';
import { type Content, command, content } from '../engine/probe.ts';
import { scriptBeside } from '../engine/util/text-beside.ts';
import { mayRoot, rights } from './_rights.ts';

const file = '/etc/hostname';
const hostsFile = '/etc/hosts';
const cloudFile = '/etc/cloud/cloud.cfg.d/99-reconcile-hostname.cfg';

/** The name of the host in all places that decide about it. Only together they outlast a boot. */
export const hostname = defineModule({
  name: 'hostname',
  summary:
    'The name of the host: now, at boot, in /etc/hosts, and protected from cloud-init if that runs there.',
  args: {
    name: text('Name of the host, such as `web1`, or with its domain, `web1.example.com`.', {
      pattern: '^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$',
      maxLength: 64,
    }),
    hosts: flag(
      'Whether the line of 127.0.1.1 in /etc/hosts names the host, unless another line does. With `false`, the file is not managed.',
      { default: true },
    ),
  },
  required: ['name'],
  examples: {
    'A short name': { name: 'web1' },
    'With its domain': { name: 'web1.example.com' },
    'A host whose /etc/hosts another resource writes': { name: 'web1', hosts: false },
  },
  identity: () => file,
  refine: ({ name }) => [
    name.toLowerCase() === 'localhost' && { at: 'name', says: 'Every host is called localhost.' },
    name.split('.').some(label => label.length > 63) && {
      at: 'name',
      says: 'Each part of a name between dots has at most 63 characters.',
    },
  ],
  probes: ({ hosts }) => ({
    static: content(file),
    live: content('/proc/sys/kernel/hostname'),
    hosts: hosts ? content(hostsFile) : undefined,
    cloud: cloudInit,
    needsRight: rights,
  }),
  actual: ({ static: text, live, hosts, cloud }, { name }) => ({
    live: textOf(live).trim(),
    at_boot: staticName(text),
    hosts: hosts === undefined ? undefined : lineFor(textOf(hosts), name, []).before,
    cloud_init: cloudKeeps(cloud.stdout, hosts !== undefined),
  }),
  desired: ({ name, hosts }, read) => ({
    live: name,
    at_boot: name,
    hosts: hosts
      ? read
        ? lineFor(textOf(read.hosts), name, oldNames(read)).after
        : `127.0.1.1 ${namesFor(name)}`
      : undefined,
    cloud_init: read?.cloud.stdout ? keeps : undefined,
  }),
  obstacles: (_args, { needsRight, cloud, hosts }, diff) => {
    const winner = laterSetting(cloud.stdout, hosts !== undefined);
    return [
      diff.has('live') &&
        needsRight !== undefined &&
        !mayRoot('admin', needsRight.stdout) && {
          says: 'The name of this container cannot be changed from inside.',
          unknown: true,
        },
      winner !== undefined && {
        says: `${winner.file} sets ${winner.setting} and wins over ${cloudFile}.`,
        fix: 'Take the setting out of that file in an earlier resource.',
      },
    ];
  },
  steps: (diff, { name, hosts: isNamed }, read) => [
    diff.has('live') && {
      do: 'run',
      command: ['hostname', name],
      undo: { after: ['hostname', textOf(read.live).trim()] },
      touches: [{ kind: 'file', path: '/proc/sys/kernel/hostname', content: `${name}\n` }],
    },
    diff.has('hosts') && {
      do: 'write',
      path: hostsFile,
      content: lineFor(textOf(read.hosts), name, oldNames(read)).text,
    },
    diff.has('at_boot') && { do: 'write', path: file, content: `${name}\n` },
    diff.has('cloud_init') && { do: 'write', path: cloudFile, content: cloudText(isNamed) },
  ],
  claims: ({ name }) => pathClaims(file, 'file', {}, () => `${name}\n`),
});

const cloudInit = command(scriptBeside(import.meta.url, './hostname-cloud-init.sh'), {
  about: ['/etc/cloud', 'cloud-init'],
});

const textOf = (file: Content | null | undefined) => file?.bytes?.toString() ?? '';
const wordsOf = (line: string) => line.replace(/#.*/, '').trim().split(/\s+/);

/** Returns the name in /etc/hostname, in the form of hostname(5). */
const staticName = (file: Content | null) =>
  textOf(file)
    .split('\n')
    .find(line => /^\s*[^#\s]/.test(line))
    ?.trim() ?? 'no name';

const oldNames = (read: { static: Content | null; live: Content | null }) => [
  staticName(read.static),
  textOf(read.live).trim(),
];

/** Returns a name with its short form, as /etc/hosts lists them. */
const namesFor = (name: string) => [...new Set([name, name.replace(/\..*/, '')])].join(' ');

/**
 * Returns the line of /etc/hosts that names the host, or the one of 127.0.1.1, before and after the change, and the changed
 * text. Other names of that line stay, unless they are old names of the host.
 */
function lineFor(text: string, name: string, old: readonly string[]) {
  const lines = text.split('\n');
  const isNamed = (line: string) =>
    wordsOf(line)
      .slice(1)
      .some(word => word.toLowerCase() === name.toLowerCase());
  const named = lines.find(isNamed);
  if (named !== undefined) return { before: wordsOf(named).join(' '), after: wordsOf(named).join(' '), text };
  const at = lines.findIndex(line => wordsOf(line)[0] === '127.0.1.1');
  const others = wordsOf(lines[at] ?? '').slice(1);
  const isOld = (word: string) => old.some(each => `${word}.`.startsWith(`${each.replace(/\..*/, '')}.`));
  const after = ['127.0.1.1', namesFor(name), ...others.filter(word => !isOld(word))].join(' ');
  const before = at === -1 ? 'no line' : wordsOf(lines[at]!).join(' ');
  const place = at === -1 ? lines.findIndex(line => wordsOf(line)[0] === '127.0.0.1') + 1 : at;
  return { before, after, text: lines.toSpliced(place, at === -1 ? 0 : 1, after).join('\n') };
}

const keeps = 'keeps the name';
const cloudText = (isNamed: boolean) =>
  `preserve_hostname: true\n${isNamed ? 'manage_etc_hosts: false\n' : ''}`;

interface Setting {
  file: string;
  /** Such as `preserve_hostname: false`. */
  setting: string;
  isWanted: boolean;
}

/** Returns the setting that holds for each key, that is, the last one of it. */
function settingsIn(printed: string, withHosts: boolean): Setting[] {
  const last = new Map<string, Setting>();
  for (const [, file, key, value] of printed.matchAll(/^(\/[^:]*):(\w+):[ \t]*(.*?)[ \t]*(?:#.*)?$/gm)) {
    const wanted = key === 'preserve_hostname' ? /^(true|yes|on|1)$/i : /^(false|no|off|0)$/i;
    const isWanted = wanted.test(value!.replace(/^(["'])(.*)\1$/, '$2'));
    if (key === 'preserve_hostname' || withHosts)
      last.set(key!, { file: file!, setting: `${key}: ${value}`, isWanted });
  }
  return [...last.values()];
}

/** Returns the effect of cloud-init on the name, or undefined if it does not run. */
function cloudKeeps(printed: string, withHosts: boolean): string | undefined {
  if (printed === '') return undefined;
  const settings = settingsIn(printed, withHosts);
  const isKept = settings.some(
    ({ setting, isWanted }) => isWanted && setting.startsWith('preserve_hostname'),
  );
  if (!isKept) return 'resets the name at boot';
  return settings.every(({ isWanted }) => isWanted) ? keeps : 'resets /etc/hosts at boot';
}

/** Returns the setting that wins over the file of this module. */
const laterSetting = (printed: string, withHosts: boolean) =>
  settingsIn(printed, withHosts).find(
    ({ file, isWanted }) =>
      !isWanted && (!file.startsWith('/etc/cloud/') || (file !== '/etc/cloud/cloud.cfg' && file > cloudFile)),
  );
