/** Returns a package's name as the index compares it: `Flask_SQLAlchemy` → `flask-sqlalchemy`. */
export const normalized = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, '-');

/** Returns the named packages of a requirements file, without options, URLs and paths, which only pip understands. */
export const readRequirements = (text: string): Requirement[] =>
  text
    .replace(/\\\r?\n/g, ' ')
    .split(/\r?\n/)
    .flatMap(line => readRequirement(line.replace(/(^|\s)(#|--hash[= ]).*$/, '').trim()) ?? []);

/** Parses a line that names a package. `text` is the line as written, without the marker. */
function readRequirement(line: string) {
  const pattern = /^([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(?:@[^;]*|\(([^)]*)\)|([^;@(]*))(?:;(.*))?$/;
  const [, name, bracketed, plain = '', marker] = pattern.exec(line) ?? [];
  const clauses = (bracketed ?? plain).split(',').filter(clause => clause.trim() !== '');
  const versions = clauses.map(clause => /^\s*(===|==|~=|!=|<=|>=|<|>)\s*(\S+)\s*$/.exec(clause));
  if (name === undefined || versions.includes(null)) return undefined;
  return {
    text: line.split(';')[0]!.trim(),
    name: normalized(name),
    // All clauses must hold.
    versions: versions.map(match => ({ operator: match![1]!, version: match![2]! })),
    // The text after the semicolon, e.g. `python_version < "3.11"`.
    marker: marker?.trim(),
  };
}
type Requirement = NonNullable<ReturnType<typeof readRequirement>>;

/** Whether a requirement applies to a Linux host with this Python (`3.11`). With an unknown marker, it does not. */
export const applies = ({ marker }: Requirement, python: string): boolean =>
  marker === undefined ||
  marker.split(/\s+or\s+/).some(all => all.split(/\s+and\s+/).every(clause => clauseHolds(clause, python)));

const environment: Readonly<Record<string, string>> = {
  implementation_name: 'cpython',
  os_name: 'posix',
  platform_python_implementation: 'CPython',
  platform_system: 'Linux',
  sys_platform: 'linux',
};

function clauseHolds(clause: string, python: string): boolean {
  const pattern = /^\s*\(?\s*(\w+)\s*(==|!=|<=|>=|<|>|~=)\s*["']([^"']*)["']\s*\)?\s*$/;
  const [, variable = '', operator = '', value = ''] = pattern.exec(clause) ?? [];
  if (variable === 'python_version') return versionHolds(python, operator, value);
  if (variable === 'python_full_version')
    return versionHolds(python, operator, value.split('.').slice(0, 2).join('.'));
  const known = environment[variable];
  return known !== undefined && (operator === '==' ? known === value : operator === '!=' && known !== value);
}

/** Whether the requirement allows an installed version. */
export const allows = ({ versions }: Requirement, installed: string): boolean =>
  versions.every(({ operator, version }) => versionHolds(installed, operator, version));

function versionHolds(installed: string, operator: string, version: string): boolean {
  if (operator === '===') return installed === version;
  // A local version such as 1.2+cpu counts as 1.2 unless the requirement names it.
  if (version.includes('+') && (operator === '==' || operator === '!='))
    return (operator === '==') === (installed.toLowerCase() === version.toLowerCase());
  if (version.endsWith('.*')) return (operator === '==') === hasPrefix(installed, releaseOf(version));
  const order = compareVersions(installed, version);
  if (operator === '~=') return order >= 0 && hasPrefix(installed, releaseOf(version).slice(0, -1));
  if (operator === '!=') return order !== 0;
  return operator.includes(order === 0 ? '=' : order < 0 ? '<' : '>');
}

function hasPrefix(version: string, prefix: readonly number[]): boolean {
  const release = releaseOf(version);
  return prefix.every((number, i) => (release[i] ?? 0) === number);
}

/** Epoch, release, pre-release and its number, post-release, development release: PEP 440, appendix B. */
const parts =
  /^v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[._-]?(a|b|c|rc|pre)(?:lpha|eta|view)?[._-]?(\d*))?(?:(?:-|[._-]?(?:post|rev|r)[._-]?)(\d+))?(?:[._-]?dev[._-]?(\d*))?/i;

const releaseOf = (version: string): number[] => (parts.exec(version)?.[2] ?? '0').split('.').map(Number);

/** Returns a negative number, 0 or a positive number if `a` is older than, equal to or newer than `b` (PEP 440). */
export function compareVersions(a: string, b: string): number {
  const right = sortKey(b);
  const differences = sortKey(a).map((number, i) => number - right[i]!);
  return differences.find(difference => difference !== 0) ?? 0;
}

const releaseNumbers = 8;
const stages: Readonly<Record<string, number>> = { a: 1, b: 2 };

// Numbers that sort like the version: epoch, release, then dev < a < b < rc < none, post, dev.
function sortKey(version: string): number[] {
  const [, epoch = '', , stage, pre = '', post, dev] = parts.exec(version) ?? [];
  const release = releaseOf(version);
  const ofNone = dev !== undefined && post === undefined ? 0 : 4;
  return [
    Number(epoch),
    ...Array.from({ length: releaseNumbers }, (_, i) => release[i] ?? 0),
    stage === undefined ? ofNone : (stages[stage.toLowerCase()] ?? 3),
    Number(pre),
    post === undefined ? 0 : Number(post) + 1,
    dev === undefined ? 0 : Number(dev) - 1_000_000_000,
  ];
}

/** Returns the rest of each line of a listing that begins with the word. */
export const valuesOf = (listing: string, word: string): string[] =>
  [...listing.matchAll(new RegExp(`^${word} (.*)$`, 'gm'))].map(([, value]) => value!);

/** Returns a map of packages to versions, from names such as `Flask_SQLAlchemy-3.1.1.dist-info`. */
export const installedPackages = (listing: string): Map<string, string> =>
  new Map(
    valuesOf(listing, 'package')
      .map(entry => /^(.+?)-([^-]+?)(?:-py3[^-]*)?\.(?:dist|egg)-info$/.exec(entry))
      .flatMap(match => (match ? [[normalized(match[1]!), match[2]!]] : [])),
  );

/** Returns `3.11` from any text that names a version of Python. */
export const minorOf = (text: string | undefined): string | undefined => /(3\.\d+)/.exec(text ?? '')?.[1];

/** Returns the unmet requirements, each with the installed version, if any. */
export function lacking(
  requirements: readonly Requirement[],
  installed: ReadonlyMap<string, string>,
): string[] {
  return requirements.flatMap(requirement => {
    const version = installed.get(requirement.name);
    if (version === undefined) return [requirement.text];
    return allows(requirement, version) ? [] : [`${requirement.text} (has ${version})`];
  });
}
