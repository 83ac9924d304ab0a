import type { Obstacle } from '../engine/module.ts';
import { readOnlyApt } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import { compact } from '../engine/util/defined.ts';
import { compareVersions } from './_deb-file.ts';

/** Returns a script that prints the versions that apt has of some packages, and the releases that they are in. */
export const versionsByRelease = (names: readonly string[]): string =>
  `${readOnlyApt}$only apt-cache $memory policy 2>/dev/null; echo =; $only apt-cache $memory policy ${names.map(shellQuote).join(' ')} 2>/dev/null`;

/**
 * Returns the newest version of each package in a release, by the output of `versionsByRelease`; null if no source has the
 * release. As for `apt-get -t`, a release is named by its suite, its codename or its version.
 */
export function versionsIn(
  release: string,
  printed: string,
): { of(name: string): string | undefined } | null {
  const [indexes = '', packages = ''] = printed.split(/^=\n/m);
  const own = new Set(
    [...indexes.matchAll(/^ *-?\d+ (\S.*)\n +release (.*)$/gm)].flatMap(([, index, about]) =>
      about!.split(',').some(each => ['a', 'n', 'v'].some(key => each === `${key}=${release}`)) ? index! : [],
    ),
  );
  if (own.size === 0) return null;
  const newest = new Map<string, string>();
  for (const block of packages.split(/^(?=\S)/m)) {
    const [heading = ''] = block.split('\n', 1);
    const versions = block.split(/^(?= (?:\*\*\*| {3}) \S)/m).slice(1);
    for (const each of versions) {
      const [, version = ''] = /^ (?:\*\*\*| {3}) (\S+)/.exec(each) ?? [];
      const isIn = [...each.matchAll(/^ {8} *-?\d+ (\S.*)$/gm)].some(([, index]) => own.has(index!));
      const name = heading.replace(/:$/, '');
      const known = newest.get(name);
      if (isIn && (known === undefined || compareVersions(version, known) > 0)) newest.set(name, version);
    }
  }
  return { of: name => newest.get(name) ?? newest.get(name.replace(/:.*/, '')) };
}

/** Returns the obstacles of a release, by the output of `versionsByRelease`. */
export function obstaclesOf(release: string, names: readonly string[], printed: string): Obstacle[] {
  const versions = versionsIn(release, printed);
  if (versions === null)
    return [
      {
        says: `No source of apt has the release ${release}.`,
        fix: 'Declare it with `apt_repository` in an earlier resource.',
      },
    ];
  return compact(
    names.map(
      name =>
        versions.of(name) === undefined && {
          says: `The release ${release} has no package ${name}.`,
          fix: 'Give such packages a resource without `release`.',
        },
    ),
  );
}
