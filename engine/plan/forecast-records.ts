import type { DirectoryEntry, Owed, PathState, Probe } from '../probe.ts';
import { keyOf } from '../probes/probe-kinds.ts';
import type { Problem } from '../problem.ts';
import { probesOf, type Resource, thingOf } from '../resource.ts';
import { compare } from './compare.ts';
import { type HostSight, viewOf } from './host-sight.ts';

/** The predicted reading of a probe after the plan, as far as a forecast knows it. For the truth test. */
export interface ForecastRecord {
  probe: Probe | { kind: 'state'; of: string };
  value: unknown;
  certainty: 'known' | 'open';
  /** Names of the resources that the value depends on; none for a value as read. */
  from: readonly string[];
}

/**
 * Returns the predicted readings after a plan, for every probe of the resources that are not delegated. No forecast knows the
 * answer of a server or a program after a change. In its place stands the state of the resource.
 */
export function forecastRecords(
  resources: readonly Resource[],
  sightOf: (resource: Resource) => HostSight | Problem,
): ForecastRecord[] {
  const all = new Map<string, ForecastRecord>();
  for (const resource of resources) {
    const sight =
      resource.delegatedTo === undefined && resource.when !== false ? sightOf(resource) : undefined;
    if (sight === undefined || 'code' in sight) continue;
    const view = viewOf(resource, sight, () => {});
    const asked = Object.entries(probesOf(resource))
      // A probe about nothing only helps to word a difference.
      .filter(([, probe]) => !(probe.kind === 'command' && probe.about?.length === 0))
      .map(([key, probe]) => ({ isNeed: /^(needs|perhaps)/.test(key), probe, ...view.predict(probe) }));
    const answers = asked.filter(
      ({ isNeed, probe }) => !isNeed && ['sql', 'command', 'user', 'group'].includes(probe.kind),
    );
    const doubts = [...new Set(asked.flatMap(({ open, from }) => (open ? from : [])))];
    const state = doubts.length === 0 ? undefined : view.stateLeft(resource, doubts);
    for (const one of asked) {
      const { isNeed, probe, reading, from, open } = one;
      // The needs of a change that is made matter no more.
      const isMoot = state !== undefined && open && (isNeed || answers.includes(one));
      if (isMoot || 'problem' in reading) continue;
      const value = 'value' in reading ? essence(probe, reading.value) : { missing: reading.missing.what };
      all.set(keyOf(probe), { probe, value, certainty: open ? 'open' : 'known', from });
    }
    if (answers.length === 0 || resource.module.check) continue;
    const of = thingOf(resource);
    const compared = compare(resource, view, { ...sight.context, verifying: true, name: resource.name });
    if (compared.open || compared.problem !== undefined || compared.diff !== null) continue;
    all.set(of, { probe: { kind: 'state', of }, value: 'as declared', certainty: 'known', from: doubts });
  }
  return [...all.values()];
}

/** Returns the part of a value that a forecast can know: no sizes, times, process numbers or age of package lists. */
function essence(probe: Probe, value: unknown): unknown {
  // biome-ignore lint/suspicious/noExplicitAny: each kind of probe gives its own shape
  const read = value as any;
  if (value === null) return null;
  switch (probe.kind) {
    case 'path':
      return pathEssence(read);
    case 'content':
      return read.sha256;
    case 'entries':
      return (read as DirectoryEntry[])
        .map(entry => ({ path: entry.path, ...pathEssence(entry), sha256: entry.sha256 }))
        .toSorted((a, b) => (a.path < b.path ? -1 : 1));
    case 'package':
      return { status: read.status, held: read.held, automatic: read.automatic === true };
    case 'unit':
      return { LoadState: read.LoadState, ActiveState: read.ActiveState, UnitFileState: read.UnitFileState };
    case 'owed':
      return (read as Owed[]).map(({ action, because }) => ({ action, because }));
    case 'program':
    case 'account':
      return 'there';
    case 'command':
      return probe.about?.includes('package-lists') ? null : { exit: read.exit, stdout: read.stdout };
    case 'sql':
      return probe.shared || probe.parts ? null : value;
    case 'flags':
    case 'candidate':
    case 'user':
    case 'group':
      return value;
    default:
      return probe satisfies never;
  }
}

const pathEssence = ({ type, owner, group, mode, target }: PathState) => ({
  type,
  owner,
  group,
  mode,
  target,
});
