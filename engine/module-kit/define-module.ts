import { posix } from 'node:path';
import {
  attributeOf,
  type Claims,
  type Context,
  type Diff,
  type Files,
  type InventoryHost,
  type Module,
  type Notes,
  type Obstacle,
  pathOf,
  type Reacts,
  type Refusal,
  type SecretPlaces,
  type SourceFile,
  type State,
  type StateValue,
} from '../module.ts';
import { Missing, type Owed, type Probe, type Readings } from '../probe.ts';
import type { ObjectOf, Schema } from '../schema-types.ts';
import type { Step } from '../step.ts';
import { type Conditional, compact, defined } from '../util/defined.ts';
import type { FileContent } from '../util/file-content.ts';
import { memoized } from '../util/memoized.ts';
import { stateSchema } from './argument.ts';
import { type OwnFile, withOwnFile } from './own-file.ts';

/** Work that a change makes necessary. The engine notes it on the host before the change, and removes the note after it. */
export interface Owes {
  /** The name of the note: a unit, or another name of this resource's own. */
  unit: string;
  /** The kind of work, as the plan shows it. */
  action: Owed['action'];
  /** The steps of the work. They follow the steps of the change. */
  steps: readonly Step[];
}

/**
 * A resource type: data and pure functions, without I/O. The engine derives check mode, the diff, verification, masking,
 * docs, editor completion and contract tests. `A` are the schemas of the arguments, `R` the names of the required
 * arguments, `P` the probes. The engine leaves out `undefined` values of probes and states, and `undefined` and `false`
 * items in lists of refusals, obstacles and steps.
 */
export interface Definition<A extends Properties, R extends string, P extends Probes> {
  /** The key in a playbook. The file and the exported constant have the same name. */
  name: string;
  /** One sentence about the resource type, with a full stop. */
  summary: string;
  /** The JSON Schema of each argument, with a `description`. The functions of argument.ts make these schemas. */
  args: A;
  /** The names of the required arguments. */
  required?: readonly R[];
  /**
   * A clause about the effect of `state: absent`, such as `removes it`. With it, the engine adds the argument `state` and
   * calls `remove` for `state: absent`. No function of the module sees `state`, unless `args` has it for several ways to be
   * present, such as `mounted` and `fstab`; the engine then adds `absent` to them.
   */
  absent?: string;
  /** Examples of arguments, each under a title. The docs show them, and the contract tests try them. */
  examples: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /**
   * Identifies the managed thing, such as a path or the name of a role. Two resources of a play with the same identity
   * manage the same thing. Together with the module's name it is the default name of the resource.
   */
  identity(args: Given<A, R>): string;
  /** Groups of arguments, each under a name. An argument of one group excludes the arguments of every other group. */
  alternatives?: Readonly<Record<string, readonly (keyof A & string)[]>>;
  /** Sentences for the docs about arguments that go together, besides `alternatives`. */
  together?: readonly string[];
  /**
   * Refusals of arguments that contradict one another. The engine calls it offline, as soon as it knows the arguments, and
   * never for `state: absent`.
   */
  refine?(args: Given<A, R>): Conditional<Refusal>;
  /** The arguments that name files beside the playbook. From `src` or `template` the engine makes `content`; from a tree, `files`. */
  files?: Files;
  /** The arguments that may hold a secret. The engine refuses a secret in every other argument. */
  secrets?: SecretPlaces<Given<A, R>>;
  /**
   * Returns the file of root that is the thing, or its lasting half. The engine reads, compares, writes, removes and claims
   * it. The other functions are about the rest, and `probes`, `actual` and `desired` may be left out.
   */
  file?(args: Given<A, R>): OwnFile;
  /**
   * The probes to read, by name. The engine reads a probe whose name begins with `needs` only for `obstacles`, and leaves it
   * out while earlier resources may change its answer. One whose name begins with `perhaps` leaves the plan open only if
   * `actual` uses its reading.
   */
  probes?(args: Given<A, R>): P;
  /** Returns the state from the readings, `null` if the thing does not exist, or a `Missing` if the state cannot be read. */
  actual?(read: Read<P>, args: Given<A, R>, context: Context): Partly | null | Missing;
  /** Returns the declared state, with only the keys to compare. `read` is undefined while nothing is read. */
  desired?(args: Given<A, R>, read: Read<P> | undefined): Partly;
  /**
   * Returns the state of the thing after its missing program or server arrives, such as Debian's default site; without this
   * function, `null`. `read` holds the readings that are possible without the missing thing.
   */
  fresh?(args: Given<A, R>, read: Read<P>): State | null;
  /** Returns the undeclared keys of a new thing that can be read only after its creation. */
  initial?(args: Given<A, R>, read: Read<P> | undefined): State;
  /**
   * Returns facts about elements that a diff adds to lists, such as the version of a package: a text to show behind each
   * element, by key and element. It returns only certain facts. An apply that finds other facts still agrees with its plan.
   */
  notes?(args: Given<A, R>, read: Read<P>): Notes;
  /** Returns the steps that resolve a diff. */
  steps?(diff: Diff, args: Given<A, R>, read: Read<P>, context: Context): Conditional<Step>;
  /** Returns the steps that remove the thing. The engine calls it for `state: absent`. */
  remove?(args: Given<A, R>, read: Read<P>, context: Context): Conditional<Step>;
  /** Functions that take the place of the module's own for `state: absent`. */
  removal?: {
    refine?(args: Given<A, R>): Conditional<Refusal>;
    probes?(args: Given<A, R>): Probes;
    // biome-ignore lint/suspicious/noExplicitAny: readings of probes that are the module's own here
    fresh?(args: Given<A, R>, read: any): State | null;
    // biome-ignore lint/suspicious/noExplicitAny: readings of probes that are the module's own here
    actual?(read: any, args: Given<A, R>, context: Context): Partly | null | Missing;
    /** Without this function, the engine claims only that nothing is at the paths of the module's own claims. */
    claims?(args: Given<A, R>): Claims;
    claimsBelow?(args: Given<A, R>, path: string): Claims;
  };
  /**
   * Returns conditions that would make every apply of this diff fail. The engine itself finds the obstacles of the steps.
   * While earlier resources may change a reading other than `needs…`, the plan shows a doubt instead. The function is also
   * called for `state: absent`, with the diff kind `remove` and the readings of the removal.
   */
  obstacles?(args: Given<A, R>, read: Read<P>, diff: Diff, context: Context): Conditional<Obstacle>;
  /** Returns work that the change makes necessary. The engine notes it before the steps and does it after them. */
  owes?(args: Given<A, R>, read: Read<P>): Owes | undefined;
  /**
   * Returns the resources whose changes this resource answers, for example with a restart. Read the names of these
   * resources inside this function and not later: an argument that is still unknown must fail here.
   */
  reacts?(args: Given<A, R>): Reacts[];
  /** Marks a check, which changes nothing. The engine reads it until it holds, at most `attempts` times, `delay` apart. */
  check?: boolean;
  /** The module that takes this module's place under `checks:`. A module that is a check, or never stands there, has none. */
  asCheck?: Module;
  /** Returns the properties that the resource determines besides its own state. Resources whose claims differ conflict. */
  claims?(args: Given<A, R>): Claims;
  /**
   * Returns the things that must exist before the resource, by the names of claims, or by module and identity, such as
   * `pg_role app`. It names only things that a resource can bring and that no fresh host has. The engine itself knows the
   * folders of claimed files.
   */
  needs?(args: Given<A, R>): string[];
  /** Returns keys of the state in one normal spelling, so that two resources with equal meaning agree. */
  spelled?(args: Given<A, R>): Readonly<Record<string, string>>;
  /** Returns the claims on a path below the identity that `claims` does not name. */
  claimsBelow?(args: Given<A, R>, path: string): Claims;
  /** Returns the folder from which root runs programs. The engine refuses a folder that another account can write to. */
  runsFrom?(args: Given<A, R>): string | undefined;
  /** Whether a change runs something, as a command does. Plans show it with the sign `»`. */
  runs?: boolean;
  /** Returns false if no reading can prove the change, as for a command that always runs. */
  verifies?(args: Given<A, R>): boolean;
  /** Returns the sentence of the problem if a diff is left after the change. */
  unproven?(args: Given<A, R>): string;
  /** Returns why the resource needs no change, such as `/srv/app exists`, if its state does not tell. */
  idle?(read: Read<P>, args: Given<A, R>, context: Context): string | undefined;
  /** Returns the time limit for the steps in seconds; without this function, 1800. */
  timeoutS?(args: Given<A, R>): number;
}

type Properties = Readonly<Record<string, Schema>>;
type Probes = Record<string, Probe | undefined>;
type Partly = Readonly<Record<string, StateValue | undefined>>;

/** The arguments of a module's functions, with defaults filled in. */
export type Given<A extends Properties, R extends string> = ObjectOf<A, R> & FilesGiven;

/** The readings. For `state: absent`, the probes of `removal` can take the place of the module's own. */
type Read<P> = Readings<P & Readonly<Probes>>;

/** The arguments that the engine adds for `src`, `template`, a tree and `from_inventory`. */
interface FilesGiven {
  hosts?: readonly InventoryHost[];
  content?: string | Buffer | FileContent;
  files?: readonly SourceFile[];
}

/** Makes a module from the definition of a resource type. The types of the arguments come from their schemas. */
export function defineModule<
  const A extends Properties,
  const R extends keyof A & string = never,
  P extends Probes = Record<never, never>,
>(definition: Definition<A, R, P>): Module {
  // biome-ignore lint/suspicious/noExplicitAny: from here on arguments have the type that the module's own functions know
  const own = withOwnFile(definition as unknown as Definition<any, any, any>);
  const { absent, removal } = own;
  const isAbsent = (args: { state?: string }) => absent !== undefined && args.state === 'absent';
  const removalDefinition = { ...own, ...removal };
  const { summary, name, examples, identity } = own;
  const { files, secrets, check, asCheck, runs, verifies, unproven, runsFrom, spelled, timeoutS } = own;
  return {
    ...defined({ files, secrets, check, asCheck, runs, verifies, unproven, runsFrom, spelled, timeoutS }),
    ...(own.idle && { idle: own.idle }),
    name,
    summary,
    together: [...(own.together ?? []), ...togetherIn(own)],
    examples: Object.entries(examples).map(([title, args]) => ({ title, args })),
    identity,
    args: {
      type: 'object',
      properties: {
        ...own.args,
        ...(absent !== undefined && { state: stateSchema(absent, own.args['state']) }),
      },
      required: own.required ?? [],
      additionalProperties: false,
    },
    refine: args => [
      ...mixtures(own, args),
      ...compact<Refusal>((isAbsent(args) ? removal : own)?.refine?.(args) ?? []),
    ],
    probes: memoized(args => defined((isAbsent(args) ? removalDefinition : own).probes?.(args) ?? {})),
    actual(read, args, context) {
      const state = (isAbsent(args) ? removalDefinition : own).actual?.(read, args, context) ?? null;
      return state instanceof Missing ? state : state && stateOf(state);
    },
    desired: (args, read) => (isAbsent(args) ? null : stateOf(own.desired?.(args, read) ?? {})),
    steps(diff, args, read, context) {
      const owes = own.owes?.(args, read);
      const chosen =
        diff.kind === 'remove' ? own.remove?.(args, read, context) : own.steps?.(diff, args, read, context);
      const steps = compact<Step>(chosen ?? []);
      if (owes === undefined) return steps;
      const { unit, action, steps: after } = owes;
      return [{ do: 'owe', unit, action, because: context.name }, ...steps, ...after, { do: 'pay', unit }];
    },
    fresh: (args, read) => (isAbsent(args) ? removalDefinition : own).fresh?.(args, read) ?? null,
    ...(own.notes && { notes: (args, read) => (isAbsent(args) ? {} : own.notes!(args, read)) }),
    initial: (args, read) => own.initial?.(args, read) ?? {},
    obstacles: (args, read, diff, context) =>
      compact<Obstacle>(own.obstacles?.(args, read, diff, context) ?? []),
    ...(own.needs && { needs: args => (isAbsent(args) ? [] : own.needs!(args)) }),
    ...(own.reacts && { reacts: args => (isAbsent(args) ? [] : own.reacts!(args)) }),
    ...((own.claimsBelow ?? removal?.claimsBelow) && {
      claimsBelow(args, path) {
        const isBelow = path.startsWith(`${posix.normalize(identity(args))}/`);
        return (isBelow && (isAbsent(args) ? removal : own)?.claimsBelow?.(args, path)) || {};
      },
    }),
    claims: memoized(args =>
      isAbsent(args)
        ? (removal?.claims?.(args) ?? withoutClaims(own.claims?.(args) ?? {}))
        : (own.claims?.(args) ?? {}),
    ),
  };
}

/** The claims of an absent thing: nothing is at the paths of `claims`, and the paths have no attributes. */
const withoutClaims = (claims: Claims): Claims =>
  Object.fromEntries(
    Object.entries(claims)
      .filter(([claim]) => attributeOf(claim) === undefined)
      .map(([claim, value]) => [claim, pathOf(claim) === undefined ? value : 'nothing']),
  );

const stateOf = (values: Partly): State => defined(values) as State;

type Entries = Readonly<Record<string, unknown>>;

const sources = ['content', 'src', 'template'];

type Sourced = { args: Entries; alternatives?: Entries; files?: Files };

/** Returns sentences about the arguments of which a resource gives one, or one group. */
function togetherIn({ args, alternatives = {}, files }: Sourced): string[] {
  const groups = Object.values(alternatives as Record<string, readonly string[]>);
  const own = sources.filter(
    name => name in args && (name === 'content' || files?.[name as 'src' | 'template']),
  );
  return compact([
    groups.length > 0 && `At most one of these groups: ${groups.map(names => names.join(', ')).join(' · ')}.`,
    files?.tree !== true && own.length > 1 && `At most one of ${own.join(', ')}.`,
  ]);
}

/** Returns a refusal for arguments that exclude one another and occur together. */
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
