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
  const pattern = /^([A-Za-z0-9][\w.-]*)\s*(?:\[([^\]]*)\])?\s*(?:@[^;]*|\(([^)]*)\)|([^;@(]*))(?:;(.*))?$/;
  const [, name, extras = '', bracketed, plain = '', marker] = pattern.exec(line) ?? [];
  const clauses = (bracketed ?? plain).split(',').filter(clause => clause.trim() !== '');
  const versions = clauses.map(clause => /^\s*(===|==|~=|!=|<=|>=|<|>)\s*(\S+)\s*$/.exec(clause));
  if (name === undefined || versions.includes(null)) return undefined;
  return {
    text: line.split(';')[0]!.trim(),
    name: normalized(name),
    // Parts of the package with requirements of their own.
    extras: extras.split(',').flatMap(extra => (extra.trim() === '' ? [] : normalized(extra.trim()))),
    // All clauses must hold.
    versions: versions.map(match => ({ operator: match![1]!, version: match![2]! })),
    // The text after the semicolon, e.g. `python_version < "3.11"`.
    marker: marker?.trim(),
  };
}
type Requirement = NonNullable<ReturnType<typeof readRequirement>>;

/** The variables of markers whose values differ between hosts; `python_version` is `3.11`. */
type Variables = Readonly<{ python_version: string; platform_machine?: string; extra?: string }>;

/** Whether a requirement applies to a Linux host. With an unknown marker, it does not. */
export function applies({ marker = '' }: Requirement, variables: Variables): boolean {
  const words = marker.match(/[()]|"[^"]*"|'[^']*'|not\s+in\b|\w+|[<>=!~]+/g) ?? [];
  let at = 0;
  const next = (word: string): boolean => words[at] === word && at++ >= 0;
  const any = (): boolean => {
    let holds = all();
    while (next('or')) holds = all() || holds;
    return holds;
  };
  const all = (): boolean => {
    let holds = one();
    while (next('and')) holds = one() && holds;
    return holds;
  };
  const one = (): boolean => {
    if (next('(')) {
      const holds = any();
      return next(')') && holds;
    }
    at += 3;
    const [left = '', operator = '', right = ''] = words.slice(at - 3, at);
    return clauseHolds(left, operator.replace(/\s+/, ' '), right, { ...environment, ...variables });
  };
  return words.length === 0 || (any() && at === words.length);
}

const environment: Readonly<Record<string, string>> = {
  extra: '',
  implementation_name: 'cpython',
  os_name: 'posix',
  platform_python_implementation: 'CPython',
  platform_system: 'Linux',
  sys_platform: 'linux',
};

function clauseHolds(left: string, operator: string, right: string, variables: Record<string, string>) {
  const names = [left, right];
  const isFull = names.includes('python_full_version');
  // Of the full version, only the first two numbers are known.
  const short = (value: string) => (isFull ? value.split('.').slice(0, 2).join('.') : value);
  const [a, b] = names.map(word => {
    if (/^["']/.test(word)) return short(word.slice(1, -1));
    return variables[word === 'python_full_version' ? 'python_version' : word];
  });
  if (a === undefined || b === undefined) return false;
  if (operator === 'in' || operator === 'not in') return b.includes(a) === (operator === 'in');
  if (isFull || names.includes('python_version'))
    return /^(===?|~=|!=|[<>]=?)$/.test(operator) && versionHolds(a, operator, b);
  const isSame = names.includes('extra') ? normalized(a) === normalized(b) : a === b;
  return operator === '==' ? isSame : operator === '!=' && !isSame;
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

/** An installed package. */
interface Installed {
  version: string;
  /** Its folder in site-packages, such as `Flask_SQLAlchemy-3.1.1.dist-info`. */
  folder: string;
  needs: readonly Requirement[];
  /** A missing file of the package. */
  lost: string | undefined;
}

/** Returns the packages of a listing by name. A package of the environment hides one of the host. */
export function installedPackages(listing: string): Map<string, Installed> {
  const packages = new Map<string, Installed>();
  // The last line may have been cut off.
  const whole = listing.replace(/.*…$/, '');
  const [needs, lost] = [valuesOf(whole, 'needs'), valuesOf(whole, 'lost')];
  const linesOf = (lines: readonly string[], folder: string): string[] =>
    lines.flatMap(line => (line.startsWith(`${folder} `) ? line.slice(folder.length + 1) : []));
  for (const folder of valuesOf(listing, 'package')) {
    const [, name, version] = /^(.+?)-([^-]+?)(?:-py3[^-]*)?\.(?:dist|egg)-info$/.exec(folder) ?? [];
    if (name === undefined || version === undefined || packages.has(normalized(name))) continue;
    packages.set(normalized(name), {
      version,
      folder,
      needs: readRequirements(linesOf(needs, folder).join('\n')),
      lost: linesOf(lost, folder)[0],
    });
  }
  return packages;
}

/** Returns `3.11` from any text that names a version of Python. */
export const minorOf = (text: string | undefined): string | undefined => /(3\.\d+)/.exec(text ?? '')?.[1];

/**
 * Returns the unmet requirements of packages and of all that they require, as texts. `limits` are constraints: they count for
 * packages that are required. For a package without one of its files, `folder` is the folder by which pip takes it for
 * installed.
 */
export function lacking(
  requirements: readonly Requirement[],
  limits: readonly Requirement[],
  installed: ReadonlyMap<string, Installed>,
  variables: Variables,
): { says: string; folder?: string }[] {
  const seen = new Set<string>();
  const lackingIn = (needs: readonly Requirement[], extra: string, by = ''): ReturnType<typeof lacking> =>
    needs
      .filter(need => applies(need, { ...variables, extra }) && (extra === '' || !applies(need, variables)))
      .flatMap(need => {
        const found = installed.get(need.name);
        if (found === undefined) return [{ says: by === '' ? need.text : `${need.text} (for ${by})` }];
        const own = limits.filter(one => one.name === need.name && applies(one, variables));
        const broken = [need, ...own].find(one => !allows(one, found.version));
        if (broken !== undefined) {
          const has = `has ${found.version}`;
          return [{ says: `${broken.text} (${by === '' ? has : `for ${by}, ${has}`})` }];
        }
        return ['', ...need.extras].flatMap(part => {
          const id = `${need.name}[${part}]`;
          if (seen.has(id)) return [];
          seen.add(id);
          const isLost = part === '' && found.lost !== undefined;
          const files = isLost ? [{ says: `${found.lost} of ${need.name}`, folder: found.folder }] : [];
          return [...files, ...lackingIn(found.needs, part, part === '' ? need.name : id)];
        });
      });
  const all = lackingIn(requirements, '');
  return all.filter(({ says }, i) => all.findIndex(one => one.says === says) === i);
}
