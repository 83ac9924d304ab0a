import { damagedNote, type Owed } from '../probe.ts';
import { lines } from './output.ts';
import type { ProbeKind } from './probe-kind.ts';
import { words } from './words.ts';

export const owed: ProbeKind<'owed'> = {
  compile: probes => [
    { probes, script: `r_owed ${words(probes.map(probe => encodeURIComponent(probe.unit)))}` },
  ],
  decode: (probes, output) =>
    probes.map(probe => [probe, { value: decodeOwed(lines(output), encodeURIComponent(probe.unit)) }]),
  key: probe => probe.unit,
};

/** A line of a note is `UNIT TAB ACTION TAB SECONDS TAB BECAUSE`. A damaged line counts as an owed restart. */
function decodeOwed(all: readonly string[], unit: string): Owed[] {
  return all
    .map(line => line.split('\t'))
    .filter(fields => fields[0] === unit)
    .map(
      ([, action, since, because]): Owed =>
        ['restart', 'reload', 'run', 'reboot'].includes(action ?? '') && /^\d+$/.test(since ?? '') && because
          ? { action: action as Owed['action'], sinceS: Number(since), because }
          : { action: 'restart', sinceS: null, because: damagedNote },
    );
}
