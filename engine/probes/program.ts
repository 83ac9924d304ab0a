import { lines } from './output.ts';
import type { ProbeKind } from './probe-kind.ts';
import { words } from './words.ts';

export const program: ProbeKind<'program'> = {
  compile: probes => [
    {
      probes,
      script: `for r_p in ${words(probes.map(probe => probe.name))}; do printf '%s\\t%s\\n' "$r_p" "$(command -v "$r_p")"; done`,
    },
  ],
  decode(probes, output) {
    const programs = new Map(lines(output).map(line => line.split('\t') as [string, string]));
    return probes.map(probe => [probe, { value: programs.get(probe.name) || null }]);
  },
  key: probe => probe.name,
};
