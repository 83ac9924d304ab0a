import { readOnlyApt } from '../probe.ts';
import type { ProbeKind } from './probe-kind.ts';
import { words } from './words.ts';

export const candidate: ProbeKind<'candidate'> = {
  compile: probes => {
    const names = probes.map(({ name }) => name);
    const own = names.some(name => name.includes(':')) ? 'dpkg --print-architecture; ' : '';
    return [
      { probes, script: `(${readOnlyApt}${own}$only apt-cache $memory policy ${words(names)} 2>/dev/null)` },
    ];
  },
  decode(probes, output) {
    const text = output.stdout.toString();
    const candidates = decodePolicy(text);
    // apt names a package of the host's own architecture without it.
    const [own] = /^[a-z0-9-]+$/m.exec(text) ?? [];
    return probes.map(probe => {
      const [name = '', architecture] = probe.name.split(':');
      const shown = architecture === own ? name : probe.name;
      return [probe, { value: candidates.get(shown) ?? null }];
    });
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
          block.replace(/:?\n.*/s, ''),
          {
            installed: known(/^ {2}Installed: (.+)$/m.exec(block)?.[1]),
            candidate: known(/^ {2}Candidate: (.+)$/m.exec(block)?.[1]),
            versions,
          },
        ] as const;
      }),
  );
}
