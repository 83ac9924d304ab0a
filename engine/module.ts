import type { Missing, Owed, Probe, Readings } from './probe.ts';
import type { ProblemCode } from './problem.ts';
import type { Schema } from './schema-types.ts';
import type { Step } from './step.ts';

/** A value of a state: flat, so that every difference is one line. */
export type StateValue = string | number | boolean | null | readonly string[] | Text;

/** A text that is compared by its bytes and shown by its changed lines. */
export interface Text {
  sha256: string;
  /** Missing when it is too large to show. */
  bytes?: Buffer;
}

/** What something is like. A key that is left out is not managed; the state of what does not exist is `null`. */
export type State = Readonly<Record<string, StateValue>>;

/** One key that is not as declared. */
export interface Change {
  key: string;
  /** undefined = it does not exist. */
  before: StateValue | undefined;
  after: StateValue | undefined;
}

/** What a resource's state lacks to be as declared. */
export interface Diff {
  kind: 'create' | 'update' | 'remove';
  changes: readonly Change[];
  /** Whether `key` is one of the changes; true for every desired key of something that does not exist. */
  has(key: string): boolean;
}

/** A difference as a plan may show it. */
export type PlannedDiff = Omit<Diff, 'kind'> & {
  /** `write` = it is as said in the end, but what is there before cannot be known yet: it is created or replaced. */
  kind: Diff['kind'] | 'write';
};

/**
 * Things of a host, such as `the owner of /srv/app`, and what a resource makes of each. A value that takes work, or that may
 * not be known yet, is a function; undefined = it leaves the thing alone. Values are only compared: they may be secret.
 */
export type Claims = Readonly<Record<string, string | (() => string | undefined)>>;

/** What the claim begins with that says what is at a path: `file`, `directory`, `link` or `nothing`. */
export const typeClaim = 'what is at ';

/** What the claim begins with that says whether there is: `something` or `nothing`. */
export const presenceClaim = 'whether something is at ';

/** What a module needs to know besides its arguments and what was read. */
export interface Context {
  /** True while a resource is read again after its change. */
  verifying: boolean;
  /** Seconds since 1970 by the host's clock. */
  nowS: number;
  /** The same when the saved plan was made that is compared with: until it is applied nothing counts as older. */
  plannedS?: number;
  /** The resource's name, for notes of what is owed to it. */
  name: string;
}

/** An example that stands in the docs and is run by the contract tests. */
export interface Example<A> {
  title: string;
  args: A;
}

/** The arguments of a module that may hold secrets. */
export interface SecretPlaces<A> {
  /** Those that reach the host by a standard input, by an environment, or not at all. */
  in: readonly string[];
  /** How to do without a secret elsewhere; a sentence. */
  instead?: string;
  /** Why a secret in them would still be seen by others: a sentence, with what to do about it as a hint. */
  exposes?(args: A): { message: string; hint: string } | undefined;
}

/** The JSON Schema (draft-07) of a module's arguments. */
export type ArgumentsSchema = Schema & {
  readonly type: 'object';
  readonly properties: Readonly<Record<string, Schema>>;
  readonly additionalProperties: false;
};

/** Why arguments do not go together: a sentence, and the argument that it is about. */
export interface Refusal {
  at?: string | undefined;
  says: string;
}

/** What would make every apply fail, known from what is read: a sentence, and what to do about it. */
export interface Obstacle {
  says: string;
  fix?: string | undefined;
  /** `obstacle` when left out. */
  code?: ProblemCode;
  /** That it may not come to it, by what the steps do first: the plan is not sure then, and the apply fails for this. */
  unsure?: boolean;
}

/** Resources whose change a resource answers; `unit` names the note on the host. */
export interface Reacts {
  to: readonly string[];
  unit(): string;
  action: Owed['action'];
}

/** A resource type as the engine uses it; `defineModule` makes it. */
// biome-ignore lint/suspicious/noExplicitAny: the registry holds modules of all argument types
export interface Module<A = any, P extends Record<string, Probe> = any> {
  name: string;
  summary: string;
  args: ArgumentsSchema;
  examples: readonly Example<Record<string, unknown>>[];
  identity(args: A): string;
  refine(args: A): Refusal[];
  files?: Files;
  secrets?: SecretPlaces<A>;
  probes(args: A): P;
  /** What was read, as a state; null = it does not exist; Missing = it cannot be known. */
  actual(read: Readings<P>, args: A, context: Context): State | null | Missing;
  /** The arguments as a state with only what is compared; null = it must not exist. */
  desired(args: A, read: Readings<P> | undefined): State | null;
  /** The state of one once what is missing now has come; null when left out. `read` lacks what cannot be read yet. */
  fresh(args: A, read: Readings<P>): State | null;
  /** What a new one is like in what is not declared. */
  initial(args: A, read: Readings<P> | undefined): State;
  steps(diff: Diff, args: A, read: Readings<P>, context: Context): Step[];
  obstacles(args: A, read: Readings<P>, diff: Diff): Obstacle[];
  reacts?(args: A): Reacts[];
  check?: boolean;
  asCheck?: Module;
  claims?(args: A): Claims;
  needs?(args: A): string[];
  spelled?(args: A): Readonly<Record<string, string>>;
  claimsBelow?(args: A, path: string): Claims;
  runsFrom?(args: A): string | undefined;
  verifies?(args: A): boolean;
  unproven?(args: A): string;
  timeoutS?(args: A): number;
}

/** Arguments that name a file beside the playbook: `src` is read as bytes, `template` is rendered. */
export interface Files {
  src?: boolean;
  template?: boolean;
  tree?: boolean;
}

/** A file of a folder beside the playbook. */
export interface SourceFile {
  path: string;
  bytes: Buffer;
  executable: boolean;
}
