import type { PackageState } from '../probe.ts';
import { lines } from './output.ts';
import type { ProbeKind } from './probe-kind.ts';
import { words } from './words.ts';

const format = '${Package}\\t${Architecture}\\t${db:Status-Status}\\t${db:Status-Want}\\t${Version}\\n';

/** Prints the name and architecture of each package that apt counts as a dependency only. */
const automatic = `awk '$1 == "Package:" { name = $2 } $1 == "Architecture:" { arch = $2 } $1 == "Auto-Installed:" && $2 == 1 { print name "\\t" arch }' /var/lib/apt/extended_states 2>/dev/null`;

const namesOf = (probes: readonly { name: string }[]) => [
  ...new Set(probes.map(({ name }) => name.replace(/:.*/, ''))),
];

/**
 * dpkg does not find a package for all architectures by a name with an architecture, so each is asked for by its bare name.
 * The host's own architecture matters only if a name has one, or if the host takes packages of others.
 */
export const installedPackage: ProbeKind<'package'> = {
  compile: probes => {
    const isQualified = probes.some(({ name }) => name.includes(':'));
    const own = `${isQualified ? '' : '[ ! -s /var/lib/dpkg/arch ] || '}dpkg --print-architecture 2>/dev/null`;
    return [
      {
        probes,
        script: `${own}; dpkg-query -W -f='${format}' ${words(namesOf(probes))} 2>/dev/null; ${automatic}`,
      },
    ];
  },
  decode(probes, output) {
    const rows = lines(output).map(line => line.split('\t'));
    const own = rows.find(row => row.length === 1)?.[0];
    const marked = rows.filter(row => row.length === 2).map(row => row.join(':'));
    return probes.map(probe => {
      const [name, asked = own] = probe.name.split(':');
      const isFor = (architecture: string) =>
        asked === undefined || architecture === asked || (architecture === 'all' && asked === own);
      const row = rows.find(
        row => row.length > 2 && row[0] === name && row[2] !== 'not-installed' && isFor(row[1]!),
      );
      if (row === undefined) return [probe, { value: null }];
      const [, architecture = '', status = '', want, version = ''] = row;
      const isMarked =
        architecture === 'all'
          ? marked.some(one => one.startsWith(`${name}:`))
          : marked.includes(`${name}:${architecture}`);
      const value: PackageState = {
        ...{ status, version, held: want === 'hold' },
        ...(isMarked && { automatic: true }),
      };
      return [probe, { value }];
    });
  },
  key: probe => probe.name,
};
