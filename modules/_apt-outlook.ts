import type { PackagesEffect } from '../engine/effect.ts';
import type { Obstacle } from '../engine/module.ts';
import { readOnlyApt } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';

/** A package as written: `nginx`, `jq:i386` or `nginx=1.22.*`. */
export interface Wanted {
  written: string;
  /** As dpkg knows it: with an architecture only where it is not the host's own. */
  name: string;
  version: string | undefined;
}

/** Reads a package as written. */
export function readWanted(written: string): Wanted {
  const [asked, version] = written.split('=');
  return { written, name: asked!.replace(/:(native|any)$/, ''), version };
}

/** Whether it is the version wanted, as apt compares: the version itself, or what begins with it when it ends with `*`. */
export const matchesVersion = (version: string, wanted: string): boolean =>
  wanted.endsWith('*') ? version.startsWith(wanted.slice(0, -1)) : version === wanted;

/** What apt would do, by its own simulation, which takes no lock. */
export interface Outlook {
  /** `[name, version there now or undefined, version to come]` of what is installed or upgraded. */
  upgrades: [name: string, before: string | undefined, after: string][];
  /** Names of packages that would be removed. */
  removed: string[];
}

const simulated = "grep -E '^(Inst|Remv|Purg) '";
/** Keeps of a simulation what is read of it: these lines, each with the indented ones that follow it. */
const read = `awk '!/^ / { kept = /^(Inst|Remv|Purg|E:|Arch|Have) |provided by:$|DOWNGRADED:$|^This should NOT/ } kept'`;

/** Prints those of `names` that an installed package provides, a line each. */
export function provided(names: readonly string[]): string {
  return `dpkg-query -W -f='\${db:Status-Status}\\t\${Provides}\\n' | awk -F '\\t' -v names=${shellQuote(` ${names.join(' ')} `)} '
$1 == "installed" { n = split($2, all, /, */); for (i = 1; i <= n; i++) { sub(/ .*/, "", all[i]); if (index(names, " " all[i] " ")) print all[i] } }'`;
}

/** A script that simulates `apt-get WORDS` of everything. */
export const simulate = (words: readonly string[]): string =>
  `${readOnlyApt}$only apt-get -s -q $memory ${words.map(shellQuote).join(' ')} 2>/dev/null | ${simulated}`;

/** A script that simulates the removal of those of `names` that are installed; nothing when there are none. */
export const simulateRemoval = (words: readonly string[], names: readonly string[]): string =>
  simulateFor(words, names, `case $status in installed=*) ;; *) continue ;; esac`);

/**
 * A script that simulates the installation of those packages that are not there as written; nothing when all are.
 * Simulating takes a second, so it is not done for what another package provides. Where apt refuses, it also prints
 * the architectures that the host takes (`Arch amd64`) and the versions that apt has (`Have nginx 1.22.1-9`).
 */
export const simulateInstallation = (words: readonly string[], written: readonly string[]): string =>
  `provided=$(${provided(written)})
${simulateFor(
  words,
  written,
  `case $status in installed\${v:-=*}) continue ;; esac
  ! printf '%s\n' "$provided" | grep -qxF -- "$p" || continue`,
)}`;

const simulateFor = (words: readonly string[], written: readonly string[], choose: string): string => `set --
for p in ${written.map(shellQuote).join(' ')}; do
  n=\${p%%=*}; v=\${p#"$n"}; n=\${n%:native}; n=\${n%:any}
  status=$(dpkg-query -W -f='\${db:Status-Status}=\${Version}' "$n" 2>/dev/null)
  ${choose}
  set -- "$@" "$p"
done
[ $# -gt 0 ] || exit 0
${readOnlyApt}{
  errors=$($only apt-get -s -q $memory ${words.map(shellQuote).join(' ')} "$@" 2>&1 >&3)
  case $errors in *E:*)
    printf '%s\n' "$errors"
    { dpkg --print-architecture; dpkg --print-foreign-architectures; } | sed 's/^/Arch /'
    for p; do echo "\${p%%=*}"; done | xargs $only apt-cache $memory madison 2>/dev/null | awk '{ print "Have", $1, $3 }' ;;
  esac
} 3>&1 | ${read}`;

/** What apt-get is told for an upgrade of all packages. */
export const upgradeWords = (upgrade: string): readonly string[] =>
  upgrade === 'full' ? ['dist-upgrade'] : ['upgrade', '--with-new-pkgs'];

/**
 * A script that simulates an upgrade of all packages. Working out the dependencies takes most of its time, and leads
 * nowhere when each installed package is the one that apt would choose, which is quick to ask; but a full upgrade may
 * also install an essential package that is missing.
 */
export function simulateUpgrade(upgrade: string): string {
  const words = upgradeWords(upgrade);
  if (upgrade === 'full') return simulate(words);
  return `${readOnlyApt}chosen() {
  dpkg-query -W -f='\${db:Status-Status} \${binary:Package}\\n' | sed -n 's/^installed //p' |
    xargs $only apt-cache $memory policy 2>/dev/null |
    awk '$1 == "Installed:" { there = $2 } $1 == "Candidate:" { asked = 1; if ($2 != there) { other = 1; exit } } END { exit other || !asked }'
}
chosen || $only apt-get -s -q $memory ${words.map(shellQuote).join(' ')} 2>/dev/null | ${simulated}`;
}

/** Reads `Inst libc6 [2.36-9] (2.36-10 Debian:12 [amd64])` and `Remv nginx [1.22.1-9]`. */
export function outlook(simulation: string): Outlook {
  const lines = [...simulation.matchAll(/^(Inst|Remv|Purg) (\S+)(?: \[(\S+)\])?(?: \((\S+))?/gm)];
  return {
    upgrades: lines.flatMap(([, verb, name, before, after]) =>
      verb === 'Inst' ? [[name!, before, after ?? '']] : [],
    ),
    removed: lines.flatMap(([, verb, name]) => (verb === 'Inst' ? [] : [name!])).toSorted(),
  };
}

/** What an `apt-get` does to packages: what its simulation says, and at least what is named. */
export function packagesEffect(
  simulation: string,
  named: { comes?: readonly Wanted[]; goes?: readonly string[]; purges?: boolean; whole?: boolean },
): PackagesEffect {
  const { comes = [], goes = [], purges = false, whole = true } = named;
  const { upgrades, removed } = outlook(simulation);
  const versions = new Map(upgrades.map(([name, , after]) => [name, after]));
  const exact = ({ name, version }: Wanted) =>
    versions.get(name) ??
    versions.get(name.replace(/:.*/, '')) ??
    (version?.endsWith('*') ? undefined : version);
  return {
    on: 'packages',
    comes: new Map([...versions, ...comes.map(one => [one.name, exact(one)] as const)]),
    goes: [...new Set([...goes, ...removed])],
    purges,
    whole,
  };
}

/** The words of the indented lines that follow a heading in a simulation, a list for each line. */
function below(simulation: string, heading: string): string[][] {
  const lines = simulation.split('\n');
  const first = lines.findIndex(line => line.endsWith(heading)) + 1;
  const after = first === 0 ? [] : lines.slice(first);
  const end = after.findIndex(line => !line.startsWith(' '));
  return after.slice(0, end === -1 ? undefined : end).map(line => line.trim().split(/\s+/));
}

/** The essential packages that would be removed. */
export const essential = (simulation: string): string[] => below(simulation, 'what you are doing!').flat();

/** Why apt refuses to install one of the packages, by its simulation; undefined = it does not. */
export function refusal(
  simulation: string,
  { written, name, version }: Wanted,
  downgrades: boolean,
): Obstacle | undefined {
  const asked = written.replace(/=.*/, '');
  const [bare, architecture] = name.split(':') as [string, string?];
  const said = (words: string) => simulation.split('\n').includes(`E: ${words}`);
  const listed = (word: string) =>
    [...simulation.matchAll(new RegExp(`^${word} (.*)$`, 'gm'))].map(([, rest]) => rest!);
  const known = listed('Arch');
  if (architecture !== undefined && known.length > 0 && ![...known, 'all'].includes(architecture))
    return {
      says: `${asked} is for ${architecture}, and this host takes packages for ${known.join(' and ')}.`,
      fix: `Have dpkg --add-architecture ${architecture} run before this resource.`,
    };
  if (said(`Unable to locate package ${asked}`))
    return {
      says: `apt knows no package ${asked}.`,
      fix: 'Check its name, declare its source before this resource, or have old lists refreshed by `update_cache`.',
    };
  if (
    said(`Package '${bare}' has no installation candidate`) ||
    said(`Package '${asked}' has no installation candidate`)
  ) {
    const providers = below(simulation, `${bare} is a virtual package provided by:`).map(([first]) => first!);
    if (providers.length > 0)
      return {
        says: `${asked} is a virtual package that is provided by ${providers.join(', ')}.`,
        fix: 'Name one of these.',
      };
    return { says: `apt has no version of ${asked} to install.` };
  }
  if (
    said(`Version '${version}' for '${bare}' was not found`) ||
    said(`Version '${version}' for '${asked}' was not found`)
  ) {
    const versions = [...new Set(listed('Have'))].flatMap(line =>
      line.startsWith(`${bare} `) ? [line.slice(bare.length + 1)] : [],
    );
    const epoch = versions
      .map(one => /^\d+:/.exec(one)?.[0])
      .find(epoch => versions.some(one => epoch !== undefined && matchesVersion(one, epoch + version)));
    return {
      says: `apt has no version ${version} of ${asked}; it has ${versions.join(', ') || 'none'}.`,
      fix: epoch === undefined ? 'Name one of these.' : `Write the epoch too: ${asked}=${epoch}${version}.`,
    };
  }
  const [, before, after] = outlook(simulation).upgrades.find(([one]) => one === bare) ?? [];
  return !downgrades && below(simulation, 'DOWNGRADED:').flat().includes(bare)
    ? {
        says: `${asked} would go down from ${before} to ${after}.`,
        fix: 'Say allow_downgrade: true if that is meant.',
      }
    : undefined;
}
