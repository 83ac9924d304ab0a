import { readOnlyApt } from '../probe.ts';
import type { ProbeKind } from './probe-kind.ts';
import { words } from './words.ts';

export const candidate: ProbeKind<'candidate'> = {
  compile: probes => [
    {
      probes,
      script: `(${readOnlyApt}$only apt-cache $memory policy ${words(probes.map(probe => probe.name))} 2>/dev/null)`,
    },
  ],
  decode(probes, output) {
    const candidates = decodePolicy(output.stdout.toString());
    return probes.map(probe => [probe, { value: candidates.get(probe.name) ?? null }]);
  },
  key: probe => probe.name,
};

function decodePolicy(policy: string): Map<string, unknown> {
  const known = (version: string | undefined) =>
    version === undefined || version === '(none)' ? null : version;
  return new Map(
    policy
      .split(/^(?=\S)/m)
      .filter(Boolean)
      .map(block => {
        const versions = [...block.matchAll(/^ (?:\*\*\*| {3}) (\S+)(?: \d+)?$/gm)].map(match => match[1]!);
        return [
          block.slice(0, block.indexOf(':')),
          {
            installed: known(/^ {2}Installed: (.+)$/m.exec(block)?.[1]),
            candidate: known(/^ {2}Candidate: (.+)$/m.exec(block)?.[1]),
            versions,
          },
        ] as const;
      }),
  );
}
