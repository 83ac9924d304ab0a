import { lines } from './output.ts';
import type { ProbeKind } from './probe-kind.ts';
import { chunks, words } from './words.ts';

export const flags: ProbeKind<'flags'> = {
  compile: probes =>
    chunks(probes).map(some => ({
      probes: some,
      script: `lsattr -d -- ${words(some.map(probe => probe.path))} 2>/dev/null`,
    })),
  decode(probes, output) {
    const rows = lines(output).map(line => /^([\w-]+) (.*)$/.exec(line) ?? []);
    const found = new Map(rows.map(([, letters = '', path = '']) => [path, letters.replaceAll('-', '')]));
    return probes.map(probe => [probe, { value: found.get(probe.path) ?? null }]);
  },
  key: probe => probe.path,
};
