import { pathState, records } from './output.ts';
import type { ProbeKind } from './probe-kind.ts';
import { chunks, words } from './words.ts';

export const path: ProbeKind<'path'> = {
  compile: probes =>
    chunks(probes).map(some => ({
      probes: some,
      script: `r_find ${words(some.map(probe => probe.path))} -maxdepth 0`,
    })),
  decode(probes, output) {
    const states = new Map(records(output.stdout, 8).map(([name, ...fields]) => [name, pathState(fields)]));
    return probes.map(probe => [probe, { value: states.get(probe.path) ?? null }]);
  },
  key: probe => probe.path,
};
