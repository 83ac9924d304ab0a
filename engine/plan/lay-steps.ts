import { inNewServer, serverData } from '../host-knowledge.ts';
import type { Context, Obstacle } from '../module.ts';
import { type Probe, path } from '../probe.ts';
import { blankReadings } from '../probes/blank.ts';
import { type Resource, UnknownArgument } from '../resource.ts';
import type { Step } from '../step.ts';
import { irreversible } from '../steps/risky-steps.ts';
import { effectsOf, kindOf } from '../steps/step-kinds.ts';
import { reloading } from '../steps/unit-steps.ts';
import type { Comparison } from './compare.ts';
import type { Forecast } from './forecast.ts';
import type { HostSight, viewOf } from './host-sight.ts';
import { obstacleTo } from './obstacles.ts';
import type { Reaction } from './reactions.ts';

/**
 * Lays what a resource will do over the forecast, step by step, and looks for the first that is known to fail. `hopes` are
 * the resources that it fails without, and that seldom bring what it needs.
 */
export function layResource(
  resource: Resource,
  comparison: Comparison,
  view: ReturnType<typeof viewOf>,
  { forecast, imagined = false }: HostSight,
  context: Context,
  reactions: ReadonlyMap<string, readonly Reaction[]>,
): { obstacle?: Obstacle | undefined; hopes?: readonly string[]; doubt?: Obstacle | undefined } {
  const { module, args, name } = resource;
  const { work, desired, certain } = comparison;
  const hopes: string[] = [];
  let doubt: Obstacle | undefined;
  const laying = {
    by: name,
    account: view.account,
    maybe: resource.when === undefined,
    unsure: comparison.open,
  };
  const noted = (reactions.get(name) ?? []).map(
    ({ unit, action }): Step => ({ do: 'owe', unit, action, because: name }),
  );
  const isNew = work?.kind === 'create' && !comparison.open;
  const state = desired && {
    ...(isNew ? module.initial(args, comparison.read) : comparison.stateLeft),
    ...desired,
  };
  forecast.recordChange(resource, module.verifies?.(args) === false ? undefined : state);
  // Nothing is owed, and nothing paid, for what turns out to be as declared.
  const isDue = !comparison.open || comparison.acts === true;
  const perhaps = { ...laying, maybe: laying.maybe || !isDue };
  forecast.lay(effectsOf(noted), perhaps, view.raw);
  try {
    if (work === undefined) throw new UnknownArgument('', '');
    const isUnread = comparison.read === undefined && !imagined;
    const lacking = isUnread ? lackingInNewServer(resource, view, forecast) : undefined;
    if (lacking !== undefined) return { obstacle: lacking };
    const read = comparison.read ?? blankReadings(module.probes(args));
    const all = imagined || isUnread ? [] : module.obstacles(args, read, work);
    // What is not certain to be read may turn out otherwise.
    const own = certain ? all.find(obstacle => !obstacle.unsure) : undefined;
    if (own !== undefined) return { obstacle: own };
    doubt = all[0];
    const steps = reloading(module.steps(work, args, read, context));
    const stuck = imagined ? undefined : irreversible(resource, [...noted, ...steps]);
    if (stuck !== undefined) return { obstacle: stuck };
    for (const step of steps) {
      const obstacle = imagined ? undefined : obstacleTo(step, view);
      if (obstacle !== undefined) return { obstacle };
      if (!imagined) hopes.push(...hopesOf(step, view));
      const effects = kindOf(step).effects(step);
      forecast.lay(effects, step.do === 'pay' ? perhaps : laying, view.raw);
    }
    const [unnoted] = imagined ? [] : noted.flatMap(step => obstacleTo(step, view) ?? []);
    if (unnoted !== undefined) return { obstacle: unnoted };
  } catch (thrown) {
    if (!(thrown instanceof UnknownArgument)) throw thrown;
    forecast.lay(unknownEffects(resource), laying, view.raw);
  }
  return { hopes, doubt };
}

/** The resources that a step fails without, and that seldom bring what it needs. */
function hopesOf(step: Step, view: ReturnType<typeof viewOf>): readonly string[] {
  const hopes: string[] = [];
  const predict = (probe: Probe) => {
    const seen = view.predict(probe);
    if (!seen.unlikely) return seen;
    hopes.push(...seen.from);
    return {
      ...seen,
      open: false,
      ...(seen.otherwise !== undefined && { reading: { value: seen.otherwise } }),
    };
  };
  return obstacleTo(step, { ...view, predict }) === undefined ? [] : hopes;
}

/** What a resource needs of a PostgreSQL server that is only going to be installed, and that nothing before makes. */
function lackingInNewServer(
  { module, args }: Resource,
  { predict }: ReturnType<typeof viewOf>,
  forecast: Forecast,
): Obstacle | undefined {
  const thing = module
    .needs?.(args)
    .find(each => each.startsWith('pg_') && !inNewServer.has(each) && forecast.lacks(each));
  if (thing === undefined) return undefined;
  const { reading } = predict(path(serverData));
  const isNew = 'value' in reading && reading.value === null;
  return isNew
    ? {
        says: `There is no ${thing} in a new server, and nothing before this makes it.`,
        fix: `Declare ${thing} in an earlier resource.`,
      }
    : undefined;
}

/** What a resource may do whose arguments are not known yet. */
function unknownEffects({ module, args }: Resource) {
  let identity = '';
  try {
    identity = module.identity(args);
  } catch (thrown) {
    if (!(thrown instanceof UnknownArgument)) throw thrown;
  }
  const below = identity.startsWith('/') ? [{ kind: 'below', path: identity } as const] : [];
  return [...below, { kind: 'anything', text: identity } as const];
}
