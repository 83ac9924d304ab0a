import type { Effect } from '../effect.ts';
import { inNewServer, serverData } from '../host-knowledge.ts';
import { blocking, type Context, type Diff, type Obstacle, type State } from '../module.ts';
import { isText, textOf } from '../module-kit/state-text.ts';
import { type Probe, path } from '../probe.ts';
import { blankReadings } from '../probes/blank.ts';
import { type Resource, UnknownArgument, unlessUnknown } from '../resource.ts';
import type { Step } from '../step.ts';
import { irreversible } from '../steps/risky-steps.ts';
import { effectsOf, kindOf } from '../steps/step-kinds.ts';
import { reloading } from '../steps/unit-steps.ts';
import type { Comparison } from './compare.ts';
import type { Forecast } from './forecast.ts';
import type { HostSight, ResourceView } from './host-sight.ts';
import { obstacleTo } from './obstacles.ts';
import type { Reaction } from './reactions.ts';

/** The end of a resource's laying. */
interface Laid {
  obstacle?: Obstacle | undefined;
  /** The resources that must bring a needed thing and probably do not. */
  hopes?: readonly string[];
  /** An obstacle that earlier steps may still remove. */
  doubt?: Obstacle | undefined;
  warning?: Obstacle | undefined;
}

/**
 * Lays the effects of a resource over the forecast, step by step, and returns the first obstacle. The obstacle of a resource
 * whose condition is unknown is only a doubt: it may have no turn.
 */
export function layResource(
  resource: Resource,
  comparison: Comparison,
  view: ResourceView,
  { forecast, imagined = false }: HostSight,
  context: Context,
  reactions: ReadonlyMap<string, readonly Reaction[]>,
): Laid {
  const { module, args, name } = resource;
  const { work, desired, certain } = comparison;
  const hopes: string[] = [];
  let doubt: Obstacle | undefined;
  let warning: Obstacle | undefined;
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
  // A resource that proves to be as declared neither adds nor removes a note.
  const isDue = !comparison.open || comparison.acts === true;
  const perhaps = { ...laying, maybe: laying.maybe || !isDue };
  forecast.lay(effectsOf(noted), perhaps, view.raw);
  const blocks = (obstacle: Obstacle | undefined): obstacle is Obstacle => {
    if (laying.maybe) doubt ??= obstacle;
    return obstacle !== undefined && !laying.maybe;
  };
  try {
    if (work === undefined) throw new UnknownArgument('', '');
    const isUnread = comparison.read === undefined && !imagined;
    const lacking = isUnread ? lackingInNewServer(resource, view, forecast) : undefined;
    if (blocks(lacking)) return { obstacle: lacking };
    const read = comparison.read ?? blankReadings(module.probes(args));
    const said = imagined ? [] : obstaclesIn(resource, comparison, work, context);
    warning = said.find(({ warns }) => warns);
    const all = blocking(said);
    // Other obstacles from uncertain readings are only doubts.
    const own = all.find(({ always, unsure }) => always || (certain && !unsure));
    if (blocks(own)) return { obstacle: own };
    doubt ??= all[0];
    const steps = reloading(module.steps(work, args, read, context));
    const stuck = imagined ? undefined : irreversible(resource, [...noted, ...steps], context.login);
    if (blocks(stuck)) return { obstacle: stuck };
    const isDeclared = comparison.open ? declaredIn(desired) : undefined;
    for (const step of steps) {
      const { obstacle, hopes: unlikely } = imagined ? { hopes: [] } : met(step, view);
      if (blocks(obstacle)) return { obstacle };
      hopes.push(...unlikely);
      const effects = kindOf(step).effects(step);
      // The notes of a command that may not run may stay as they are.
      const isNote = step.do === 'pay' || (module.runs === true && step.do !== 'run');
      const own = isNote ? perhaps : laying;
      // The host may turn out to be one that cannot have the thing, or as declared without the written content.
      const isMaybe = doubt?.unknown === true || (isDeclared !== undefined && !effects.every(isDeclared));
      forecast.lay(effects, isMaybe ? { ...own, maybe: true } : own, view.raw);
    }
    const [unnoted] = imagined ? [] : noted.flatMap(step => obstacleTo(step, view) ?? []);
    if (blocks(unnoted)) return { obstacle: unnoted };
  } catch (thrown) {
    if (!(thrown instanceof UnknownArgument)) throw thrown;
    forecast.lay(unknownEffects(resource), laying, view.raw);
  }
  return { hopes, doubt, warning };
}

/** Returns whether the content of a written file is a declared one, so that a host as declared has it. */
function declaredIn(desired: State | null | undefined): (effect: Effect) => boolean {
  const declared = new Set(
    Object.values(desired ?? {}).flatMap(value => (isText(value) ? value.sha256 : [])),
  );
  return effect => effect.kind !== 'file' || declared.has(textOf(effect.content).sha256);
}

/** Returns what the module says about the readings; of a missing thing only what holds whatever it is. */
function obstaclesIn(
  { module, args }: Resource,
  { read, beside }: Comparison,
  work: Diff,
  context: Context,
): Obstacle[] {
  if (read !== undefined) return module.obstacles(args, read, work, context);
  return beside === undefined
    ? []
    : module.obstacles(args, beside, work, context).filter(({ always }) => always);
}

/** Returns the obstacle of a step, or the resources that must bring a thing it needs, and probably do not. */
function met(step: Step, view: ResourceView): { obstacle?: Obstacle | undefined; hopes: readonly string[] } {
  let isUnlikely = false;
  const noting = (probe: Probe) => {
    const seen = view.predict(probe);
    isUnlikely ||= seen.unlikely === true;
    return seen;
  };
  const obstacle = obstacleTo(step, { ...view, predict: noting });
  if (obstacle !== undefined || !isUnlikely) return { obstacle, hopes: [] };
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
  return { hopes: obstacleTo(step, { ...view, predict }) === undefined ? [] : hopes };
}

/** Returns the obstacle of a resource whose needs neither a new PostgreSQL server nor an earlier resource brings. */
function lackingInNewServer(
  { module, args }: Resource,
  { predict }: ResourceView,
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
        says: `There is no ${thing} in a new server, and no earlier resource creates it.`,
        fix: `Declare ${thing} in an earlier resource.`,
      }
    : undefined;
}

/** Returns the effects of a resource whose arguments are not known yet. */
function unknownEffects({ module, args }: Resource) {
  const identity = unlessUnknown(() => module.identity(args), '');
  const below = identity.startsWith('/') ? [{ kind: 'below', path: identity } as const] : [];
  return [...below, { kind: 'anything', text: identity } as const];
}
