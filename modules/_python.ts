import { defined } from '../engine/argument.ts';

/** A line of a requirements file that names a package. */
export interface Requirement {
  /** As written, without its marker. */
  text: string;
  /** Normalized: lower case, with dashes. */
  name: string;
  /** `>=` and `1.2`, all of which have to hold. */
  versions: readonly { operator: string; version: string }[];
  /** What follows the semicolon, e.g. `python_version < "3.11"`. */
  marker?: string;
}

/** A package's name as the index compares it: `Flask_SQLAlchemy` → `flask-sqlalchemy`. */
export const normalized = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, '-');

/** The named packages of a requirements file; options, URLs and paths are for pip alone and are left out. */
export function readRequirements(text: string): Requirement[] {
  return text
    .replace(/\\\r?\n/g, ' ')
    .split(/\r?\n/)
    .map(line =>
      readRequirement(
        line
          .replace(/(^|\s)#.*$/, '')
          .replace(/\s--hash[= ].*$/, '')
          .trim(),
      ),
    )
    .filter(requirement => requirement !== undefined);
}

function readRequirement(line: string): Requirement | undefined {
  const match = /^([A-Za-z0-9][\w.-]*)\s*(\[[^\]]*\])?\s*(?:@[^;]*|\(([^)]*)\)|([^;@(]*))(?:;(.*))?$/.exec(
    line,
  );
  if (match === null) return undefined;
  const [, name, , bracketed, plain, marker] = match;
  const versions = (bracketed ?? plain ?? '').split(',').filter(clause => clause.trim() !== '');
  const clauses = versions.map(clause => /^\s*(===|==|~=|!=|<=|>=|<|>)\s*(\S+)\s*$/.exec(clause));
  if (clauses.includes(null)) return undefined;
  return {
    text: line.split(';')[0]!.trim(),
    name: normalized(name!),
    versions: clauses.map(clause => ({ operator: clause![1]!, version: clause![2]! })),
    ...defined({ marker: marker?.trim() }),
  };
}

/** Whether a requirement is for a Linux host with this Python (`3.11`); a marker that is not understood means no. */
export function applies({ marker }: Requirement, python: string): boolean {
  if (marker === undefined) return true;
  return marker
    .split(/\s+or\s+/)
    .some(all => all.split(/\s+and\s+/).every(clause => clauseHolds(clause, python)));
}

const environment: Readonly<Record<string, string>> = {
  implementation_name: 'cpython',
  os_name: 'posix',
  platform_python_implementation: 'CPython',
  platform_system: 'Linux',
  sys_platform: 'linux',
};

function clauseHolds(clause: string, python: string): boolean {
  const match = /^\s*\(?\s*(\w+)\s*(==|!=|<=|>=|<|>|~=)\s*["']([^"']*)["']\s*\)?\s*$/.exec(clause);
  if (match === null) return false;
  const [, variable, operator, value] = match as unknown as [string, string, string, string];
  if (variable === 'python_version') return versionHolds(python, operator, value);
  if (variable === 'python_full_version')
    return versionHolds(python, operator, value.split('.').slice(0, 2).join('.'));
  if (operator === '==') return environment[variable] === value;
  return operator === '!=' && variable in environment && environment[variable] !== value;
}

/** Whether an installed version is one that the requirement allows. */
export const allows = ({ versions }: Requirement, installed: string): boolean =>
  versions.every(({ operator, version }) => versionHolds(installed, operator, version));

const holds: Readonly<Record<string, (order: number) => boolean>> = {
  '==': order => order === 0,
  '!=': order => order !== 0,
  '<=': order => order <= 0,
  '>=': order => order >= 0,
  '<': order => order < 0,
  '>': order => order > 0,
};

function versionHolds(installed: string, operator: string, version: string): boolean {
  if (operator === '===') return installed === version;
  // A local version such as 1.2+cpu counts as 1.2 unless it is asked for.
  if (version.includes('+') && (operator === '==' || operator === '!='))
    return (operator === '==') === (installed.toLowerCase() === version.toLowerCase());
  if (version.endsWith('.*')) return (operator === '==') === hasPrefix(installed, version.slice(0, -2));
  const order = compareVersions(installed, version);
  const compared = holds[operator];
  if (compared !== undefined) return compared(order);
  const prefix = version.replace(/\.?(a|b|rc|\.post|\.dev)\d+.*$/, '').replace(/\.\d+$/, '');
  return order >= 0 && hasPrefix(installed, prefix);
}

function hasPrefix(version: string, prefix: string): boolean {
  const [numbers, wanted] = [releaseOf(version), releaseOf(prefix)];
  return wanted.every((number, i) => (numbers[i] ?? 0) === number);
}

const releaseOf = (version: string): number[] =>
  (/^v?(?:\d+!)?(\d+(?:\.\d+)*)/.exec(version)?.[1] ?? '0').split('.').map(Number);

/** Negative, 0 or positive as `a` is older than, the same as or newer than `b`, by the rules of PEP 440. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [sortKey(a), sortKey(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

const releaseNumbers = 8;

// Numbers that sort as the version does: epoch, release, then dev < a < b < rc < none, post, dev.
function sortKey(version: string): number[] {
  const text = version.toLowerCase().replace(/^v|\+.*$/g, '');
  const release = releaseOf(text);
  const padded = Array.from({ length: releaseNumbers }, (_, i) => release[i] ?? 0);
  const pre = /(?:^|[\d._-])(alpha|a|beta|b|rc|c|preview|pre)[._-]?(\d*)/.exec(text);
  const post = /(?:[._-]?(?:post|rev|r)[._-]?(\d+))|-(\d+)$/.exec(text.replace(/rc/, '..'));
  const dev = /[._-]?dev[._-]?(\d*)/.exec(text);
  const stage = pre ? ({ a: 1, b: 2 }[pre[1]![0]!] ?? 3) : dev && !post ? 0 : 4;
  const [epoch] = /^(\d+)!/.exec(text)?.slice(1) ?? ['0'];
  return [
    Number(epoch),
    ...padded,
    stage,
    Number(pre?.[2] || 0),
    post ? Number(post[1] ?? post[2]) + 1 : 0,
    dev ? Number(dev[1] || 0) - 1_000_000_000 : 0,
  ];
}

/** What the lines of a listing say that begin with a word. */
export const valuesOf = (listing: string, word: string): string[] =>
  listing
    .split('\n')
    .filter(line => line.startsWith(`${word} `))
    .map(line => line.slice(word.length + 1));

/** Package → version, from names such as `Flask_SQLAlchemy-3.1.1.dist-info`. */
export function installedPackages(listing: string): Map<string, string> {
  const matches = valuesOf(listing, 'package').map(entry =>
    /^(.+?)-([^-]+?)(?:-py3[^-]*)?\.(?:dist|egg)-info$/.exec(entry),
  );
  return new Map(
    matches.filter(match => match !== null).map(([, name, version]) => [normalized(name!), version!]),
  );
}

/** `3.11` of whatever names a Python. */
export const minorOf = (text: string | undefined): string | undefined => /(3\.\d+)/.exec(text ?? '')?.[1];

/** The requirements that are not met, each with what is there instead. */
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
