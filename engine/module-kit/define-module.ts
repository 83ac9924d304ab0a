import { posix } from 'node:path';
import {
  type Claims,
  type Context,
  type Diff,
  type Files,
  type Module,
  type Obstacle,
  presenceClaim,
  type Reacts,
  type Refusal,
  type SecretPlaces,
  type SourceFile,
  type State,
  type StateValue,
  typeClaim,
} from '../module.ts';
import { Missing, type Owed, type Probe, type Readings } from '../probe.ts';
import type { ObjectOf, Schema } from '../schema-types.ts';
import type { Step } from '../step.ts';
import { type Conditional, compact, defined } from '../util/defined.ts';

/** What a change makes necessary: it is noted on the host before the change, done by `steps` after it, and noted as done. */
export interface Owes {
  unit: string;
  action: Owed['action'];
  steps: readonly Step[];
}

/**
 * A resource type: data and pure functions, no I/O. Everything else (check mode, diff, verification, masking, docs,
 * editor completion, contract tests) the engine derives. `A` are the arguments' schemas, `R` the names of those that
 * must be given, `P` the probes. What is undefined in probes and states is left out, and what is
 * false as well in lists of refusals, obstacles and steps.
 */
export interface Definition<A extends Properties, R extends string, P extends Probes> {
  /** The YAML key, the file's name and the name of the exported constant. */
  name: string;
  /** One sentence that ends with a full stop. */
  summary: string;
  /** The JSON Schema of each argument, with a `description`: see argument.ts. The only description of them. */
  args: A;
  /** Arguments that must be given. */
  required?: readonly R[];
  /**
   * For something that exists or does not: adds the argument `state`, and says in a clause what `absent` means. No
   * function sees `state`: `remove` takes away what is there.
   */
  absent?: string;
  /** Arguments by a title; they stand in the docs and are tried by the contract tests. */
  examples: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** What makes two resources of a play the same thing, e.g. a path or a role; also the default label. */
  identity(args: Given<A, R>): string;
  /** Groups of arguments, by a name for each group: arguments of one do not go with those of another. */
  alternatives?: Readonly<Record<string, readonly (keyof A & string)[]>>;
  /** Arguments that depend on one another, checked offline when they are known; not for what is to be absent. */
  refine?(args: Given<A, R>): Conditional<Refusal>;
  /** Of `src` and `template`, the engine makes `content`; of at most one of the three. A `tree` gets `files`. */
  files?: Files;
  /** Where a secret may stand; in other arguments it is refused, because other accounts of the host could see it. */
  secrets?: SecretPlaces<Given<A, R>>;
  /** What to read, as data. Keys that begin with `needs` are read for `obstacles` alone. */
  probes(args: Given<A, R>): P;
  /** What was read, as a state; null = it does not exist; Missing = it cannot be known. */
  actual(read: Read<P>, args: Given<A, R>, context: Context): Partly | null | Missing;
  /** The arguments as a state with only what is compared. `read` is undefined before anything is read. */
  desired(args: Given<A, R>, read: Read<P> | undefined): Partly;
  /**
   * The state of one once what is missing now has come, such as Debian's default site; null when left out. `read` has what
   * could be read of it without that.
   */
  fresh?(args: Given<A, R>, read: Read<P>): State | null;
  /** What a new one is like in what is not declared, where a reading says so only after it is made. */
  initial?(args: Given<A, R>, read: Read<P> | undefined): State;
  /** What to do about a difference. */
  steps?(diff: Diff, args: Given<A, R>, read: Read<P>, context: Context): Conditional<Step>;
  /** Takes away what is there. */
  remove?(args: Given<A, R>, read: Read<P>, context: Context): Conditional<Step>;
  /** What is read of something that is to be absent, and how that is a state, where it is not as otherwise. */
  removal?: {
    refine?(args: Given<A, R>): Conditional<Refusal>;
    probes?(args: Given<A, R>): Probes;
    // biome-ignore lint/suspicious/noExplicitAny: readings of probes that are the module's own here
    fresh?(args: Given<A, R>, read: any): State | null;
    // biome-ignore lint/suspicious/noExplicitAny: readings of probes that are the module's own here
    actual?(read: any, args: Given<A, R>, context: Context): Partly | null | Missing;
    /** Where it settles more than that nothing is at the paths that it would claim otherwise. */
    claims?(args: Given<A, R>): Claims;
    claimsBelow?(args: Given<A, R>, path: string): Claims;
  };
  /** What would make every apply of this difference fail. Those of its steps (a missing folder …) the engine finds. */
  obstacles?(args: Given<A, R>, read: Read<P>, diff: Diff): Conditional<Obstacle>;
  /** What its change makes necessary, noted before the steps and done after them. */
  owes?(args: Given<A, R>, diff: Diff): Owes | undefined;
  /**
   * Resources whose change this one answers. The names are read here, as they are written, so that one that is not
   * known yet is missed here and not by who gets them.
   */
  reacts?(args: Given<A, R>): Reacts[];
  /** A check changes nothing: it is read until it holds, as often and as far apart as its `attempts` and `delay` say. */
  check?: boolean;
  /** The module as it is under `checks`, where it only looks; left out by one that is a check anyhow or never is. */
  asCheck?: Module;
  /** What it settles besides its own state: two resources that settle the same thing differently would undo each other. */
  claims?(args: Given<A, R>): Claims;
  /**
   * Things that must be there before it, as `claims` names them, or by module and identity: `pg_role app`. Only what some
   * resource may bring and no fresh host has; the folders of the files that it claims the engine knows by itself.
   */
  needs?(args: Given<A, R>): string[];
  /** Keys of the state that may be written in several ways, in one of them: two resources that mean the same agree. */
  spelled?(args: Given<A, R>): Readonly<Record<string, string>>;
  /** What it settles of a path below its own, its identity, that `claims` does not name. */
  claimsBelow?(args: Given<A, R>, path: string): Claims;
  /** The folder that root runs programs from, which no other account may be able to write to. */
  runsFrom?(args: Given<A, R>): string | undefined;
  /** False where there is nothing to read again after the steps, e.g. a command that runs always. */
  verifies?(args: Given<A, R>): boolean;
  /** What is still not so where the reading after the change shows a difference: a sentence. */
  unproven?(args: Given<A, R>): string;
  /** Seconds that its steps may take before they count as hanging; 1800 when left out. */
  timeoutS?(args: Given<A, R>): number;
}

type Properties = Readonly<Record<string, Schema>>;
type Probes = Record<string, Probe | undefined>;
type Partly = Readonly<Record<string, StateValue | undefined>>;

/** The arguments as functions of a module get them: defaults are filled in. */
export type Given<A extends Properties, R extends string> = ObjectOf<A, R> & FilesGiven;

/** What was read: of what is to be absent, other things perhaps. */
type Read<P> = Readings<P & Readonly<Probes>>;

/** What the engine adds for `src`, `template` and a tree. */
interface FilesGiven {
  content?: string | Buffer;
  files?: readonly SourceFile[];
}

const stateSchema = (clause: string) =>
  ({
    enum: ['present', 'absent'],
    default: 'present',
    description: `Whether it exists; \`absent\` ${clause}.`,
  }) as const;

/** Makes a module of what is said of a resource type; arguments get their types from their schemas. */
export function defineModule<
  const A extends Properties,
  const R extends keyof A & string = never,
  P extends Probes = Record<never, never>,
>(definition: Definition<A, R, P>): Module {
  // biome-ignore lint/suspicious/noExplicitAny: from here on arguments have the type that the module's own functions know
  const its = definition as unknown as Definition<any, any, any>;
  const { absent, removal } = its;
  const isAbsent = (args: { state?: string }) => absent !== undefined && args.state === 'absent';
  const gone = { ...its, ...removal };
  const { summary, name, examples, identity } = its;
  const { files, secrets, check, asCheck, verifies, unproven, runsFrom, spelled, timeoutS } = its;
  return {
    ...defined({ files, secrets, check, asCheck, verifies, unproven, runsFrom, spelled, timeoutS }),
    name,
    summary,
    examples: Object.entries(examples).map(([title, args]) => ({ title, args })),
    identity,
    args: {
      type: 'object',
      properties: { ...its.args, ...(absent !== undefined && { state: stateSchema(absent) }) },
      required: its.required ?? [],
      additionalProperties: false,
    },
    refine: args => [
      ...mixtures(its, args),
      ...compact<Refusal>((isAbsent(args) ? removal : its)?.refine?.(args) ?? []),
    ],
    probes: args => defined((isAbsent(args) ? gone : its).probes(args)),
    actual(read, args, context) {
      const state = (isAbsent(args) ? gone : its).actual(read, args, context);
      return state instanceof Missing ? state : state && stateOf(state);
    },
    desired: (args, read) => (isAbsent(args) ? null : stateOf(its.desired(args, read))),
    steps(diff, args, read, context) {
      const owes = its.owes?.(args, diff);
      const own =
        diff.kind === 'remove' ? its.remove?.(args, read, context) : its.steps?.(diff, args, read, context);
      const steps = compact<Step>(own ?? []);
      if (owes === undefined) return steps;
      const { unit, action, steps: after } = owes;
      return [{ do: 'owe', unit, action, because: context.name }, ...steps, ...after, { do: 'pay', unit }];
    },
    fresh: (args, read) => (isAbsent(args) ? gone : its).fresh?.(args, read) ?? null,
    initial: (args, read) => its.initial?.(args, read) ?? {},
    obstacles: (args, read, diff) => compact<Obstacle>(its.obstacles?.(args, read, diff) ?? []),
    ...(its.needs && { needs: args => (isAbsent(args) ? [] : its.needs!(args)) }),
    ...(its.reacts && { reacts: args => (isAbsent(args) ? [] : its.reacts!(args)) }),
    ...((its.claimsBelow ?? removal?.claimsBelow) && {
      claimsBelow(args, path) {
        const isBelow = path.startsWith(`${posix.normalize(identity(args))}/`);
        return (isBelow && (isAbsent(args) ? removal : its)?.claimsBelow?.(args, path)) || {};
      },
    }),
    claims: args =>
      isAbsent(args)
        ? (removal?.claims?.(args) ?? withoutClaims(its.claims?.(args) ?? {}))
        : (its.claims?.(args) ?? {}),
  };
}

/** What is to be absent: nothing is at the paths that it would claim otherwise, and they have no attributes. */
const withoutClaims = (claims: Claims): Claims =>
  Object.fromEntries(
    Object.entries(claims)
      .filter(([thing]) => !thing.startsWith('the '))
      .map(([thing, value]) => [
        thing,
        [typeClaim, presenceClaim].some(start => thing.startsWith(start)) ? 'nothing' : value,
      ]),
  );

const stateOf = (values: Partly): State => defined(values) as State;

type Entries = Readonly<Record<string, unknown>>;

const sources = ['content', 'src', 'template'];

/** Arguments that exclude one another and are given together. */
function mixtures(
  { alternatives = {}, files }: { alternatives?: Entries; files?: Files },
  args: Entries,
): Refusal[] {
  const given = (names: readonly string[]) => names.filter(name => args[name] !== undefined);
  const chosen = Object.values(alternatives as Record<string, readonly string[]>).map(given);
  const [first, second] = chosen.filter(names => names.length > 0);
  const of = files?.tree === true ? [] : given(sources);
  return compact([
    of.length > 1 && { at: of[1], says: 'Give one of content, src and template.' },
    second && {
      at: second[0],
      says: `${second[0]} does not go with ${first!.join(', ')}: give one or the other.`,
    },
  ]);
}
