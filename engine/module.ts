import type { Missing, Probe, Readings } from './probe.ts';
import type { ArgumentsOf, Schema } from './schema-types.ts';
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

/** Something a resource makes available to the resources after it; see `Missing.broughtBy` for tokens. */
export interface Brought {
  /**
   * `package:nginx`, `unit:app.service`, `running:app.service`, `path:/srv/app`, `role:app`, `database:app`,
   * `certificate:example.com` …
   */
  token: string;
  /** For `path:` tokens: the content the file will have, so that later resources are planned with it. */
  content?: Buffer;
}

/**
 * Things of a host, such as `the owner of /srv/app`, and what a resource makes of each. A value that takes work, or that may
 * not be known yet, is a function; undefined = it leaves the thing alone. Values are only compared: they may be secret.
 */
export type Claims = Readonly<Record<string, string | (() => string | undefined)>>;

/** What the claim begins with that says what is at a path: `file`, `directory`, `link` or `nothing`. */
export const typeClaim = 'what is at ';

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

/**
 * A resource type: data and pure functions, no I/O. Everything else (check mode, diff, verification, masking, docs,
 * editor completion, contract tests) the engine derives.
 */
// biome-ignore lint/suspicious/noExplicitAny: the registry holds modules of all argument types
export interface Module<A = any, P extends Record<string, Probe> = any> {
  /** The YAML key, the file's name and the name of the exported constant. */
  name: string;
  /** One sentence that ends with a full stop. */
  summary: string;
  /** JSON Schema (draft-07) of the arguments, each with a `description`; the only description of them. */
  args: ArgumentsSchema;
  examples: readonly Example<Record<string, unknown>>[];
  /** What makes two resources of a play the same thing, e.g. a path or a role; also the default label. */
  identity(args: A): string;
  /** Arguments that depend on one another, checked offline when they are known. A sentence each. */
  refine?(args: A): string[];
  /** Arguments that name a file beside the playbook: `src` is read as bytes, `template` is rendered. */
  files?: { src?: boolean; template?: boolean; tree?: boolean };
  /** Where a secret may stand; in other arguments it is refused, because other accounts of the host could see it. */
  secrets?: SecretPlaces<A>;
  probes(args: A): P;
  /** What was read, as a state; null = it does not exist; Missing = it cannot be known yet. */
  actual(read: Readings<P>, args: A, context: Context): State | null | Missing;
  /** The arguments as a state with only what is compared; null = it must not exist. */
  desired(args: A, read: Readings<P> | undefined): State | null;
  /** What to do about a difference. */
  steps(diff: Diff, args: A, read: Readings<P>, context: Context): Step[];
  /** What is there for later resources once this one is as declared. */
  brings?(args: A): Brought[];
  /**
   * The state that an earlier resource will have left when it brought one of `tokens`; null when not given. `read` is
   * what could be read, with the planned changes laid over it.
   */
  predict?(args: A, tokens: readonly string[], read: Partial<Readings<P>>): State | null;
  /**
   * Resources whose change this one answers: `unit` names the note on the host. The names are read here, as they are
   * written, so that one that is not known yet is missed here and not by who gets them.
   */
  reacts?(args: A): { to: readonly string[]; unit(): string; action: 'restart' | 'reload' | 'run' }[];
  /** A check changes nothing: it is read until it holds, as often and as far apart as its `attempts` and `delay` say. */
  check?: boolean;
  /** The module as it is under `checks`, where it only looks; left out by one that is a check anyhow or never is. */
  asCheck?: Module;
  /** What it settles: two resources that settle the same thing differently would undo each other on every run. */
  claims?(args: A): Claims;
  /** What it settles of a path below its own that `claims` does not name. */
  claimsBelow?(args: A, path: string): Claims;
  /** False where there is nothing to read again after the steps, e.g. a command that runs always. */
  verifies?(args: A): boolean;
  /** Seconds that its steps may take before they count as hanging; 1800 when left out. */
  timeoutS?(args: A): number;
}

/** Gives a module its types: arguments inferred from the schema, readings from the probes. */
export function defineModule<const S extends ArgumentsSchema, P extends Record<string, Probe>>(
  module: Omit<Module<ArgumentsOf<S>, P>, 'args' | 'examples'> & {
    args: S;
    examples: readonly Example<Record<string, unknown>>[];
  },
): Module {
  return module as unknown as Module;
}
