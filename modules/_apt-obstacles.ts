import type { Obstacle } from '../engine/module.ts';
import type * as probe from '../engine/probe.ts';
import type { Conditional } from '../engine/util/defined.ts';
import * as itsDeb from './_apt-deb.ts';
import * as its from './_apt-packages.ts';
import * as releases from './_apt-release.ts';
import * as aptSimulation from './_apt-simulation.ts';

/** Returns what would make every apply of an `apt` fail. */
export function obstaclesOf(args: its.Arguments, read: its.Read): Conditional<Obstacle> {
  const { hold, allow_downgrade } = args;
  const changing = its.lacking(read, args);
  const names = changing.flatMap(({ name }) => name || []);
  const simulation = its.printed(read[its.isRemoval(args) ? 'removal' : 'installation']);
  const age = its.staleness(read, args);
  const asks = !its.isRemoval(args) && args.deb === undefined ? changing : [];
  const unsure = (one: Obstacle): Obstacle => ({ ...one, ...(age && { unsure: true }) });
  const unreleased = age === 'none' ? [] : ofRelease(args, read, changing).map(unsure);
  const refused = asks.flatMap(one => {
    const foreign = aptSimulation.foreign(simulation, one);
    if (foreign !== undefined) return foreign;
    const refusal = age === 'none' ? undefined : aptSimulation.refusal(simulation, one, allow_downgrade);
    return refusal === undefined ? [] : unsure(refusal);
  });
  return [
    hold === undefined &&
      names.filter(its.isHeld(read)).map(name => ({
        says: `${name} is held at ${its.found(read, name)?.version}.`,
        fix: its.isRemoval(args)
          ? 'To remove it, set hold: false.'
          : 'To replace it and hold it again, set hold: true; to release it, set hold: false.',
      })),
    hold === true &&
      its
        .namesOf(args)
        .filter(its.isProvided(read))
        .map(name => ({ says: `${name} is a virtual package, which cannot be held.` })),
    names.length > 0 &&
      aptSimulation
        .essential(simulation)
        .map(name => ({ says: `The essential package ${name} would be removed.` })),
    args.deb !== undefined && changing.length > 0 && ofDeb(args, read, age),
    unreleased,
    refused,
    unreleased.length + refused.length === 0 &&
      // Without the release, the simulation says nothing.
      !simulation.includes('APT::Default-Release') &&
      args.deb === undefined &&
      names.length > 0 &&
      (its.isRemoval(args) || age === undefined) &&
      aptSimulation.unsolved(simulation, its.printed(read['needsApt'])),
  ];
}

/** Returns the obstacles of the release. While earlier resources may change the sources, there are none. */
function ofRelease({ release }: its.Arguments, read: its.Read, changing: ReturnType<typeof its.lacking>) {
  const printed = read['needsRelease'] as probe.CommandResult | undefined;
  if (release === undefined || !printed) return [];
  const names = changing.flatMap(({ name, version }) => (version === undefined ? name : []));
  return releases.obstaclesOf(release, names, printed.stdout);
}

function ofDeb(args: its.Arguments, read: its.Read, age: string | undefined): Obstacle[] {
  const [installed] = its.namesOf(args).flatMap(name => its.found(read, name)?.version ?? []);
  const { needsApt, needsCertificates } = read as Parameters<typeof itsDeb.obstaclesOf>[2];
  return itsDeb.obstaclesOf(args, installed, { needsApt, needsCertificates }, age);
}
