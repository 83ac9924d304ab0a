import type { PackagesEffect } from '../engine/effect.ts';
import type { Obstacle } from '../engine/module.ts';
import { readOnlyApt } from '../engine/probe.ts';
import { regexQuote, shellCommand, shellQuote } from '../engine/quote.ts';
import { compact } from '../engine/util/defined.ts';
import { filled, scriptBeside } from '../engine/util/text-beside.ts';

/**
 * Reads a package as written: `nginx`, `jq:i386` or `nginx=1.22.*`. Its name is as dpkg knows it, with an architecture
 * only where it is not the host's own.
 */
export function readWanted(written: string) {
  const [asked, version] = written.split('=');
  return { written, name: asked!.replace(/:(native|any)$/, ''), version };
}
export type Wanted = ReturnType<typeof readWanted>;

/** Whether it is the version wanted, as apt compares: the version itself, or what begins with it when it ends with `*`. */
export const matchesVersion = (version: string, wanted: string): boolean =>
  wanted.endsWith('*') ? version.startsWith(wanted.slice(0, -1)) : version === wanted;

const texts = {
  simulate: scriptBeside(import.meta.url, './apt-simulate.sh'),
  provided: scriptBeside(import.meta.url, './apt-provided.sh'),
  chosen: scriptBeside(import.meta.url, './apt-chosen.sh'),
};

/** Prints those of `names` that an installed package provides, a line each. */
export const provided = (names: readonly string[]): string =>
  filled(texts.provided, { names: shellQuote(` ${names.join(' ')} `) });

/** A script that simulates `apt-get WORDS` of everything, as a shell list that begins with `unless`. */
export const simulate = (words: readonly string[], unless = ''): string =>
  `${readOnlyApt}${unless}$only apt-get -s -q $memory ${shellCommand(words)} 2>/dev/null | grep -E '^(Inst|Remv|Purg) '`;

/** A script that simulates the removal of those of `names` that are installed; nothing when there are none. */
export const simulateRemoval = (words: readonly string[], names: readonly string[]): string =>
  simulateFor(words, names, isInstalled);

const isInstalled = 'case $status in installed=*) ;; *) [ -n "$r_planned" ] || continue ;; esac';

/** A script that simulates the removal of what nothing needs once `names`, where they are installed, count as asked for. */
export const simulateAutoremove = (names: readonly string[]): string =>
  simulateFor(['install', '--no-upgrade', '--auto-remove'], names, isInstalled, ':');

/**
 * A script that simulates the installation of those packages that are not there as written; nothing when all are.
 * Simulating takes a second, so it is not done for what another package provides.
 */
export const simulateInstallation = (words: readonly string[], written: readonly string[]): string =>
  `provided=$(${provided(written)})\n${simulateFor(words, written, isLacking)}`;

const isLacking = `case $status in installed\${v:-=*}) continue ;; esac
  ! printf '%s\n' "$provided" | grep -qxF -- "$p" || continue`;

const simulateFor = (words: readonly string[], written: readonly string[], choose: string, none = 'exit 0') =>
  filled(texts.simulate, {
    ...{ packages: written.map(shellQuote).join(' '), choose, none },
    ...{ readOnly: readOnlyApt.trimEnd(), apt: shellCommand(words) },
  });

/** What apt-get is told for an upgrade of all packages. */
export const upgradeWords = (upgrade: string): readonly string[] =>
  upgrade === 'full' ? ['dist-upgrade'] : ['upgrade', '--with-new-pkgs'];

/**
 * A script that simulates an upgrade of all packages. Working out the dependencies takes most of its time, and leads
 * nowhere when each installed package is the one that apt would choose, which is quick to ask; but a full upgrade may
 * also install an essential package that is missing.
 */
export const simulateUpgrade = (upgrade: string): string =>
  simulate(upgradeWords(upgrade), upgrade === 'full' ? '' : `${texts.chosen}\nchosen || `);

/**
 * Reads `Inst libc6 [2.36-9] (2.36-10 Debian:12 [amd64])` and `Remv nginx [1.22.1-9]`: the name, the version there now,
 * if any, and the version to come of what is installed or upgraded, and the names of what is removed.
 */
export function outlook(simulation: string) {
  const lines = [...simulation.matchAll(/^(Inst|Remv|Purg) (\S+)(?: \[(\S+)\])?(?: \((\S+))?/gm)];
  const comes = lines.filter(([, verb]) => verb === 'Inst');
  const goes = lines.filter(([, verb]) => verb !== 'Inst');
  return {
    upgrades: comes.map(([, , name, before, after = '']) => [name!, before, after] as const),
    removed: goes.map(([, , name]) => name!).toSorted(),
  };
}

export type Named = {
  comes?: readonly Wanted[];
  goes?: readonly string[];
  purges?: boolean;
  whole?: boolean;
};

/** What an `apt-get` does to packages: what its simulation says, and at least what is named. */
export function packagesEffect(simulation: string, named: Named): PackagesEffect {
  const { comes = [], goes = [], purges = false, whole = true } = named;
  const { upgrades, removed } = outlook(simulation);
  const versions = new Map(upgrades.map(([name, , after]) => [name, after]));
  const exact = ({ name, version }: Wanted) =>
    versions.get(name) ??
    versions.get(name.replace(/:.*/, '')) ??
    (version?.endsWith('*') ? undefined : version);
  return {
    kind: 'packages',
    comes: new Map([...versions, ...comes.map(one => [one.name, exact(one)] as const)]),
    dependencies: upgrades
      .filter(
        ([name, before]) => before === undefined && !comes.some(one => one.name.replace(/:.*/, '') === name),
      )
      .map(([name]) => name),
    ...(comes.length > 0 && { asked: comes.map(({ written }) => written) }),
    goes: [...new Set([...goes, ...removed])],
    orphans: removed.filter(name => !goes.includes(name)),
    purges,
    whole,
  };
}

/** The words of the indented lines that follow a heading in a simulation, a list for each line. */
function below(simulation: string, heading: string): string[][] {
  const [, lines] = new RegExp(`${regexQuote(heading)}\n((?: .*\n?)*)`).exec(simulation) ?? [];
  return lines?.match(/^ .*/gm)?.map(line => line.trim().split(/\s+/)) ?? [];
}

/** The essential packages that would be removed. */
export const essential = (simulation: string): string[] => below(simulation, 'what you are doing!').flat();

/**
 * What apt cannot bring together, by its simulations: it refuses the whole of what is asked for, by itself or with
 * the packages of earlier resources.
 */
export function unsolved(alone: string, together: string): Obstacle[] {
  const unmetIn = (simulation: string) =>
    below(simulation, 'The following packages have unmet dependencies:').map(words => words.join(' '));
  const error = /^E: (.*)$/m.exec(alone)?.[1];
  if (error !== undefined)
    return [
      {
        says: `apt refuses that: ${unmetIn(alone)[0] ?? error}.`,
        fix: 'See which packages are held with `apt-mark showhold`.',
      },
    ];
  const unmet = unmetIn(together);
  return compact<Obstacle>([
    unmet.length > 0 && {
      says: `apt refuses that together with the packages of earlier resources: ${unmet.join('; ')}.`,
      fix: 'Leave out one of the packages that exclude each other.',
    },
  ]);
}

/** Why apt refuses to install one of the packages, by its simulation; undefined = it does not. */
export function refusal(
  simulation: string,
  { written, name, version = '' }: Wanted,
  downgrades: boolean,
): Obstacle | undefined {
  const asked = written.replace(/=.*/, '');
  const [bare, architecture] = name.split(':') as [string, string?];
  const said = (words: string, ...names: string[]) =>
    names.some(each => simulation.split('\n').includes(`E: ${words.replace('%', each)}`));
  const listed = (word: string) =>
    [...simulation.matchAll(new RegExp(`^${word} (.*)$`, 'gm'))].map(([, rest]) => rest!);
  const taken = listed('Arch');
  const versions = [...new Set(listed(`Have ${regexQuote(bare)}`))];
  const epoch = versions
    .flatMap(one => /^\d+:/.exec(one) ?? [])
    .find(epoch => versions.some(one => matchesVersion(one, epoch + version)));
  const providers = below(simulation, `${bare} is a virtual package provided by:`).map(([first]) => first!);
  const isEmpty = said("Package '%' has no installation candidate", bare, asked);
  const [, before, after] = outlook(simulation).upgrades.find(([one]) => one === bare) ?? [];
  return compact<Obstacle>([
    architecture !== undefined &&
      taken.length > 0 &&
      ![...taken, 'all'].includes(architecture) && {
        says: `${asked} is for ${architecture}, and this host takes packages for ${taken.join(' and ')}.`,
        fix: `Have dpkg --add-architecture ${architecture} run before this resource.`,
      },
    said('Unable to locate package %', asked) && {
      says: `apt knows no package ${asked}.`,
      fix: 'Check its name, declare its source before this resource, or have old lists refreshed by `update_cache`.',
    },
    isEmpty &&
      providers.length > 0 && {
        says: `${asked} is a virtual package that is provided by ${providers.join(', ')}.`,
        fix: 'Name one of these.',
      },
    isEmpty && { says: `apt has no version of ${asked} to install.` },
    said(`Version '${version}' for '%' was not found`, bare, asked) && {
      says: `apt has no version ${version} of ${asked}; it has ${versions.join(', ') || 'none'}.`,
      fix: epoch === undefined ? 'Name one of these.' : `Write the epoch too: ${asked}=${epoch}${version}.`,
    },
    !downgrades &&
      below(simulation, 'DOWNGRADED:').flat().includes(bare) && {
        says: `${asked} would go down from ${before} to ${after}.`,
        fix: 'Say allow_downgrade: true if that is meant.',
      },
  ])[0];
}
