import type { ProbeKind } from './kind.ts';
import { lines } from './output.ts';
import { words } from './words.ts';

const format = '${Package}\\t${db:Status-Status}\\t${db:Status-Want}\\t${Version}\\n';

export const installedPackage: ProbeKind<'package'> = {
  compile: probes => [
    {
      probes,
      script: `dpkg-query -W -f='${format}' ${words(probes.map(probe => probe.name))} 2>/dev/null`,
    },
  ],
  decode(probes, output) {
    const packages = new Map(lines(output).map(line => [line.split('\t')[0], line.split('\t')]));
    return probes.map(probe => {
      const [, status, want, version] = packages.get(probe.name.replace(/:.*/, '')) ?? [];
      const value = status === undefined ? null : { status, version: version ?? '', held: want === 'hold' };
      return [probe, { value: value?.status === 'not-installed' ? null : value }];
    });
  },
  key: probe => probe.name,
};
