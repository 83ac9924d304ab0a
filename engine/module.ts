import type { Host } from './host.ts';
import type { Missing, Owed, Probe, Readings } from './probe.ts';
import type { ProblemCode } from './problem.ts';
import type { Schema } from './schema-types.ts';
import type { Step } from './step.ts';
import type { FileContent } from './util/file-content.ts';

/** A value of a state. It is flat, so that every difference fits on one line. */
export type StateValue = string | number | boolean | null | readonly string[] | Text;

/** A text. The engine compares its bytes and shows its changed lines. */
export interface Text {
  sha256: string;
  /** Left out for a text that is too large to show. */
  bytes?: Buffer;
  /** Bytes of the text, if `bytes` is left out. */
  sizeBytes?: number;
}

/** The properties of a thing, as a flat map of keys. A key that is left out is not managed. */
export type State = Readonly<Record<string, StateValue>>;

/** One key of a diff. */
export interface Change {
  key: string;
  /** undefined if the key does not exist. */
  before: StateValue | undefined;
  after: StateValue | undefined;
  /** Texts behind elements of a list, such as the version of a package. They are shown and never compared. */
  notes?: Readonly<Record<string, string>>;
}

/** Texts behind elements of lists: by the key of the list, and by element. */
export type Notes = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The differences between an actual state and the declared state. */
export interface Diff {
  kind: 'create' | 'update' | 'remove';
  changes: readonly Change[];
  /** Whether `key` is one of the changes. For a thing that does not exist, it is true for every declared key. */
  has(key: string): boolean;
}

/** A diff in a plan. */
export type PlannedDiff = Omit<Diff, 'kind'> & {
  /** `write` means that the state before is not known yet: the thing is either created or replaced. */
  kind: Diff['kind'] | 'write';
};

/**
 * The properties that a resource determines, such as `the owner of /srv/app`, and their values. A value that is costly, or
 * may still be unknown, is a function; it returns undefined if the resource leaves the property alone. The engine only
 * compares values and never shows them: they can be secret.
 */
export type Claims = Readonly<Record<string, string | (() => string | undefined)>>;

/** The beginning of the claim on the type of a path. Its value is `file`, `directory`, `link` or `nothing`. */
export const typeClaim = 'what is at ';

/** The beginning of the claim on the presence of a path. Its value is `something` or `nothing`. */
export const presenceClaim = 'whether something is at ';

/** Returns the claim on an attribute of a path, such as its owner or its content. */
export const attributeClaim = (attribute: string, path: string): string => `the ${attribute} of ${path}`;

/** Returns the claim on the owner of a path. */
export const ownerClaim = (path: string): string => attributeClaim('owner', path);

/** Returns the attribute that a claim is about, such as `owner`; undefined for a claim of another form. */
export const attributeOf = (claim: string): string | undefined => /^the (\S+) of /.exec(claim)?.[1];

/** Returns the path of a claim on the type or the presence of a path; undefined for every other claim. */
export const pathOf = (claim: string): string | undefined => {
  const start = [typeClaim, presenceClaim].find(each => claim.startsWith(each));
  return start === undefined ? undefined : claim.slice(start.length);
};

/** The input of a module's functions besides arguments and readings. */
export interface Context extends HostContext {
  /** True in the reading after a change. */
  verifying: boolean;
  /** The name of the resource, for notes of owed restarts. */
  name: string;
}

/** The part of the context that all resources of a host share. */
export interface HostContext {
  /** Seconds since 1970 by the host's clock. */
  nowS: number;
  /** The time of a saved plan, if one is applied. Ages count up to this time. */
  plannedS?: number;
  /** The account that logs in; undefined = not known. */
  login?: string | undefined;
  /** `SHA256:…` of the key that logged in; undefined if none did, or if only ssh knows it. */
  loginKey?: string | undefined;
  /** Whether the run has a password for sudo. */
  becomePassword?: boolean;
  /** The transport to the host; undefined = ssh. */
  transport?: Host['transport'];
}

/** An example of arguments for the docs and the contract tests. */
export interface Example<A> {
  title: string;
  args: A;
}

/** The arguments of a module that may hold secrets. */
export interface SecretPlaces<A> {
  /** Arguments that reach the host through a standard input or an environment, or not at all. */
  in: readonly string[];
  /** Those that take a password whose hash gets its salt with the change (see engine/util/unsalted-password.ts). */
  unsalted?: readonly string[];
  /** Advice for a secret in another argument; a sentence. */
  instead?: string;
  /** Returns the reason why other accounts could still see a secret in these arguments, with advice as a hint. */
  exposes?(args: A): { message: string; hint: string } | undefined;
}

/** The JSON Schema (draft-07) of a module's arguments. */
export type ArgumentsSchema = Schema & {
  readonly type: 'object';
  readonly properties: Readonly<Record<string, Schema>>;
  readonly additionalProperties: false;
};

/** The reason why arguments contradict one another. */
export interface Refusal {
  /** The name of the argument that the sentence is about. */
  at?: string | undefined;
  /** A sentence. */
  says: string;
}

/** A condition that would make every apply fail, known from the readings. */
export interface Obstacle {
  /** A sentence. */
  says: string;
  /** Advice. */
  fix?: string | undefined;
  /** Default: `obstacle`. */
  code?: ProblemCode;
  /** Whether the steps before may still remove the condition. The plan then shows a doubt, and the apply decides. */
  unsure?: boolean;
  /** Whether the condition holds whatever the readings turn out to be: it follows from the arguments and the login. */
  always?: boolean;
  /**
   * Whether the host cannot have the thing at all, such as swap in a container. Its state is then unknown there: the plan says
   * so, nothing is done about it, and the host does not fail.
   */
  unknown?: boolean;
  /** Whether it is no obstacle, but something to know before the change. The plan shows it below the change. */
  warns?: boolean;
}

/** Returns the obstacles without the warnings among them. */
export const blocking = (obstacles: readonly Obstacle[]): Obstacle[] =>
  obstacles.filter(({ warns }) => !warns);

/** The resources whose changes a resource answers. */
export interface Reacts {
  /** The names of these resources. */
  to: readonly string[];
  /** Returns the name of the note on the host. */
  unit(): string;
  action: Owed['action'];
}

/** A resource type as the engine uses it; `defineModule` makes it. */
// biome-ignore lint/suspicious/noExplicitAny: the registry holds modules of all argument types
export interface Module<A = any, P extends Record<string, Probe> = any> {
  name: string;
  summary: string;
  /** Sentences about arguments that go together. */
  together: readonly string[];
  args: ArgumentsSchema;
  examples: readonly Example<Record<string, unknown>>[];
  identity(args: A): string;
  refine(args: A): Refusal[];
  files?: Files;
  secrets?: SecretPlaces<A>;
  probes(args: A): P;
  /** The readings as a state; null = the thing does not exist; Missing = the state cannot be read. */
  actual(read: Readings<P>, args: A, context: Context): State | null | Missing;
  /** The arguments as a state, with only the keys to compare; null = the thing must not exist. */
  desired(args: A, read: Readings<P> | undefined): State | null;
  /** The state after the missing thing has arrived; null when left out. `read` lacks the readings that need it. */
  fresh(args: A, read: Readings<P>): State | null;
  /** The undeclared keys of a new thing. */
  initial(args: A, read: Readings<P> | undefined): State;
  /** Texts behind the elements that a diff adds to lists, by key and element. */
  notes?(args: A, read: Readings<P>): Notes;
  steps(diff: Diff, args: A, read: Readings<P>, context: Context): Step[];
  obstacles(args: A, read: Readings<P>, diff: Diff, context: Context): Obstacle[];
  reacts?(args: A): Reacts[];
  check?: boolean;
  runs?: boolean;
  asCheck?: Module;
  claims?(args: A): Claims;
  needs?(args: A): string[];
  spelled?(args: A): Readonly<Record<string, string>>;
  claimsBelow?(args: A, path: string): Claims;
  runsFrom?(args: A): string | undefined;
  verifies?(args: A): boolean;
  unproven?(args: A): string;
  idle?(read: Readings<P>, args: A, context: Context): string | undefined;
  timeoutS?(args: A): number;
}

/** The arguments that name files beside the playbook. */
export interface Files {
  /** The argument that names a file, mostly `src`. A large file is not held in memory. */
  src?: string;
  /** `template` names a template. The engine renders it. */
  template?: boolean;
  /** `src` names a folder. The engine reads all files below it. */
  tree?: boolean;
  /** `from_inventory` stands for the hosts of the inventory. From it the engine makes `hosts`. */
  inventory?: boolean;
}

/** A host of the inventory, for a module that takes all of them. */
export interface InventoryHost {
  name: string;
  address: string;
  port: number;
  /** The public key that the inventory pins, `ssh-ed25519 AAAA…`; null if it pins none. */
  host_key: string | null;
}

/** A file of a folder beside the playbook. */
export interface SourceFile {
  path: string;
  content: Buffer | FileContent;
  executable: boolean;
}
