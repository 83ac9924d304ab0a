import type { PackagesEffect } from '../engine/effect.ts';
import type { Obstacle } from '../engine/module.ts';
import { readOnlyApt } from '../engine/probe.ts';
import { regexQuote, shellCommand, shellQuote } from '../engine/quote.ts';
import { compact, defined } from '../engine/util/defined.ts';
import { filled, scriptBeside } from '../engine/util/text-beside.ts';

/**
 * Parses a package as written: `nginx`, `jq:i386` or `nginx=1.22.*`. The name is the one that dpkg uses, with an
 * architecture only if it differs from the host's own.
 */
export function readWanted(written: string) {
  const [asked, version] = written.split('=');
  return { written, name: asked!.replace(/:(native|any)$/, ''), version };
}
export type Wanted = ReturnType<typeof readWanted>;

/** Whether apt takes a version for the wanted one: it is equal, or begins with the part before a final `*`. */
export const matchesVersion = (version: string, wanted: string): boolean =>
  wanted.endsWith('*') ? version.startsWith(wanted.slice(0, -1)) : version === wanted;

const texts = {
  simulate: scriptBeside(import.meta.url, './apt-simulate.sh'),
  installed: scriptBeside(import.meta.url, './apt-installed.sh'),
  provided: scriptBeside(import.meta.url, './apt-provided.sh'),
  chosen: scriptBeside(import.meta.url, './apt-chosen.sh'),
};

/** Returns a script that prints those of `names` that an installed package provides, one a line. */
export const provided = (names: readonly string[]): string =>
  filled(texts.provided, {
    names: shellQuote(` ${names.join(' ')} `),
    any: names.map(regexQuote).join('|'),
  });

/** Returns a script that simulates `apt-get WORDS` for all packages, as a shell list that begins with `unless`. */
export const simulate = (words: readonly string[], unless = ''): string =>
  `${readOnlyApt}${unless}$only apt-get -s -q $memory ${shellCommand(words)} 2>/dev/null | grep -E '^(Inst|Remv|Purg) '`;

/** Returns a script that simulates the removal of those of `names` that are installed. Without any, it does nothing. */
export const simulateRemoval = (words: readonly string[], names: readonly string[]): string =>
  simulateFor(words, names, isInstalled);

const isInstalled = 'case $status in installed=*) ;; *) [ -n "$r_planned" ] || continue ;; esac';

/** Returns a script that simulates an autoremove in which the installed ones of `names` count as manually installed. */
export const simulateAutoremove = (names: readonly string[]): string =>
  simulateFor(['install', '--no-upgrade', '--auto-remove'], names, isInstalled, ':');

/**
 * Returns a script that simulates the installation of the packages that are not installed as written. If all are, it
 * does nothing. A package that another one provides is left out, because a simulation takes a second. With `release`, an
 * installed package counts as installed if the release has no newer version.
 */
export function simulateInstallation(
  words: readonly string[],
  written: readonly string[],
  release?: string,
): string {
  if (release !== undefined) {
    const candidate = `$only apt-cache $memory -o APT::Default-Release=${release} policy "$n" 2>/dev/null | sed -n 's/^  Candidate: //p'`;
    const isOther = `case $status in installed\${v:-=*}) [ -n "$v" ] || [ "$status" != "installed=$(${candidate})" ] || continue ;; esac`;
    return readOnlyApt + simulateFor(['-t', release, ...words], written, isOther);
  }
  const installed = filled(texts.installed, { names: written.map(shellQuote).join(' ') });
  const hasVersions = written.some(one => one.includes('='));
  const isLacking = `case $status in installed\${v:-=*}) continue ;; esac
  [ "$provided" != unknown ] || provided=$(${provided(written)})
  ! printf '%s\n' "$provided" | grep -qxF -- "$p" || continue`;
  return `${hasVersions ? '' : `${installed}\n`}provided=unknown\n${simulateFor(words, written, isLacking)}`;
}

const simulateFor = (words: readonly string[], written: readonly string[], choose: string, none = 'exit 0') =>
  filled(texts.simulate, {
    ...{ packages: written.map(shellQuote).join(' '), choose, none },
    ...{ readOnly: readOnlyApt.trimEnd(), apt: shellCommand(words) },
  });

/** Returns the arguments of apt-get that upgrade all packages. */
export const upgradeWords = (upgrade: string): readonly string[] =>
  upgrade === 'full' ? ['dist-upgrade'] : ['upgrade', '--with-new-pkgs'];

/**
 * Returns a script that simulates an upgrade of all packages. Resolving the dependencies takes most of its time. It is
 * skipped if every installed package has the version that apt would choose, which apt tells quickly. A full upgrade is
 * always simulated, because it may also install a missing essential package.
 */
export const simulateUpgrade = (upgrade: string): string =>
  simulate(upgradeWords(upgrade), upgrade === 'full' ? '' : `${texts.chosen}\nchosen || `);

/**
 * Parses lines such as `Inst libc6 [2.36-9] (2.36-10 Debian:12 [amd64])` and `Remv nginx [1.22.1-9]`. `upgrades` has the
 * name, the present version, if any, and the new version of each installed or upgraded package; `removed` has names.
 */
export function parseSimulation(simulation: string) {
  const lines = [
    ...simulation.matchAll(
      /^(Inst|Remv|Purg) (\S+)(?: \[(\S+)\])?(?: \((\S+)(?:.*? \[([a-z0-9-]+)\]\))?)?/gm,
    ),
  ];
  const installed = lines.filter(([, verb]) => verb === 'Inst');
  const removed = lines.filter(([, verb]) => verb !== 'Inst');
  return {
    upgrades: installed.map(([, , name = '', before, after = '', architecture]): Upgrade => {
      return { name, before, after, architecture };
    }),
    removed: removed.map(([, , name]) => name!).toSorted(),
  };
}

/** A package that is installed or upgraded. The name has an architecture if that is not the host's own. */
interface Upgrade {
  name: string;
  before: string | undefined;
  after: string;
  architecture: string | undefined;
}

/** Whether an upgrade is of the package with this name, which may have the host's own architecture. */
export function isOf({ name, architecture }: Upgrade, wanted: string): boolean {
  const [bare, asked] = wanted.split(':');
  return (
    name === wanted || (asked !== undefined && name === bare && [asked, 'all'].includes(architecture ?? ''))
  );
}

export type Named = {
  comes?: readonly Wanted[];
  goes?: readonly string[];
  purges?: boolean;
  whole?: boolean;
};

/** Returns the effect of an `apt-get` on packages: the simulated changes, and at least the named packages. */
export function packagesEffect(simulation: string, named: Named): PackagesEffect {
  const { comes = [], goes = [], purges = false, whole = true } = named;
  const { upgrades, removed } = parseSimulation(simulation);
  const versions = new Map(upgrades.map(({ name, after }) => [name, after]));
  const exact = ({ name, version }: Wanted) =>
    upgrades.find(one => isOf(one, name))?.after ?? (version?.endsWith('*') ? undefined : version);
  const own = upgrades.find(({ name, architecture }) => !name.includes(':') && architecture !== 'all');
  return {
    kind: 'packages',
    comes: new Map([...versions, ...comes.map(one => [one.name, exact(one)] as const)]),
    ...defined({ architecture: own?.architecture }),
    dependencies: upgrades
      .filter(one => one.before === undefined && !comes.some(({ name }) => isOf(one, name)))
      .map(({ name }) => name),
    ...(comes.length > 0 && { asked: comes.map(({ written }) => written) }),
    goes: [...new Set([...goes, ...removed])],
    orphans: removed.filter(name => !goes.includes(name)),
    purges,
    whole,
  };
}

/** Returns the words of the indented lines below a heading of a simulation, one list a line. */
function below(simulation: string, heading: string): string[][] {
  const [, lines] = new RegExp(`${regexQuote(heading)}\n((?: .*\n?)*)`).exec(simulation) ?? [];
  return lines?.match(/^ .*/gm)?.map(line => line.trim().split(/\s+/)) ?? [];
}

/** Returns the essential packages that the simulation removes. */
export const essential = (simulation: string): string[] => below(simulation, 'what you are doing!').flat();

/**
 * Returns the obstacle if apt finds no solution for the packages: alone, or together with the packages of earlier
 * resources.
 */
export function unsolved(alone: string, together: string): Obstacle[] {
  const unmetIn = (simulation: string) =>
    below(simulation, 'The following packages have unmet dependencies:').map(words => words.join(' '));
  const error = /^E: (.*)$/m.exec(alone)?.[1];
  if (error !== undefined)
    return [
      {
        says: `apt refuses these packages: ${unmetIn(alone)[0] ?? error}.`,
        fix: 'List the held packages with `apt-mark showhold`.',
      },
    ];
  const unmet = unmetIn(together);
  return compact<Obstacle>([
    unmet.length > 0 && {
      says: `apt refuses them together with the packages of earlier resources: ${unmet.join('; ')}.`,
      fix: 'Leave out one of the packages that exclude each other.',
    },
  ]);
}

/** Returns the obstacle of a package for an architecture that the host does not take, or undefined. */
export function foreign(simulation: string, { written, name }: Wanted): Obstacle | undefined {
  const [, architecture] = name.split(':');
  const taken = listed(simulation, 'Arch');
  if (architecture === undefined || taken.length === 0 || [...taken, 'all'].includes(architecture))
    return undefined;
  const asked = written.replace(/=.*/, '');
  return {
    says: `${asked} is for ${architecture}, and this host takes packages for ${taken.join(' and ')}.`,
    fix: `Run dpkg --add-architecture ${architecture} by a command in an earlier resource.`,
  };
}

/** Returns the rest of each line that begins with a word. */
export const listed = (simulation: string, word: string): string[] =>
  [...simulation.matchAll(new RegExp(`^${word} (.*)$`, 'gm'))].map(([, rest]) => rest!);

/** Returns apt's reason for refusing one of the packages in its simulation, or undefined if apt accepts it. */
export function refusal(
  simulation: string,
  { written, name, version = '' }: Wanted,
  downgrades: boolean,
): Obstacle | undefined {
  const asked = written.replace(/=.*/, '');
  const [bare = ''] = name.split(':');
  const said = (words: string, ...names: string[]) =>
    names.some(each => simulation.split('\n').includes(`E: ${words.replace('%', each)}`));
  const versions = [...new Set(listed(simulation, `Have ${regexQuote(bare)}`))];
  const epoch = versions
    .flatMap(one => /^\d+:/.exec(one) ?? [])
    .find(epoch => versions.some(one => matchesVersion(one, epoch + version)));
  const providers = below(simulation, `${bare} is a virtual package provided by:`).map(([first]) => first!);
  const isEmpty = said("Package '%' has no installation candidate", bare, asked);
  const { before, after } = parseSimulation(simulation).upgrades.find(one => isOf(one, name)) ?? {};
  return compact<Obstacle>([
    said('Unable to locate package %', asked) && {
      says: `apt knows no package ${asked}.`,
      fix: 'Check the name, declare its source in an earlier resource, or refresh old lists with `update_cache`.',
    },
    isEmpty &&
      providers.length > 0 && {
        says: `${asked} is a virtual package, provided by ${providers.join(', ')}.`,
        fix: 'Name one of these packages.',
      },
    isEmpty && { says: `apt has no version of ${asked} to install.` },
    said(`Version '${version}' for '%' was not found`, bare, asked) && {
      says: `apt has no version ${version} of ${asked}; it has ${versions.join(', ') || 'none'}.`,
      fix:
        epoch === undefined
          ? 'Name one of these versions.'
          : `Write the epoch too: ${asked}=${epoch}${version}.`,
    },
    !downgrades &&
      below(simulation, 'DOWNGRADED:').some(words => words.includes(bare) || words.includes(name)) && {
        says: `${asked} would be downgraded from ${before} to ${after}.`,
        fix: 'To allow the downgrade, set allow_downgrade: true.',
      },
  ])[0];
}
