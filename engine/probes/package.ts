import { lines } from './output.ts';
import type { ProbeKind } from './probe-kind.ts';
import { words } from './words.ts';

const format = '${Package}\\t${db:Status-Status}\\t${db:Status-Want}\\t${Version}\\n';

/** Prints the names of the packages that apt counts as dependencies only. */
const automatic = `awk '$1 == "Package:" { name = $2 } $1 == "Auto-Installed:" && $2 == 1 { print name }' /var/lib/apt/extended_states 2>/dev/null`;

export const installedPackage: ProbeKind<'package'> = {
  compile: probes => [
    {
      probes,
      script: `dpkg-query -W -f='${format}' ${words(probes.map(probe => probe.name))} 2>/dev/null; ${automatic}`,
    },
  ],
  decode(probes, output) {
    const rows = lines(output).map(line => line.split('\t'));
    const packages = new Map(rows.filter(row => row.length > 1).map(row => [row[0], row]));
    const marked = new Set(rows.filter(row => row.length === 1).map(([name]) => name));
    return probes.map(probe => {
      const name = probe.name.replace(/:.*/, '');
      const [, status, want, version = ''] = packages.get(name) ?? [];
      if (status === undefined || status === 'not-installed') return [probe, { value: null }];
      const automatic = marked.has(name) && { automatic: true };
      return [probe, { value: { status, version, held: want === 'hold', ...automatic } }];
    });
  },
  key: probe => probe.name,
};
