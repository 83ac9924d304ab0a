import { posix } from 'node:path';
import type { Effect } from '../engine/effect.ts';
import { absolutePath, flag, listOf, text } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { pathClaims } from '../engine/module-kit/path-claims.ts';
import { command, content, Missing, type PathState, type Probe, path, program } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import type { RunStep } from '../engine/step.ts';
import { compact, defined } from '../engine/util/defined.ts';
import { filled, scriptBeside, withVariables } from '../engine/util/text-beside.ts';
import { installedPackages, lacking, minorOf, readRequirements, valuesOf } from './_python.ts';

/** A file that exists during the creation of an environment, because an incomplete one looks complete early. */
const unfinished = '.reconcile.unfinished';

const args = {
  path: { ...absolutePath, description: 'Folder of the virtual environment.' },
  python: text('Python of the environment, as a program or its path.', { default: 'python3', minLength: 1 }),
  requirements: text(
    'Requirements file on the host, whose packages and those of the files that it includes are all installed, with all that they require.',
    {
      pattern: '^/',
    },
  ),
  packages: listOf(
    { type: 'string', pattern: '^[A-Za-z0-9]' },
    'Packages as in a requirements file, e.g. `flask` or `gunicorn>=22,<24`, with all that they require.',
  ),
  index_url: text('Package index; default: that of pip.'),
  system_site_packages: flag('Whether the environment can use the packages of the host’s own Python.', {
    default: false,
  }),
  upgrade: flag(
    'Whether an installation of packages also upgrades the others to the newest allowed version.',
    { default: false },
  ),
  owner: text('Account that owns every file of the environment and runs pip.'),
} as const;
type Arguments = Given<typeof args, 'path'>;

const listing = scriptBeside(import.meta.url, './python-listing.sh');
const included = scriptBeside(import.meta.url, './python-included.sh');
const keepNetrc = scriptBeside(import.meta.url, './python-netrc.sh');

export const python_venv = defineModule({
  name: 'python_venv',
  summary: 'A virtual environment of Python with its packages.',
  args,
  required: ['path'],
  absent: 'removes its folder',
  examples: {
    'The requirements of an application': {
      path: '/srv/app/venv',
      requirements: '/srv/app/requirements.txt',
      owner: 'www-data',
    },
    'A tool': { path: '/opt/httpie', packages: ['httpie>=3.2'] },
  },
  secrets: { in: ['index_url'] },
  identity: args => args.path,
  refine: ({ packages = [] }) =>
    packages
      .filter(text => readRequirements(text)[0]?.text !== text.split(';')[0]!.trim())
      .map(text => `"${text}" is not a package and its versions, such as flask or "gunicorn>=22,<24".`)
      .map(says => ({ at: 'packages', says })),
  probes: args => ({
    folder: path(args.path),
    config: content(`${args.path}/pyvenv.cfg`),
    listing: command(
      withVariables(listing, {
        ...{ venv: args.path, unfinished, owner: args.owner },
        system: args.system_site_packages ? 'yes' : undefined,
      }),
      { about: [args.path, ...(args.system_site_packages ? ['packages', '/usr/local/lib'] : [])] },
    ),
    python: program(args.python),
    // python3 is a link to Debian's default version.
    link: path(args.python.startsWith('/') ? args.python : `/usr/bin/${args.python}`),
    requirements: content(args.requirements ?? `${args.path}/pyvenv.cfg`),
    perhapsIncluded:
      args.requirements === undefined
        ? undefined
        : command(withVariables(included, { file: args.requirements }), {
            about: [posix.dirname(posix.dirname(args.requirements))],
          }),
    ...foldersAbove(args),
  }),
  actual: (read, args) => {
    const wanted = minorOf(read.link?.target ?? args.python);
    if (read.python === null) {
      const name = posix.basename(args.python);
      return Missing.fromPackages(args.python, name, `${name}-minimal`);
    }
    if (args.requirements !== undefined && read.requirements === null)
      return new Missing(`the file ${args.requirements}`, [`path:${args.requirements}`]);
    const listing = read.listing.stdout;
    const config = read.config?.bytes?.toString();
    const isUsable = listing.includes('usable\n');
    if (!listing.includes('ensurepip\n') && !isUsable && read.python.startsWith('/usr/bin/')) {
      const packages = compact(['python3-venv', wanted !== undefined && `python${wanted}-venv`]);
      return Missing.fromPackages('Python’s module to make virtual environments', ...packages);
    }
    if (config === undefined) return null;
    const made = madeFrom(config);
    const isSame = wanted === undefined || made === undefined || wanted === made;
    const missing = unmet(read, args).map(({ says }) => says);
    return {
      python: !isUsable ? 'incomplete' : isSame ? args.python : `python${made}`,
      system_site_packages: /^include-system-site-packages = true$/m.test(config),
      packages: missing.length === 0 ? 'complete' : `without ${missing.join(', ')}`,
      owner: valuesOf(listing, 'owner')[0] ?? args.owner ?? read.folder?.owner ?? null,
    };
  },
  desired: ({ python, system_site_packages, owner }) => ({
    python,
    system_site_packages,
    packages: 'complete',
    owner,
  }),
  obstacles: (args, read, { kind }) => {
    if (kind === 'remove' || args.owner !== undefined) return [];
    const account = valuesOf(read.listing.stdout, 'account')[0] ?? 'root';
    const at = (folder: string) => (folder === args.path ? read.folder : read[folder as 'folder']);
    const folder = [...Object.keys(foldersAbove(args)), args.path].find(each => isOpenTo(at(each), account));
    if (folder === undefined) return [];
    const owner = at(folder)?.owner;
    const other = owner === account ? undefined : owner;
    const says = `${other ?? `Another account than ${account}`} can write to ${folder}, from which ${account} would run programs.`;
    return [{ says, fix: `Declare the account that uses the environment as owner: ${other ?? 'ACCOUNT'}.` }];
  },
  steps: (diff, args, read) => {
    const { path } = args;
    const owner = defined({ owner: args.owner });
    // No other account may be able to make root run its programs.
    const as = args.owner === undefined ? { runsFrom: path } : { as: args.owner };
    const isMade = diff.has('python') || diff.has('system_site_packages');
    const clear = read.config !== null && diff.has('python');
    return [
      diff.kind === 'create' && { do: 'directory', path, mode: '0755', ...owner },
      read.folder !== null && diff.has('owner') && { do: 'attributes', path, ...owner, recursive: true },
      isMade && make(args, clear, as),
      (isMade || diff.has('packages')) && install(args, as, isMade ? [] : unmet(read, args)),
    ];
  },
  removal: {
    probes: args => ({ folder: path(args.path) }),
    actual: ({ folder }) => folder && { venv: true },
  },
  remove: ({ path }) => [{ do: 'remove', path, recursive: true }],
  runsFrom: ({ path, owner }) => (owner === undefined || owner === 'root' ? path : undefined),
  claims: ({ path, owner, packages = [] }) => ({
    ...pathClaims(path, 'directory', { owner }),
    ...Object.fromEntries(
      readRequirements(packages.join('\n')).flatMap(({ name, versions: [only] }) =>
        only?.operator === '==' ? [[`the version of ${name} in ${path}`, only.version]] : [],
      ),
    ),
  }),
  claimsBelow: ({ owner }, path) => (owner === undefined ? {} : pathClaims(path, undefined, { owner })),
});

type Read = {
  config: Content;
  listing: { stdout: string };
  requirements: Content;
  perhapsIncluded?: { stdout: string } | undefined;
};
type Content = { bytes?: Uint8Array | undefined } | null;

const textOf = (file: Content): string =>
  file?.bytes === undefined ? '' : Buffer.from(file.bytes).toString();
const madeFrom = (config: string): string | undefined =>
  minorOf(/^version(?:_info)? = (.*)$/m.exec(config)?.[1]);

/** Returns the unmet requirements of the declared packages, with those of the included files. */
function unmet(read: Read, args: Arguments) {
  const { config, listing, requirements } = read;
  const listed = args.requirements === undefined ? '' : textOf(requirements);
  const includes = /^[ \t]*(-[rc]|--requirement|--constraint)/m.test(listed);
  const [more = '', limits = ''] = (includes && read.perhapsIncluded?.stdout.split('\f')) || [];
  return lacking(
    readRequirements([...(args.packages ?? []), listed, more].join('\n')),
    readRequirements(limits),
    installedPackages(listing.stdout),
    {
      python_version: madeFrom(textOf(config)) ?? '',
      platform_machine: valuesOf(listing.stdout, 'machine')[0] ?? '',
    },
  );
}

/** Returns the probes of the folders above an environment without an owner. */
function foldersAbove({ path: below, owner }: Pick<Arguments, 'path' | 'owner'>) {
  const probes: Record<`/${string}`, Probe<PathState | null>> = {};
  for (let at = posix.dirname(below); at !== '/' && owner === undefined; at = posix.dirname(at))
    probes[at as '/'] = path(at);
  return probes;
}

/** Whether an account besides root and `account` can change the thing at a path. */
const isOpenTo = (at: PathState | null | undefined, account: string): boolean =>
  at != null &&
  (!['root', account].includes(at.owner) ||
    (at.type !== 'link' && (Number.parseInt(at.mode, 8) & 0o022) !== 0));

const contents = ['bin', 'include', 'lib', 'lib64', 'share', 'pyvenv.cfg'];
const changes = (path: string): Effect[] =>
  contents.map(part => ({ kind: 'below', path: `${path}/${part}` }));

/** Returns the step that creates an environment. An old one is cleared first, beginning with pyvenv.cfg, its mark. */
function make(args: Arguments, clear: boolean, as: Pick<RunStep, 'as'>): RunStep {
  const { path, python, system_site_packages } = args;
  const venv = shellQuote(path);
  const words = [python, '-m', 'venv', ...(system_site_packages ? ['--system-site-packages'] : [])];
  const command = [
    ...(clear ? [`rm -f ${venv}/pyvenv.cfg`, `find ${venv} -mindepth 1 -delete`] : []),
    `: >${venv}/${unfinished}`,
    [...words, path].map(shellQuote).join(' '),
    `rm ${venv}/${unfinished}`,
  ].join(' &&\n');
  const label = [...words, ...(clear ? ['--clear'] : []), path].map(shellQuote).join(' ');
  return { do: 'run', label, command, cwd: '/', touches: changes(path), ...as };
}

function install(
  args: Arguments,
  as: Pick<RunStep, 'as' | 'runsFrom'>,
  lacks: ReturnType<typeof unmet>,
): RunStep | undefined {
  const { path, requirements, packages = [] } = args;
  if (requirements === undefined && packages.length === 0) return undefined;
  const venv = shellQuote(path);
  // pip mistakes a half-installed package, and one with missing files, for an installed one.
  const damaged = lacks.flatMap(({ folder }) =>
    folder === undefined ? [] : `${venv}/lib/python3*/site-packages/${shellQuote(folder)}`,
  );
  const forget = damaged.length === 0 ? '' : `rm -rf -- ${damaged.join(' ')}\n`;
  const tidy = `for d in ${venv}/lib/python3*/site-packages/*.dist-info; do grep -qs /INSTALLER, "$d/RECORD" || rm -rf -- "$d"; done`;
  const files = requirements === undefined ? [] : [requirements];
  const options = [...(args.upgrade ? ['--upgrade'] : []), ...files.flatMap(file => ['--requirement', file])];
  const words = [...options, ...packages].map(shellQuote).join(' ');
  const { url, netrc } = indexOf(args.index_url);
  return {
    do: 'run',
    label: `${path}/bin/python -m pip install ${words}`,
    command: `${tidy}\n${forget}${netrc ? `${filled(keepNetrc, { file: shellQuote(`${path}/.netrc.`) })}\n` : ''}${venv}/bin/python -m pip install --quiet ${words}`,
    cwd: path,
    reads: files,
    env: {
      // The owner is often an account that may not write to its home.
      ...(as.as !== undefined && { HOME: path, PIP_NO_CACHE_DIR: '1' }),
      PIP_DISABLE_PIP_VERSION_CHECK: '1',
      PIP_NO_INPUT: '1',
      ...defined({ PIP_INDEX_URL: url }),
    },
    ...defined({ input: netrc }),
    timeoutS: 1800,
    touches: changes(path),
    ...as,
  };
}

/** Splits the login off the address of an index: pip passes the address to its helpers as an argument. */
function indexOf(address: string | undefined): { url?: string; netrc?: string } {
  const pattern = /^(https?:\/\/)([^/@:]*)(?::([^/@]*))?@(.*)$/;
  const [, scheme, user = '', password = '', rest = ''] = pattern.exec(address ?? '') ?? [];
  if (scheme === undefined) return defined({ url: address });
  const word = (text: string) => {
    const clear = percentDecoded(text);
    // Older Pythons do not understand quotes in netrc.
    return /^[^\s"\\]+$/.test(clear) ? clear : `"${clear.replace(/["\\]/g, '\\$&')}"`;
  };
  const login = `machine ${rest.split(/[/:]/)[0]} login ${word(user)} password ${word(password)}\n`;
  return { url: `${scheme}${rest}`, netrc: login };
}

/** Returns a decoded part of an address, or the part itself if its encoding is invalid. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
