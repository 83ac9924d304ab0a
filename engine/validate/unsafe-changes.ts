import type { Host } from '../host.ts';
import { attributeClaim, attributeOf, ownerClaim } from '../module.ts';
import { diff } from '../plan/diff.ts';
import { blankReadings } from '../probes/blank.ts';
import { lineFrom, type Problem } from '../problem.ts';
import type { Resolved } from '../resolve/resolving.ts';
import { type Resource, unlessUnknown } from '../resource.ts';
import { irreversible } from '../steps/risky-steps.ts';
import { foldersAbove } from '../util/paths.ts';
import { Problems } from '../util/problem-collector.ts';
import { claimsIn } from './conflicts.ts';
import type { HostProblems } from './host-problems.ts';
import { partsOf, type ResolvedEntry } from './shared-resources.ts';

/**
 * Finds unsafe changes that every host would refuse at their turn: risky changes that the host cannot revert, and programs that
 * root would run from a folder that the play itself lets others write to.
 */
export function checkUnsafe(
  entries: readonly ResolvedEntry[],
  hosts: readonly Host[],
  found: HostProblems,
): void {
  const isDoubtful = ({ risky, module }: Resource) => risky === true || module.runsFrom !== undefined;
  const doubtful = entries.some(({ shares }) =>
    shares.some(({ resources }) => resources.some(({ resource }) => isDoubtful(resource))),
  );
  if (!doubtful) return;
  for (const part of partsOf(entries, hosts, share => share)) {
    const problems = new Problems();
    const all = entries.flatMap(entry => entry.of(part[0]!)?.resources ?? []);
    for (const resolved of all.filter(({ resource }) => isDoubtful(resource) && resource.when !== false))
      problems.add(...unsafe(resolved, all));
    found.add(problems.all(), part);
  }
}

function unsafe(resolved: Resolved, all: readonly Resolved[]): Problem[] {
  const { resource, via } = resolved;
  const at = { at: resource.at, ...(via.length > 0 && { via }) };
  const stuck = resource.risky === true ? unlessUnknown(() => stuckOf(resource)) : undefined;
  const folder = unlessUnknown(() => resource.module.runsFrom?.(resource.args));
  const open = folder === undefined ? undefined : all.find(({ resource: other }) => opens(other, folder));
  return [
    ...(stuck ? [{ code: 'irreversible' as const, message: stuck.says, hint: stuck.fix!, ...at }] : []),
    ...(open ? [writable(resource, open.resource, folder!, at)] : []),
  ];
}

/** Returns the obstacle to reverting a risky resource, for its creation on a host without it. */
function stuckOf(resource: Resource) {
  const { module, args, name } = resource;
  const work = diff(null, module.desired(args, undefined));
  if (work === null) return undefined;
  const read = blankReadings(module.probes(args));
  return irreversible(resource, module.steps(work, args, read, { verifying: false, nowS: 0, name }));
}

/** Whether a resource gives a folder, or one above it, to another account, or lets others write to it. */
function opens(resource: Resource, folder: string): boolean {
  const claims = claimsIn(resource);
  return [folder, ...foldersAbove(folder)].some(at => {
    const [owner, mode] = [claims[ownerClaim(at)], claims[attributeClaim('mode', at)]];
    const others = typeof mode === 'string' ? Number.parseInt(mode, 8) & 0o022 : 0;
    return (typeof owner === 'string' && owner !== 'root') || others !== 0;
  });
}

function writable(
  { name }: Resource,
  other: Resource,
  folder: string,
  at: Pick<Problem, 'at' | 'via'>,
): Problem {
  const owner = Object.entries(claimsIn(other)).find(
    ([claim, value]) => attributeOf(claim) === 'owner' && value !== 'root',
  )?.[1];
  const who = typeof owner === 'string' ? owner : 'another account';
  return {
    code: 'unsafe-path',
    message: `Root would run programs from ${folder} for "${name}", but "${other.name}" on ${lineFrom(at.at!, other.at)} lets ${who} write there.`,
    hint: `Give it the same account, e.g. owner: ${typeof owner === 'string' ? owner : 'ACCOUNT'}, or let root alone own the folders above it.`,
    ...at,
  };
}
