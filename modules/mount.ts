import { absolutePath, listOf, oneOf, text, whole } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { pathClaims } from '../engine/module-kit/path-claims.ts';
import { command, content, Missing, path, program, type Readings } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import type { RunStep } from '../engine/step.ts';
import { daemonReloadIfThere } from '../engine/steps/unit-steps.ts';
import { scriptBeside } from '../engine/util/text-beside.ts';
import { encoded, entriesIn, fstab, mountTable, optionsOf, parses, replaced, textOf } from './_fstab.ts';
import { comparable, fixedOption, isSame, mountsIn, opposites, placeOf } from './_mounts.ts';
import { mayRoot, rights } from './_rights.ts';

const args = {
  path: { ...absolutePath, description: 'Folder at which it is mounted; made if it does not exist.' },
  source: text(
    'Device, such as `UUID=…` or `/dev/vg/data`; folder of a bind mount; `server:/path`; or a name for tmpfs.',
    { minLength: 1 },
  ),
  type: text('Type of the file system; default: `none` for a bind mount.', { pattern: '^[a-z0-9._-]+$' }),
  options: listOf(
    { type: 'string', pattern: '^[^,\\s]+$' },
    'Options of mount(8); those that are left out have their defaults.',
    { default: [] },
  ),
  passno: whole('Place in the order of checks at boot; 0 for no check.', {
    minimum: 0,
    maximum: 9,
    default: 0,
  }),
  state: oneOf(
    ['mounted', 'fstab'],
    '`mounted` mounts it now and at boot; `fstab` manages only its line in /etc/fstab;',
    { default: 'mounted' },
  ),
} as const;
type Arguments = Given<typeof args, 'path'>;

/** A mount, now and at boot. It is mounted before the line is written: what cannot be mounted does not stop a boot. */
export const mount = defineModule({
  name: 'mount',
  summary: 'A file system that is mounted, now and at boot by its line in /etc/fstab.',
  args,
  required: ['path'],
  absent: 'unmounts it and removes its line, and leaves the folder',
  examples: {
    'A file system in memory': {
      path: '/srv/cache',
      source: 'tmpfs',
      type: 'tmpfs',
      options: ['size=512m', 'nosuid'],
    },
    'A disk by its UUID': {
      ...{ path: '/srv/data', source: 'UUID=0a3407de-014b-458b-b5c1-848e92a327a3', type: 'ext4' },
      ...{ options: ['noatime'], passno: 2 },
    },
    'A folder in another place': { path: '/srv/www/media', source: '/srv/media', options: ['bind', 'ro'] },
    'A share that a boot does not wait for': {
      ...{ path: '/srv/share', source: 'files.example.com:/share', type: 'nfs' },
      options: ['nofail'],
    },
  },
  identity: ({ path }) => path,
  refine: given => {
    const { source, type, options } = given;
    const secret = options.find(option => /^(pass|password|password2|passwd)=/.test(option));
    const waits =
      isNetwork(typeOf(given)) &&
      !options.some(option => /^(nofail|noauto|_netdev|x-systemd\.automount)$/.test(option));
    return [
      source === undefined && { at: 'source', says: 'Give the source of the mount.' },
      type === undefined && !isBind(given) && { at: 'type', says: 'Give the type of the file system.' },
      type === 'swap' && { at: 'type', says: 'Swap is not mounted: use the module `swap`.' },
      secret !== undefined && {
        at: 'options',
        says: `Every account can read ${secret.split('=')[0]} in /etc/fstab. Write it into a file, and name that by credentials=FILE.`,
      },
      waits && {
        at: 'options',
        says: 'A boot waits for a mount from the network: give nofail, or _netdev to have it wait.',
      },
    ];
  },
  probes,
  actual: (read, given) => {
    const helper = helperOf(given);
    const live = liveOf(read, given);
    if (given.state === 'mounted' && live === 'not mounted' && helper && read.helper === null)
      return Missing.fromPackages(`mount.${typeOf(given)}`, helper);
    const lines = linesOf(read, given);
    const [first] = lines;
    const declared = optionsOf(given.options);
    if (first === undefined && live === 'not mounted') return null;
    return {
      source: first?.source ?? 'no line',
      type: first?.type ?? 'no line',
      options: isSame(first?.options ?? [], declared) ? declared : (first?.options ?? []),
      passno: first?.passno ?? 0,
      lines: lines.length > 1 ? lines.length : 1,
      live: given.state === 'mounted' ? live : undefined,
    };
  },
  desired: given => ({
    source: given.source ?? '',
    type: typeOf(given),
    options: optionsOf(given.options),
    passno: given.passno,
    lines: 1,
    live: given.state === 'mounted' ? `mounted${withOptions(expected(given))}` : undefined,
  }),
  obstacles: (given, read, diff) => {
    const isRemoval = diff.kind === 'remove';
    const live = liveOf(read, given);
    const [, kind, count] = /^(users|entries) (\d+)/.exec(read.needsPoint?.stdout ?? '') ?? [];
    const inner = mountsIn(read.table.stdout).find(({ at }) => at.startsWith(`${given.path}/`));
    const shown = mountsIn(read.table.stdout).findLast(({ at }) => at === given.path)?.options ?? [];
    const fixed = live.startsWith('mounted') ? fixedOption(shown, expected(given)) : undefined;
    const unmounts = isRemoval ? live !== 'not mounted' : diff.has('live') && live === other;
    return [
      (unmounts || diff.has('live')) &&
        !mayRoot('admin', read.rights.stdout) && {
          says: 'This container cannot mount file systems; what starts it can.',
          unknown: true,
        },
      !isRemoval &&
        diff.has('live') &&
        fixed !== undefined && {
          says: `${given.path} is mounted with ${fixed}, which a remount does not change.`,
          fix: `Unmount it in an earlier resource, or declare ${fixed}.`,
        },
      unmounts &&
        inner && {
          says: `${inner.at} is mounted below ${given.path}, which cannot be unmounted before.`,
          fix: 'Unmount it in an earlier resource.',
        },
      unmounts &&
        kind === 'users' &&
        count !== '0' && {
          says: `${given.path} is in use (${count} open ${count === '1' ? 'file' : 'files'}) and cannot be unmounted.`,
          fix: `Stop its users in an earlier resource. See them with\n    fuser -vm ${given.path}`,
        },
      !isRemoval &&
        live === 'not mounted' &&
        diff.has('live') &&
        kind === 'entries' &&
        count !== '0' && {
          says: `${given.path} is not empty: the mount would hide ${count} ${count === '1' ? 'entry' : 'entries'}.`,
          fix: 'Move them away in an earlier resource, or mount at another path.',
        },
    ];
  },
  steps: (diff, given, read) => {
    const { path: at, source = '', options, passno } = given;
    const live = liveOf(read, given);
    const changesLine = ['source', 'type', 'options', 'passno', 'lines'].some(key => diff.has(key));
    const text = replaced(textOf(read.fstab), linesOf(read, given), {
      ...{ source, path: at, type: typeOf(given), options, passno },
    });
    return [
      read.folder === null && { do: 'directory', path: at },
      diff.has('live') && live === other && unmount(at),
      diff.has('live') && (['not mounted', other].includes(live) ? mountNow(given) : remount(given)),
      changesLine && [{ do: 'write', path: fstab, content: text, validate: parses }, daemonReloadIfThere],
    ];
  },
  remove: (given, read) => [
    liveOf(read, given) !== 'not mounted' && unmount(given.path),
    linesOf(read, given).length > 0 && [
      { do: 'write', path: fstab, content: replaced(textOf(read.fstab), linesOf(read, given)) },
      daemonReloadIfThere,
    ],
  ],
  removal: {
    actual: (read: Read, given) => {
      const [lines, live] = [linesOf(read, given).length, liveOf(read, given)];
      return lines === 0 && live === 'not mounted' ? null : { lines, live };
    },
    claims: () => ({}),
  },
  claims: ({ path: at }) => pathClaims(at, 'directory'),
});

const table = scriptBeside(import.meta.url, './mount-table.sh');
const point = scriptBeside(import.meta.url, './mount-point.sh');

function probes(given: Arguments) {
  const { path: at, source = '' } = given;
  const about = [
    'mount',
    `${mountTable}${at}`,
    ...(source.startsWith('/') ? [`${mountTable}${source}`] : []),
  ];
  const helper = helperOf(given) === undefined ? undefined : program(`mount.${typeOf(given)}`);
  const named = `r_source=${shellQuote(source)}`;
  return {
    fstab: content(fstab),
    folder: path(at),
    table: command(`r_path=${shellQuote(encoded(at))}\nr_at=${shellQuote(at)}\n${named}\n${table}`, {
      about,
    }),
    needsPoint: command(`r_path=${shellQuote(at)}\n${named}\n${point}`, { about: [...about, at] }),
    rights,
    helper,
  };
}
type Read = Readings<ReturnType<typeof probes>>;

const isBind = ({ options }: Arguments) => options.some(option => option === 'bind' || option === 'rbind');
const typeOf = ({ type = 'none' }: Arguments) => type;
const isNetwork = (type: string) => /^(nfs4?|cifs|smb3|ceph|glusterfs|fuse\.sshfs)$/.test(type);

/** Debian's packages with the helpers of file systems. */
const helpers: Readonly<Record<string, string>> = {
  ...{ nfs: 'nfs-common', nfs4: 'nfs-common', cifs: 'cifs-utils', smb3: 'cifs-utils' },
  ...{ ceph: 'ceph-common', glusterfs: 'glusterfs-client', 'fuse.sshfs': 'sshfs' },
};
const helperOf = (given: Arguments): string | undefined => helpers[typeOf(given)];

const linesOf = (read: Read, { path: at }: Arguments) =>
  entriesIn(textOf(read.fstab)).filter(entry => entry.path === at);

const other = 'another file system';

/** Returns the declared options that a mounted file system shows. */
function expected({ options }: Arguments): string[] {
  const user = options.some(option => /^(user|users|owner|group)$/.test(option));
  const forUsers = ['nosuid', 'nodev', 'noexec'].filter(flag => user && !options.includes(flag.slice(2)));
  return comparable([...options, ...forUsers]);
}

const withOptions = (options: readonly string[]) =>
  options.length === 0 ? '' : ` with ${options.join(',')}`;

/** Returns what is mounted at the path, with the options that can be compared. */
function liveOf(read: Read, given: Arguments): string {
  const found = mountsIn(read.table.stdout).findLast(({ at }) => at === given.path);
  if (found === undefined) return 'not mounted';
  if (given.source === undefined) return 'mounted';
  const { type, options } = found;
  const declared = typeOf(given);
  const isOther = !isBind(given) && type !== declared && !(declared === 'auto' || type.startsWith(declared));
  // The source of a file system without a device is only a name.
  const isNamed = /[/:=]/.test(given.source ?? '');
  if (isOther || (isNamed && !/^same$/m.test(read.table.stdout))) return other;
  const wanted = expected(given);
  const isDeclared = (key: string) => wanted.some(each => each.startsWith(`${key}=`));
  const shown = comparable(options).filter(option => {
    const [key = '', limit] = option.split('=');
    if (limit !== undefined) return isDeclared(key);
    // A bind mount has the restrictions of its source, and fuse adds some.
    return wanted.includes(option) || (isBind(given) ? option === 'ro' : !type.startsWith('fuse'));
  });
  // A limit that the kernel does not show is not compared.
  const hidden = wanted.filter(
    each => /=/.test(each) && !options.some(o => o.startsWith(`${each.split('=')[0]}=`)),
  );
  return `mounted${withOptions([...shown, ...hidden].toSorted())}`;
}

const touching = (at: string) => [
  { kind: 'below', path: `${mountTable}${at}` } as const,
  { kind: 'below', path: at } as const,
];

function mountNow(given: Arguments): RunStep {
  const { path: at, source = '', options } = given;
  const place = placeOf(source);
  const words = ['-t', typeOf(given), '-o', options.join(',') || 'defaults'];
  return {
    do: 'run',
    command: ['mount', ...words, '--', source, at],
    ...(place && { reads: [place] }),
    undo: { before: ['umount', '--', at] },
    touches: touching(at),
  };
}

/** Returns a step that changes the options. It names the defaults too: a remount keeps the options that it does not name. */
function remount(given: Arguments): RunStep {
  const { path: at, source = '', options } = given;
  const shown = expected(given);
  const defaults = (isBind(given) ? ['ro'] : Object.keys(opposites)).filter(flag => !shown.includes(flag));
  const words = ['remount', ...defaults.map(flag => opposites[flag]!), ...options];
  return {
    do: 'run',
    command: ['mount', '-t', typeOf(given), '-o', words.join(','), '--', source, at],
    undo: { after: ['mount', '-o', 'remount', '--', at] },
    touches: touching(at),
  };
}

const unmount = (at: string): RunStep => ({
  do: 'run',
  command: ['umount', '--', at],
  undo: { after: ['mount', '--', at] },
  touches: touching(at),
});
