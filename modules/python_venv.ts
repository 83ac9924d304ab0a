import { defineModule } from '../engine/define-module.ts';
import { command, content, Missing, path, program } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import type { RunStep, Step } from '../engine/step.ts';
import { pathClaims } from './_files.ts';
import { allows, applies, normalized, type Requirement, readRequirements } from './_python.ts';

/** There while an environment is being made: one that was cut off looks whole long before it is. */
const unfinished = '.reconcile.unfinished';

/**
 * Prints the venv's packages, with the host's own where it uses them, and a file that is not the owner's. What pip
 * writes last of a package is its RECORD with the line of INSTALLER, so one without it was cut off. No Python is
 * started.
 */
function listScript({
  path,
  system_site_packages,
  owner,
}: {
  path: string;
  system_site_packages: boolean;
  owner?: string;
}): string {
  const venv = shellQuote(path);
  const system = system_site_packages
    ? 'for f in /usr/lib/python3*/dist-packages/*-info /usr/local/lib/python3*/dist-packages/*-info; do echo "package ${f##*/}"; done'
    : '';
  const stray =
    owner === undefined
      ? ''
      : `find ${venv} ! -user ${shellQuote(owner)} -printf 'owner %u\\n' -quit 2>/dev/null`;
  return `grep -ls /INSTALLER, ${venv}/lib/python3*/site-packages/*.dist-info/RECORD | while read -r f; do f=\${f%/*}; echo "package \${f##*/}"; done
[ -x ${venv}/bin/python ] && [ -x ${venv}/bin/pip ] && [ ! -e ${venv}/${unfinished} ] && echo usable
for f in /usr/lib/python3*/ensurepip; do [ -d "$f" ] && echo ensurepip; done
${system}
${stray}
:`;
}

const valuesOf = (listing: string, word: string): string[] =>
  listing
    .split('\n')
    .filter(line => line.startsWith(`${word} `))
    .map(line => line.slice(word.length + 1));

/** Package → version, from names such as `Flask_SQLAlchemy-3.1.1.dist-info`. */
function installedPackages(listing: string): Map<string, string> {
  const matches = valuesOf(listing, 'package').map(entry =>
    /^(.+?)-([^-]+?)(?:-py3[^-]*)?\.(?:dist|egg)-info$/.exec(entry),
  );
  return new Map(
    matches.filter(match => match !== null).map(([, name, version]) => [normalized(name!), version!]),
  );
}

const minorOf = (text: string | undefined): string | undefined => /(3\.\d+)/.exec(text ?? '')?.[1];

function lacking(requirements: readonly Requirement[], installed: ReadonlyMap<string, string>): string[] {
  return requirements.flatMap(requirement => {
    const version = installed.get(requirement.name);
    if (version === undefined) return [requirement.text];
    return allows(requirement, version) ? [] : [`${requirement.text} (has ${version})`];
  });
}

export const python_venv = defineModule({
  name: 'python_venv',
  summary: 'A virtual environment of Python and the packages in it.',
  args: {
    type: 'object',
    properties: {
      path: { type: 'string', pattern: '^/.', description: 'Folder of the virtual environment.' },
      python: {
        type: 'string',
        default: 'python3',
        minLength: 1,
        description: 'The Python it is made from, a program or its path.',
      },
      requirements: {
        type: 'string',
        pattern: '^/',
        description: 'A requirements file on the host, of which every package has to be installed.',
      },
      packages: {
        type: 'array',
        items: { type: 'string', pattern: '^[A-Za-z0-9]' },
        description: 'Packages as in a requirements file, e.g. `flask` or `gunicorn>=22,<24`.',
      },
      index_url: { type: 'string', description: 'A package index other than pip’s default.' },
      system_site_packages: {
        type: 'boolean',
        default: false,
        description: 'Whether the packages of the host’s own Python can be used in it.',
      },
      upgrade: {
        type: 'boolean',
        default: false,
        description:
          'Whether, when packages have to be installed, the others are brought to the newest allowed version too.',
      },
      owner: { type: 'string', description: 'The account that owns every file in it, and that pip runs as.' },
      state: {
        enum: ['present', 'absent'],
        default: 'present',
        description: 'Whether the environment exists; `absent` removes its folder.',
      },
    },
    required: ['path'],
    additionalProperties: false,
  },
  examples: [
    {
      title: 'What an application asks for',
      args: { path: '/srv/app/venv', requirements: '/srv/app/requirements.txt', owner: 'www-data' },
    },
    { title: 'A tool', args: { path: '/opt/httpie', packages: ['httpie>=3.2'] } },
  ],
  secrets: { in: ['index_url'] },
  identity: args => args.path,
  refine: args => {
    const known = readRequirements((args.packages ?? []).join('\n')).map(({ text }) => text);
    return (args.packages ?? [])
      .filter(text => !known.includes(text.split(';')[0]!.trim()))
      .map(text => `"${text}" is not a package and its versions, such as flask or "gunicorn>=22,<24"`);
  },
  probes: args => ({
    folder: path(args.path),
    config: content(`${args.path}/pyvenv.cfg`),
    listing: command(listScript(args)),
    python: program(args.python),
    // python3 is a link to the version that is Debian's default.
    link: path(args.python.startsWith('/') ? args.python : `/usr/bin/${args.python}`),
    requirements: content(args.requirements ?? `${args.path}/pyvenv.cfg`),
  }),
  actual: (read, args) => {
    if (read.folder === null && args.state === 'absent') return null;
    if (args.state === 'absent') return { venv: true };
    if (read.python === null) return new Missing(args.python, ['package:python3*']);
    if (args.requirements !== undefined && read.requirements === null)
      return new Missing(`the file ${args.requirements}`, [`path:${args.requirements}`]);
    const listing = read.listing.stdout;
    const config = read.config?.bytes?.toString();
    if (
      !listing.includes('ensurepip\n') &&
      !listing.includes('usable\n') &&
      read.python.startsWith('/usr/bin/')
    )
      return new Missing('Python’s module to make virtual environments', [
        'package:python3-venv',
        'package:python3*-venv',
      ]);
    if (config === undefined) return null;
    const wanted = minorOf(read.link?.target ?? args.python);
    const made = minorOf(/^version(?:_info)? = (.*)$/m.exec(config)?.[1]);
    const python =
      wanted === undefined || made === undefined || wanted === made ? args.python : `python${made}`;
    const missing = lacking(
      requirementsOf(args, read.requirements?.bytes, made ?? ''),
      installedPackages(listing),
    );
    return {
      python: listing.includes('usable\n') ? python : 'incomplete',
      system_site_packages: /^include-system-site-packages = true$/m.test(config),
      packages: missing.length === 0 ? 'complete' : `without ${missing.join(', ')}`,
      owner: valuesOf(listing, 'owner')[0] ?? args.owner ?? read.folder?.owner ?? null,
    };
  },
  desired: args =>
    args.state === 'absent'
      ? null
      : {
          python: args.python,
          system_site_packages: args.system_site_packages,
          packages: 'complete',
          ...(args.owner === undefined ? {} : { owner: args.owner }),
        },
  steps: (diff, args, read) => {
    const { path, owner } = args;
    if (diff.kind === 'remove') return [{ do: 'remove', path, recursive: true }];
    const steps: Step[] = [];
    if (diff.kind === 'create')
      steps.push({ do: 'directory', path, mode: '0755', ...(owner === undefined ? {} : { owner }) });
    if (diff.has('owner') && diff.kind === 'update' && owner !== undefined)
      steps.push({ do: 'attributes', path, owner, recursive: true });
    // Whoever could change what is in it must not be able to have root run it.
    const as = owner === undefined ? { runsFrom: path } : { as: owner };
    const remake = diff.has('python') || diff.has('system_site_packages');
    if (remake) {
      const clear = read.config !== null && diff.has('python');
      steps.push(make(args, clear, as));
    }
    if (remake || diff.has('packages')) steps.push(...install(args as Arguments, as));
    return steps;
  },
  claims: args =>
    args.state === 'absent'
      ? pathClaims(args.path, 'nothing')
      : pathClaims(args.path, 'directory', { owner: args.owner }),
  brings: args => [{ token: `path:${args.path}` }],
  timeoutS: () => 1800,
});

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
  return { do: 'run', label, command: command.join(' &&\n'), cwd: '/', ...as };
}

interface Arguments {
  path: string;
  python: string;
  system_site_packages: boolean;
  requirements?: string;
  packages?: string[];
  index_url?: string;
  upgrade: boolean;
}

function requirementsOf(
  args: { requirements?: string; packages?: string[] },
  file: Buffer | undefined,
  python: string,
): Requirement[] {
  const text = [
    ...(args.packages ?? []),
    args.requirements === undefined ? '' : (file?.toString() ?? ''),
  ].join('\n');
  return readRequirements(text).filter(requirement => applies(requirement, python));
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
  const step: RunStep = {
    do: 'run',
    label: `${args.path}/bin/python -m pip install ${words.join(' ')}`,
    command: `${tidy}\n${netrc}${venv}/bin/python -m pip install --quiet ${words.join(' ')}`,
    cwd: args.path,
    env: {
      // The owner is often an account whose home it may not write to.
      ...(as.as === undefined ? {} : { HOME: args.path, PIP_NO_CACHE_DIR: '1' }),
      PIP_DISABLE_PIP_VERSION_CHECK: '1',
      PIP_NO_INPUT: '1',
      ...(index === undefined ? {} : { PIP_INDEX_URL: index.url }),
    },
    ...(index?.netrc === undefined ? {} : { input: index.netrc }),
    timeoutS: 1800,
    ...as,
  };
  return [step];
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
