import type { VariableScope } from '../expression/variables.ts';
import type { PlayText } from '../playbook/play-text.ts';
import { aroundPlay, becomeOfPlay, resolveEntries } from '../resolve/resolve.ts';
import type { Resolving } from '../resolve/resolving.ts';
import type { Resource } from '../resource.ts';
import { Problems } from '../util/problem-collector.ts';
import { checkOrder } from './order.ts';
import { checkNames, expandNeeds } from './resource-names.ts';
import type { ResolvedEntry } from './shared-resources.ts';

/** What resolving a play needs besides the play. */
export interface ResolvingPlay extends Resolving {
  /** What the entries of the plays before come to. */
  earlier: readonly ResolvedEntry[];
}

/** The resources of a play for one host, in order. Throws a ProblemError with everything that is wrong. */
export function resolvePlay(play: PlayText, scope: VariableScope, options: ResolvingPlay): Resource[] {
  const problems = new Problems();
  const become = problems.attempt(() => becomeOfPlay(play, scope));
  const all = resolveEntries(play.resources, aroundPlay(scope, become), options, problems);
  checkNames(play, all, problems);
  // Once outcomes are known, the host says what is there.
  if (Object.keys(options.registered).length === 0) checkOrder(all, options.earlier, problems);
  problems.done();
  return expandNeeds(all).filter(({ tags }) => options.selects(tags));
}
