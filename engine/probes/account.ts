import { lines } from './output.ts';
import type { ProbeKind } from './probe-kind.ts';
import { words } from './words.ts';

export const account: ProbeKind<'account'> = {
  compile: all =>
    (['passwd', 'group'] as const).flatMap(database => {
      const probes = all.filter(probe => probe.database === database);
      if (probes.length === 0) return [];
      return [{ probes, script: `getent ${database} ${words(probes.map(probe => probe.name))}` }];
    }),
  decode(probes, output) {
    const all = lines(output).map(line => line.split(':'));
    const fieldOf = (name: string) => (/^\d+$/.test(name) ? 2 : 0);
    return probes.map(probe => [
      probe,
      { value: all.find(fields => fields[fieldOf(probe.name)] === probe.name) ?? null },
    ]);
  },
  key: ({ database, name }) => `${database} ${name}`,
};
