import type { VariableScope } from '../expression/variables.ts';
import type { PlayText } from '../playbook/play-text.ts';
import { aroundPlay, becomeOfPlay, resolveEntries } from '../resolve/resolve.ts';
import type { Resolving } from '../resolve/resolving.ts';
import type { Resource } from '../resource.ts';
import { Problems } from '../util/problem-collector.ts';
import { checkOrder } from './order.ts';
import { checkNames, expandNeeds } from './resource-names.ts';
import type { ResolvedEntry } from './shared-resources.ts';

/** The input for resolving a play, besides the play. */
export interface ResolvingPlay extends Resolving {
  /** The resolved entries of the earlier plays. */
  earlier: readonly ResolvedEntry[];
  /** Whether `resolveOffline` has already checked the same resources, together with those of the other hosts. */
  isChecked?: boolean;
}

/** Returns the resources of a play for one host, in order. Throws a ProblemError with all mistakes. */
export function resolvePlay(play: PlayText, scope: VariableScope, options: ResolvingPlay): Resource[] {
  const problems = new Problems();
  const become = problems.attempt(() => becomeOfPlay(play, scope));
  const all = resolveEntries(play.resources, aroundPlay(scope, become), options, problems);
  if (!options.isChecked) checkNames(play, all, problems);
  // Once outcomes are known, the readings of the host decide.
  if (!options.isChecked && Object.keys(options.registered).length === 0)
    checkOrder(all, options.earlier, problems);
  problems.done();
  return expandNeeds(all).filter(({ tags }) => options.selects(tags));
}
