import { basename } from 'node:path';
import { flag, text } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { pathClaims } from '../engine/module-kit/path-claims.ts';
import { textOf } from '../engine/module-kit/state-text.ts';
import { command, content, Missing, type Probe, path, program, type Readings } from '../engine/probe.ts';
import type { RunStep } from '../engine/step.ts';
import { scriptBeside } from '../engine/util/text-beside.ts';
import { mayRoot, rights } from './_rights.ts';

const args = {
  name: text('Name of the module; `-` and `_` are the same.', { pattern: '^[A-Za-z0-9_-]+$' }),
  loaded: flag('Whether the module is loaded now; default: true, or false with `blacklist: true`.'),
  at_boot: flag('Whether it is loaded at boot; default: true, or false with `blacklist: true`.'),
  blacklist: flag('Whether nothing can load it, not even by its name.'),
  options: text('Parameters, such as `hashsize=65536`. A loaded module with other values is loaded again.', {
    pattern: '^[^\\s#=]+(=[^\\s]*)?( [^\\s#=]+(=[^\\s]*)?)*$',
  }),
} as const;
type Arguments = Given<typeof args, 'name'>;

export const kernel_module = defineModule({
  name: 'kernel_module',
  summary: 'A kernel module: whether it is loaded now and at boot, its parameters, or that nothing loads it.',
  args,
  required: ['name'],
  examples: {
    'Loaded now and at boot': { name: 'br_netfilter' },
    'With a parameter': { name: 'nf_conntrack', options: 'hashsize=65536' },
    'Never loaded': { name: 'usb-storage', blacklist: true },
  },
  identity: ({ name }) => plain(name),
  refine: ({ loaded, at_boot, blacklist }) => [
    blacklist && loaded && { at: 'loaded', says: 'Nothing can load a module with blacklist: true.' },
    blacklist && at_boot && { at: 'at_boot', says: 'Nothing can load a module with blacklist: true.' },
  ],
  probes,
  actual: (read, args) => {
    const { name } = args;
    const loaded = isLoaded(read);
    if (loaded !== wanted(args).loaded && mayRoot('module', read.rights.stdout) && read.modprobe === null)
      return Missing.fromPackages('modprobe', 'kmod');
    const lists = linesIn(read.config.stdout).some(
      ({ file, words }) => isList(file) && words[0] === plain(name),
    );
    return {
      loaded,
      parameters: args.options === undefined ? undefined : valuesOf(read, args.options),
      at_boot: read.bootFile?.bytes?.toString().trim() === plain(name) || lists,
      config: isConfigured(args) ? read.configFile : undefined,
    };
  },
  desired: args => ({
    ...wanted(args),
    parameters: args.options,
    config: isConfigured(args) ? (configOf(args) === '' ? null : textOf(configOf(args))) : undefined,
  }),
  obstacles: (args, read, diff) => {
    const { loaded, at_boot } = wanted(args);
    const name = plain(args.name);
    const changes = diff.has('loaded') || diff.has('parameters');
    if (changes && !mayRoot('module', read.rights.stdout))
      return [
        {
          says: `This container cannot ${loaded ? 'load' : 'unload'} kernel modules; its machine can.`,
          unknown: true,
        },
      ];
    const lines = linesIn((read.needsConfig ?? read.config).stdout);
    const off = lines.find(
      ({ words: [verb, of, ...rest] }) => verb === 'install' && of === name && isNothing(rest),
    );
    const list = lines.find(({ file, words }) => isList(file) && words[0] === name);
    const [, count = '0', users = ''] =
      new RegExp(`^${name} \\d+ (\\d+) (\\S+)`, 'm').exec(read.needsUsers?.stdout ?? '') ?? [];
    const unsure = !read.needsConfig;
    return [
      diff.has('loaded') &&
        loaded &&
        read.needsFile?.exit === 1 && {
          says: `The running kernel has no module ${args.name}.`,
          fix: 'Check the name. If the kernel was upgraded, its modules come with the next boot.',
        },
      diff.has('loaded') &&
        !loaded &&
        read.needsFile?.stdout.includes('(builtin)') && {
          says: `${args.name} is a part of the kernel itself and cannot be unloaded.`,
          fix: 'Leave out `loaded: false` and `blacklist`.',
        },
      ((diff.has('loaded') && !loaded) || diff.has('parameters')) &&
        count !== '0' && {
          says: `${args.name} is in use (${count}${users === '-' ? '' : `, by ${users.replace(/,$/, '').replaceAll(',', ', ')}`}) and cannot be unloaded.`,
          fix: 'Stop its users in an earlier resource, or give `loaded: true` without `blacklist`.',
        },
      (loaded || at_boot) &&
        off && {
          says: `${off.file} keeps ${args.name} from being loaded: ${off.words.join(' ')}.`,
          fix: 'Take the line out of that file in an earlier resource.',
          unsure,
        },
      !at_boot &&
        list && {
          says: `${list.file} loads ${args.name} at boot.`,
          fix: 'Take the line out of that file in an earlier resource.',
          unsure,
        },
    ];
  },
  steps: (diff, args, read) => {
    const name = plain(args.name);
    const { loaded, at_boot } = wanted(args);
    const config = configOf(args);
    return [
      diff.has('config') &&
        (config === ''
          ? { do: 'remove', path: configFileOf(name) }
          : [
              // Without kmod, there is no folder.
              ...(read.folder === null ? [{ do: 'directory', path: '/etc/modprobe.d' } as const] : []),
              { do: 'write', path: configFileOf(name), content: config },
            ]),
      diff.has('loaded') && (loaded ? load(name) : unload(name)),
      !diff.has('loaded') && diff.has('parameters') && reload(name),
      diff.has('at_boot') &&
        (at_boot
          ? { do: 'write', path: bootFileOf(name), content: `${name}\n` }
          : read.bootFile !== null && { do: 'remove', path: bootFileOf(name) }),
    ];
  },
  claims: args => {
    const name = plain(args.name);
    const config = configOf(args);
    return {
      ...pathClaims(bootFileOf(name), wanted(args).at_boot ? undefined : 'nothing'),
      ...(isConfigured(args) && pathClaims(configFileOf(name), config === '' ? 'nothing' : 'file')),
    };
  },
});

function probes(args: Arguments) {
  const name = plain(args.name);
  const file = `[ -e /sys/module/${name}/initstate ] || modinfo -F filename ${name} 2>/dev/null`;
  const values = `cd /sys/module/${name}/parameters 2>/dev/null && grep -H . -- *`;
  return {
    loaded: path(`/sys/module/${name}`),
    file: command(file, { about: [] }),
    values: args.options === undefined ? undefined : command(values, { about: [`/sys/module/${name}`] }),
    rights,
    modprobe: program('modprobe'),
    bootFile: content(bootFileOf(name)),
    folder: path('/etc/modprobe.d'),
    configFile: content(configFileOf(name)),
    // The files as they are before the play. A file that an earlier resource changes is only a doubt.
    config: command(configuration, { about: [] }),
    needsConfig: command(configuration, { about: configPlaces }),
    needsUsers: command('cat /proc/modules', { about: ['modprobe', 'rmmod', 'units'] }),
    needsFile: command(file, { about: ['packages', 'modprobe', `/sys/module/${name}`] }),
  } satisfies Record<string, Probe | undefined>;
}
type Read = Readings<ReturnType<typeof probes>>;

const configuration = scriptBeside(import.meta.url, './kernel-module-config.sh');
const places = ['/etc', '/run', '/usr/local/lib', '/usr/lib'];
const configPlaces = [
  ...places.flatMap(at => [`${at}/modprobe.d`, `${at}/modules-load.d`]),
  '/etc/modules',
  'packages',
];

const plain = (name: string) => name.replaceAll('-', '_');
const bootFileOf = (name: string) => `/etc/modules-load.d/reconcile-${name}.conf`;
const configFileOf = (name: string) => `/etc/modprobe.d/reconcile-${name}.conf`;

const wanted = ({ blacklist = false, loaded = !blacklist, at_boot = !blacklist }: Arguments) => ({
  loaded,
  at_boot,
});
const isConfigured = ({ blacklist, options }: Arguments) => (blacklist ?? options) !== undefined;

/** Returns the text of the file in /etc/modprobe.d. A `blacklist` alone stops only aliases, not the name of the module. */
const configOf = ({ name, blacklist, options }: Arguments) =>
  [
    blacklist ? `blacklist ${plain(name)}\ninstall ${plain(name)} /bin/false\n` : '',
    options === undefined ? '' : `options ${plain(name)} ${options}\n`,
  ].join('');

/** Whether the module is loaded, or a part of the kernel itself. */
const isLoaded = ({ loaded, file }: Read) => loaded !== null || file.stdout.includes('(builtin)');

/** Returns the parameters of the loaded module that are declared, with their values if the kernel shows them. */
function valuesOf({ loaded, values }: Read, options: string): string {
  const shown = new Map(
    [...(values?.stdout ?? '').matchAll(/^([^:]+):(.*)$/gm)].map(([, key, value]) => [key!, value!]),
  );
  return options
    .split(' ')
    .map(option => {
      const [key = '', value = '1'] = option.split(/=(.*)/s);
      const now = loaded === null ? undefined : shown.get(plain(key));
      return now === undefined || switched(now) === switched(value) ? option : `${key}=${now}`;
    })
    .join(' ');
}

/** A switch is shown as Y or N, and may be declared as 1 or 0. */
const switched = (value: string) => value.replace(/^[Yy]$/, '1').replace(/^[Nn]$/, '0');

const isList = (file: string) => /modules-load\.d|^\/etc\/modules$/.test(file);
const isNothing = ([program = '']: readonly string[]) => ['true', 'false', ':'].includes(basename(program));

/** Returns the lines of all files but the own ones, in words, with names in their plain form. */
function linesIn(printed: string): { file: string; words: string[] }[] {
  return [...printed.matchAll(/^(\/[^:]+):[ \t]*(.+?)[ \t]*$/gm)]
    .filter(([, file]) => !basename(file!).startsWith('reconcile-'))
    .map(([, file, line]) => {
      const words = line!.split(/\s+/);
      const at = isList(file!) ? 0 : 1;
      return { file: file!, words: words.with(at, plain(words[at] ?? '')) };
    });
}

const touching = (name: string, kind: 'directory' | 'removal') =>
  [{ kind, path: `/sys/module/${name}` }] as const;

const load = (name: string): RunStep => ({
  do: 'run',
  command: ['modprobe', name],
  undo: { before: ['modprobe', '-r', name] },
  touches: touching(name, 'directory'),
});

const reload = (name: string): RunStep => ({
  do: 'run',
  label: `load ${name} again`,
  command: `modprobe -r ${name} && modprobe ${name}`,
  undo: { after: `modprobe -r ${name} && modprobe ${name}` },
  touches: touching(name, 'directory'),
});

const unload = (name: string): RunStep => ({
  do: 'run',
  command: ['modprobe', '-r', name],
  undo: { after: ['modprobe', '-i', name] },
  touches: touching(name, 'removal'),
});
