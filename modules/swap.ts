import { posix } from 'node:path';
import { absolutePath, text, whole } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { pathClaims } from '../engine/module-kit/path-claims.ts';
import { command, content, path, type Readings } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import type { RunStep } from '../engine/step.ts';
import { daemonReloadIfThere } from '../engine/steps/unit-steps.ts';
import { scriptBeside } from '../engine/util/text-beside.ts';
import { encoded, entriesIn, fstab, parses, replaced, textOf } from './_fstab.ts';
import { mayRoot, rights } from './_rights.ts';
import { config, configPlaces, fileOf, lineFor, overruled, procOf, setting, winner } from './_sysctl.ts';

const args = {
  path: { ...absolutePath, description: 'Path of the swap file; its directory must exist.' },
  size: text('Size in mebibytes or gibibytes, such as `512M` or `2G`. A change turns the file off and on.', {
    pattern: '^[1-9][0-9]{0,6}[MG]$',
  }),
  swappiness: whole('How readily the kernel swaps, now and at boot: its parameter `vm.swappiness`.', {
    minimum: 0,
    maximum: 200,
  }),
} as const;
type Arguments = Given<typeof args, 'path'>;

export const swap = defineModule({
  name: 'swap',
  summary: 'A swap file that is on, now and at boot by its line in /etc/fstab.',
  args,
  required: ['path'],
  absent: 'turns it off and removes it and its line',
  examples: {
    'Two gibibytes': { path: '/swapfile', size: '2G' },
    'Used only when the memory is full': { path: '/swapfile', size: '1G', swappiness: 1 },
    'No swap file': { path: '/swapfile', state: 'absent' },
  },
  identity: ({ path }) => path,
  refine: ({ path: at, size }) => [
    size === undefined && { at: 'size', says: 'Give the size of the swap file.' },
    at.startsWith('/dev/') && { at: 'path', says: 'A device is no swap file.' },
  ],
  probes,
  actual: (read, given) => stateOf(read, given),
  desired: ({ size = '', swappiness }) => ({
    size: sizeOf(bytesOf(size)),
    active: true,
    at_boot: true,
    ...attributes,
    ...(swappiness !== undefined && { swappiness: `${swappiness}`, swappiness_at_boot: `${swappiness}` }),
  }),
  obstacles: (given, read, diff) => {
    const { path: at, size, swappiness } = given;
    const active = Number(read.swaps.stdout) > 0;
    const isRemoval = diff.kind === 'remove';
    const isMade = !isRemoval && (diff.has('size') || diff.has('active'));
    if (
      (isMade || (isRemoval && active)) &&
      (read.container !== null || !mayRoot('admin', read.rights.stdout))
    )
      return [
        {
          says: 'A container has no swap of its own; its machine has.',
          unknown: true,
        },
      ];
    const [, type = '', blocks = '0', blockBytes = '0'] =
      /^(\S+) (\d+) (\d+)$/m.exec(read.needsRoom?.stdout ?? '') ?? [];
    const freeBytes = Number(blocks) * Number(blockBytes);
    const use = read.needsUse?.stdout ?? '';
    const availableKiB = Number(/^MemAvailable: +(\d+)/m.exec(use)?.[1] ?? Number.POSITIVE_INFINITY);
    const usedKiB = Number(
      use
        .split('\n')
        .find(line => line.startsWith(`${encoded(at)} `))
        ?.split(/\s+/)[3] ?? 0,
    );
    return [
      read.file !== null &&
        !active &&
        read.kind.stdout.trim() !== 'swap' && {
          says: `${at} is no swap file; it is left unchanged.`,
          fix: 'Move it away in an earlier resource, or give another path.',
        },
      isMade &&
        /^(zfs|tmpfs|overlayfs|nfs|fuseblk|ramfs)$/.test(type) && {
          says: `${posix.dirname(at)} is on ${type}, which holds no swap file.`,
          fix: 'Give a path on another file system.',
        },
      isMade &&
        diff.has('size') &&
        type !== '' &&
        freeBytes < bytesOf(size ?? '0M') && {
          says: `The file system of ${at} has room for ${sizeOf(Math.floor(freeBytes / mebi) * mebi)}, and the file needs ${size}.`,
          fix: 'Make room, or give a smaller size.',
        },
      !isRemoval &&
        swappiness !== undefined &&
        overruled((read.needsAtBoot ?? read.atBoot)?.stdout ?? '', parameter, swappiness, !read.needsAtBoot),
      (isRemoval || isMade) &&
        active &&
        usedKiB > availableKiB && {
          says: `${sizeOf(usedKiB * 1024)} in ${at} are in use, and the memory has room for ${sizeOf(availableKiB * 1024)}.`,
          fix: 'Stop something that needs memory first.',
        },
    ];
  },
  steps: (diff, given, read) => {
    const { path: at, size = '', swappiness } = given;
    const lines = linesOf(read, at);
    const text = replaced(textOf(read.fstab), lines, {
      ...{ source: at, path: 'none', type: 'swap', passno: 0 },
      options: lines[0]?.options.filter(option => option !== 'noauto') ?? [],
    });
    const isMade = diff.has('size') || read.kind.stdout.trim() !== 'swap';
    return [
      isMade && make(at, bytesOf(size), read.file?.sizeBytes),
      !isMade &&
        ['owner', 'group', 'mode'].some(key => diff.has(key)) && {
          do: 'attributes',
          path: at,
          ...attributes,
        },
      !isMade && diff.has('active') && turn('on', at),
      diff.has('at_boot') && [
        { do: 'write', path: fstab, content: text, validate: parses },
        daemonReloadIfThere,
      ],
      diff.has('swappiness') && {
        do: 'run',
        command: setting(parameter, swappiness),
        touches: [{ kind: 'file', path: procOf(parameter), content: `${swappiness}\n` }],
        undo: { after: setting(parameter, liveOf(read)) },
      },
      diff.has('swappiness_at_boot') && {
        do: 'write',
        path: fileOf(parameter),
        content: lineFor(parameter, swappiness),
      },
    ];
  },
  remove: ({ path: at }, read) => [
    Number(read.swaps.stdout) > 0 && turn('off', at),
    linesOf(read, at).length > 0 && [
      { do: 'write', path: fstab, content: replaced(textOf(read.fstab), linesOf(read, at)) },
      daemonReloadIfThere,
    ],
    read.file && { do: 'remove', path: at },
  ],
  claims: ({ path: at, swappiness }) => ({
    ...pathClaims(at, 'file', attributes),
    ...(swappiness !== undefined &&
      pathClaims(fileOf(parameter), 'file', {}, () => lineFor(parameter, swappiness))),
  }),
});

/** The parameter of the whole host, which two swap files share. */
const parameter = 'vm.swappiness';
const attributes = { owner: 'root', group: 'root', mode: '0600' } as const;

function probes({ path: at, swappiness }: Arguments) {
  const folder = posix.dirname(at);
  const about = ['swapon', 'swapoff', `/proc/swaps${at}`];
  return {
    file: path(at),
    fstab: content(fstab),
    swaps: command(
      `r_path=${shellQuote(encoded(at))} awk '$1 == ENVIRON["r_path"] { print $3 }' /proc/swaps`,
      {
        about,
      },
    ),
    needsUse: command('cat /proc/swaps /proc/meminfo', { about: [] }),
    kind: command(`[ ! -f ${shellQuote(at)} ] || blkid -p -s TYPE -o value ${shellQuote(at)} 2>/dev/null`, {
      about: [at],
    }),
    needsRoom: command(`stat -f -c '%T %a %S' ${shellQuote(folder)}`, { about: [] }),
    container: path('/run/systemd/container'),
    rights,
    live: swappiness === undefined ? undefined : content(procOf(parameter)),
    parameterFile: swappiness === undefined ? undefined : content(fileOf(parameter)),
    // The files as they are before the play. A file that an earlier resource changes is only a doubt.
    atBoot: swappiness === undefined ? undefined : command(config, { about: [] }),
    needsAtBoot: swappiness === undefined ? undefined : command(config, { about: configPlaces }),
  };
}
type Read = Readings<ReturnType<typeof probes>>;

const mebi = 1024 ** 2;
const bytesOf = (size: string) => Number.parseInt(size, 10) * mebi * (size.endsWith('G') ? 1024 : 1);

/** Returns a number of bytes as a size. A part of a mebibyte counts as one more. */
function sizeOf(bytes: number): string {
  const count = Math.ceil(bytes / mebi);
  return count > 0 && count % 1024 === 0 ? `${count / 1024}G` : `${count}M`;
}

/** Returns the lines of a swap file in /etc/fstab. */
const linesOf = (read: Read, at: string) =>
  entriesIn(textOf(read.fstab)).filter(({ source, type }) => type === 'swap' && source === at);

/** Returns the state of the swap file, or null if there is neither a file nor a line. */
function stateOf(read: Read, { path: at, swappiness }: Arguments) {
  const lines = linesOf(read, at);
  if (read.file === null && lines.length === 0) return null;
  const activeKiB = Number(read.swaps.stdout);
  const { owner, group, mode, sizeBytes = 0 } = read.file ?? {};
  // The first page of the file is not used for swapping.
  const isWhole = Math.abs((activeKiB + 4) * 1024 - sizeBytes) < mebi;
  return {
    size: sizeOf(sizeBytes),
    active: activeKiB > 0 && (isWhole || `with ${sizeOf((activeKiB + 4) * 1024)}`),
    at_boot:
      lines.length > 1 ? `${lines.length} lines` : lines.some(({ options }) => !options.includes('noauto')),
    ...{ owner, group, mode },
    ...(swappiness !== undefined && { swappiness: liveOf(read), swappiness_at_boot: bootOf(read) }),
  };
}

const liveOf = ({ live }: Read) => textOf(live).trim();
/** Returns the value that holds at boot: of a later file, or of the own one. */
const bootOf = ({ parameterFile, atBoot }: Read) =>
  winner(atBoot?.stdout ?? '', parameter)?.value ?? /=\s*(\d+)/.exec(textOf(parameterFile))?.[1] ?? 'not set';

const touching = (at: string) => [
  { kind: 'below', path: at } as const,
  { kind: 'below', path: `/proc/swaps${at}` } as const,
];

const script = scriptBeside(import.meta.url, './swap-file.sh');

/** Returns the step that makes the file and turns it on. Its undo makes a file of the old size. */
function make(at: string, bytes: number, oldBytes: number | undefined): RunStep {
  const making = (size: number) =>
    `r_path=${shellQuote(at)}\nr_listed=${shellQuote(encoded(at))}\nr_bytes=${size}\n${script}`;
  const old = oldBytes === undefined ? undefined : sizeOf(oldBytes);
  return {
    do: 'run',
    label: `make the swap file ${at} of ${sizeOf(bytes)} and turn it on`,
    command: making(bytes),
    timeoutS: 1800,
    undo:
      old === undefined
        ? { before: `swapoff ${shellQuote(at)} 2>/dev/null; rm -f ${shellQuote(at)}` }
        : { after: making(bytesOf(old)) },
    touches: touching(at),
  };
}

const turn = (way: 'on' | 'off', at: string): RunStep => ({
  do: 'run',
  command: [`swap${way}`, at],
  undo: way === 'on' ? { before: ['swapoff', at] } : { after: ['swapon', at] },
  touches: touching(at),
});
