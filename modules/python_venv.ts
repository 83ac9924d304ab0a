import { posix } from 'node:path';
import { absolutePath, defined, flag, listOf, text } from '../engine/argument.ts';
import { defineModule, type Given } from '../engine/define-module.ts';
import type { Effect } from '../engine/effect.ts';
import { pathClaims } from '../engine/path-claims.ts';
import { command, content, Missing, type PathState, type Probe, path, program } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import type { RunStep, Step } from '../engine/step.ts';
import {
  applies,
  installedPackages,
  lacking,
  minorOf,
  type Requirement,
  readRequirements,
  valuesOf,
} from './_python.ts';

/** There while an environment is being made: one that was cut off looks whole long before it is. */
const unfinished = '.reconcile.unfinished';

const args = {
  path: { ...absolutePath, description: 'Folder of the virtual environment.' },
  python: text('The Python it is made from, a program or its path.', { default: 'python3', minLength: 1 }),
  requirements: text('A requirements file on the host, of which every package has to be installed.', {
    pattern: '^/',
  }),
  packages: listOf(
    { type: 'string', pattern: '^[A-Za-z0-9]' },
    'Packages as in a requirements file, e.g. `flask` or `gunicorn>=22,<24`.',
  ),
  index_url: text('A package index other than pip’s default.'),
  system_site_packages: flag('Whether the packages of the host’s own Python can be used in it.', {
    default: false,
  }),
  upgrade: flag(
    'Whether, when packages have to be installed, the others are brought to the newest allowed version too.',
    { default: false },
  ),
  owner: text('The account that owns every file in it, and that pip runs as.'),
} as const;
type Arguments = Given<typeof args, 'path'>;

/**
 * Prints the venv's packages, with the host's own where it uses them, and a file that is not the owner's or else who runs it. What pip
 * writes last of a package is its RECORD with the line of INSTALLER, so one without it was cut off. No Python is
 * started.
 */
function listScript({ path, system_site_packages, owner }: Arguments): string {
  const venv = shellQuote(path);
  const system = system_site_packages
    ? 'for f in /usr/lib/python3*/dist-packages/*-info /usr/local/lib/python3*/dist-packages/*-info; do echo "package ${f##*/}"; done'
    : '';
  const accounts =
    owner === undefined
      ? 'echo "account $(id -un)"'
      : `find ${venv} ! -user ${shellQuote(owner)} -printf 'owner %u\\n' -quit 2>/dev/null`;
  return `grep -ls /INSTALLER, ${venv}/lib/python3*/site-packages/*.dist-info/RECORD | while read -r f; do f=\${f%/*}; echo "package \${f##*/}"; done
[ -x ${venv}/bin/python ] && [ -x ${venv}/bin/pip ] && [ ! -e ${venv}/${unfinished} ] && echo usable
for f in /usr/lib/python3*/ensurepip; do [ -d "$f" ] && echo ensurepip; done
${system}
${accounts}
:`;
}

export const python_venv = defineModule({
  name: 'python_venv',
  summary: 'A virtual environment of Python and the packages in it.',
  args,
  required: ['path'],
  absent: 'removes its folder',
  examples: [
    {
      title: 'What an application asks for',
      args: { path: '/srv/app/venv', requirements: '/srv/app/requirements.txt', owner: 'www-data' },
    },
    { title: 'A tool', args: { path: '/opt/httpie', packages: ['httpie>=3.2'] } },
  ],
  secrets: { in: ['index_url'] },
  identity: args => args.path,
  refine: ({ packages = [] }) => {
    const known = readRequirements(packages.join('\n')).map(({ text }) => text);
    return packages
      .filter(text => !known.includes(text.split(';')[0]!.trim()))
      .map(text => ({
        at: 'packages',
        says: `"${text}" is not a package and its versions, such as flask or "gunicorn>=22,<24".`,
      }));
  },
  probes: args => ({
    folder: path(args.path),
    config: content(`${args.path}/pyvenv.cfg`),
    listing: command(listScript(args), {
      about: [args.path, ...(args.system_site_packages ? ['packages', '/usr/local/lib'] : [])],
    }),
    python: program(args.python),
    // python3 is a link to the version that is Debian's default.
    link: path(args.python.startsWith('/') ? args.python : `/usr/bin/${args.python}`),
    requirements: content(args.requirements ?? `${args.path}/pyvenv.cfg`),
    ...foldersAbove(args),
  }),
  actual: (read, args) => {
    const wanted = minorOf(read.link?.target ?? args.python);
    if (read.python === null) {
      const name = posix.basename(args.python);
      return new Missing(args.python, [`package:${name}`, `package:${name}-minimal`]);
    }
    if (args.requirements !== undefined && read.requirements === null)
      return new Missing(`the file ${args.requirements}`, [`path:${args.requirements}`]);
    const listing = read.listing.stdout;
    const config = read.config?.bytes?.toString();
    const usable = listing.includes('usable\n');
    if (!listing.includes('ensurepip\n') && !usable && read.python.startsWith('/usr/bin/'))
      return new Missing('Python’s module to make virtual environments', [
        'package:python3-venv',
        ...(wanted === undefined ? [] : [`package:python${wanted}-venv`]),
      ]);
    if (config === undefined) return null;
    const made = minorOf(/^version(?:_info)? = (.*)$/m.exec(config)?.[1]);
    const same = wanted === undefined || made === undefined || wanted === made;
    const missing = lacking(
      requirementsOf(args, read.requirements?.bytes, made ?? ''),
      installedPackages(listing),
    );
    return {
      python: !usable ? 'incomplete' : same ? args.python : `python${made}`,
      system_site_packages: /^include-system-site-packages = true$/m.test(config),
      packages: missing.length === 0 ? 'complete' : `without ${missing.join(', ')}`,
      owner: valuesOf(listing, 'owner')[0] ?? args.owner ?? read.folder?.owner ?? null,
    };
  },
  desired: ({ python, system_site_packages, owner }) => ({
    python,
    system_site_packages,
    packages: 'complete',
    ...defined({ owner }),
  }),
  obstacles: (args, read, { kind }) => {
    if (kind === 'remove' || args.owner !== undefined) return [];
    const account = valuesOf(read.listing.stdout, 'account')[0] ?? 'root';
    const places = Object.keys(foldersAbove(args)).map(at => [at, read[at as 'folder']] as const);
    return [...places, [args.path, read.folder] as const]
      .filter(([, at]) => isOpenTo(at, account))
      .slice(0, 1)
      .map(([folder, at]) => {
        const other = at?.owner === account ? undefined : at?.owner;
        return {
          says: `${other ?? `Another account than ${account}`} can write to ${folder}, and ${account} would run programs from there.`,
          fix: `Give the environment to the account that uses it: owner: ${other ?? 'ACCOUNT'}.`,
        };
      });
  },
  steps: (diff, args, read) => {
    const { path, owner } = args;
    // Whoever could change what is in it must not be able to have root run it.
    const as = owner === undefined ? { runsFrom: path } : { as: owner };
    const remake = diff.has('python') || diff.has('system_site_packages');
    const clear = read.config !== null && diff.has('python');
    return [
      ...(diff.kind === 'create'
        ? [{ do: 'directory', path, mode: '0755', ...defined({ owner }) } as const]
        : []),
      ...(diff.has('owner') && diff.kind === 'update'
        ? [{ do: 'attributes', path, ...defined({ owner }), recursive: true } as const]
        : []),
      ...(remake ? [make(args, clear, as)] : []),
      ...(remake || diff.has('packages') ? install(args, as) : []),
    ];
  },
  removal: {
    probes: args => ({ folder: path(args.path) }),
    actual: ({ folder }) => folder && { venv: true },
  },
  remove: ({ path }) => [{ do: 'remove', path, recursive: true }],
  runsFrom: ({ path, owner }) => (owner === undefined || owner === 'root' ? path : undefined),
  claims: ({ path, owner }) => pathClaims(path, 'directory', { owner }),
  timeoutS: () => 1800,
});

/** What to read of the folders that an environment without an owner is in. */
function foldersAbove({ path: below, owner }: Pick<Arguments, 'path' | 'owner'>) {
  const probes: Record<`/${string}`, Probe<PathState | null>> = {};
  for (let at = posix.dirname(below); at !== '/' && owner === undefined; at = posix.dirname(at))
    probes[at as '/'] = path(at);
  return probes;
}

/** Whether an account besides root and `account` can change what is at a path. */
const isOpenTo = (at: PathState | null | undefined, account: string): boolean =>
  at != null &&
  (!['root', account].includes(at.owner) ||
    (at.type !== 'link' && (Number.parseInt(at.mode, 8) & 0o022) !== 0));

const below = (path: string): Effect[] =>
  ['bin', 'include', 'lib', 'lib64', 'share', 'pyvenv.cfg'].map(part => ({
    on: 'below',
    path: `${path}/${part}`,
  }));

/** Makes an environment; one that was there is cleared first, beginning with what says that it is one. */
function make(args: Arguments, clear: boolean, as: { as?: string }): RunStep {
  const venv = shellQuote(args.path);
  const words = [args.python, '-m', 'venv', ...(args.system_site_packages ? ['--system-site-packages'] : [])];
  const command = [
    ...(clear ? [`rm -f ${venv}/pyvenv.cfg`, `find ${venv} -mindepth 1 -delete`] : []),
    `: >${venv}/${unfinished}`,
    `${[...words, args.path].map(shellQuote).join(' ')}`,
    `rm ${venv}/${unfinished}`,
  ];
  const label = [...words, ...(clear ? ['--clear'] : []), args.path].map(shellQuote).join(' ');
  return { do: 'run', label, command: command.join(' &&\n'), cwd: '/', touches: below(args.path), ...as };
}

function requirementsOf(args: Arguments, file: Buffer | undefined, python: string): Requirement[] {
  const listed = args.requirements === undefined ? '' : (file?.toString() ?? '');
  return readRequirements([...(args.packages ?? []), listed].join('\n')).filter(requirement =>
    applies(requirement, python),
  );
}

function install(args: Arguments, as: Pick<RunStep, 'as' | 'runsFrom'>): Step[] {
  const { requirements, packages = [] } = args;
  if (requirements === undefined && packages.length === 0) return [];
  const venv = shellQuote(args.path);
  // pip takes a package that a cut left half-installed for installed.
  const tidy = `for d in ${venv}/lib/python3*/site-packages/*.dist-info; do grep -qs /INSTALLER, "$d/RECORD" || rm -rf -- "$d"; done`;
  const words = [
    ...(args.upgrade ? ['--upgrade'] : []),
    ...(requirements === undefined ? [] : ['--requirement', requirements]),
    ...packages,
  ].map(shellQuote);
  const index = args.index_url === undefined ? undefined : indexOf(args.index_url);
  const netrc = index?.netrc === undefined ? '' : keepNetrc(args.path);
  return [
    {
      do: 'run',
      label: `${args.path}/bin/python -m pip install ${words.join(' ')}`,
      command: `${tidy}\n${netrc}${venv}/bin/python -m pip install --quiet ${words.join(' ')}`,
      cwd: args.path,
      reads: requirements === undefined ? [] : [requirements],
      env: {
        // The owner is often an account whose home it may not write to.
        ...(as.as !== undefined && { HOME: args.path, PIP_NO_CACHE_DIR: '1' }),
        PIP_DISABLE_PIP_VERSION_CHECK: '1',
        PIP_NO_INPUT: '1',
        ...defined({ PIP_INDEX_URL: index?.url }),
      },
      ...defined({ input: index?.netrc }),
      timeoutS: 1800,
      touches: below(args.path),
      ...as,
    },
  ];
}

/** An index's address, and apart from it who logs in there: pip hands the address to its helpers as an argument. */
function indexOf(address: string): { url: string; netrc?: string } {
  const [, scheme, user, password = '', rest] =
    /^(https?:\/\/)([^/@:]*)(?::([^/@]*))?@(.*)$/.exec(address) ?? [];
  if (scheme === undefined) return { url: address };
  const [host] = rest!.split(/[/:]/);
  const word = (text: string) => {
    const clear = percentDecoded(text);
    // Older Pythons know no quotes in netrc.
    return /^[^\s"\\]+$/.test(clear) ? clear : `"${clear.replace(/["\\]/g, '\\$&')}"`;
  };
  return {
    url: `${scheme}${rest}`,
    netrc: `machine ${host} login ${word(user!)} password ${word(password)}\n`,
  };
}

/** A part of an address in clear; as it is when it is not encoded soundly. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Shell that keeps its standard input as a netrc file, for its account alone and as long as it runs. */
function keepNetrc(path: string): string {
  const file = shellQuote(`${path}/.netrc.`);
  return `rm -f -- ${file}??????????
NETRC=$(mktemp ${file}XXXXXXXXXX) && export NETRC || exit
trap 'rm -f -- "$NETRC"' EXIT
trap 'exit 143' HUP INT TERM
cat >"$NETRC" || exit
`;
}
