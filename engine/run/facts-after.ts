import { changersOf } from '../plan/facts-changed.ts';
import type { Forecast } from '../plan/forecast.ts';
import { watchedFacts } from '../resolve/changing-facts.ts';
import type { Facts } from '../resolve/fact-names.ts';

/** Returns the facts of a host for a later play of a check: unknown where the earlier plays change them. */
export function factsAfter(facts: Facts, forecast: Forecast | undefined): Facts {
  if (forecast === undefined || forecast.changedResources.length === 0) return facts;
  return watchedFacts(facts, use => changersOf(use, forecast)[0]) as Facts;
}
