/** Turns an offset (from 0) and a length in a source into a place in the file that holds it. */
export type Where = (offset: number, length: number) => Place;

/** A place in a text that a person wrote. Lines and columns count from 1; `text` is the whole line. */
export interface Place {
  file: string;
  line: number;
  column: number;
  /** How many characters to underline; 1 when left out. */
  length?: number;
  /** The source line, so that a message can be shown without reading the file again. */
  text?: string;
}

/** Tells places apart, without the source line, which may be long. */
export function placeKey({ file, line, column, length = 1 }: Place): string {
  return `${file}:${line}:${column}:${length}`;
}

/** Where a place begins, without its source line, which may hold a secret. */
export function withoutText({ file, line, column }: Place): Place {
  return { file, line, column };
}

/** How a message about the place `here` names the line of another one. */
export function lineFrom(here: Place, { file, line }: Place): string {
  return file === here.file ? `line ${line}` : `line ${line} of ${file}`;
}

/** Without a place first, then file by file as they were met, in the order of their lines. */
export function sortedByPlace<P extends { readonly at?: Place }>(found: readonly P[]): P[] {
  const files = [...new Set(found.map(({ at }) => at?.file))];
  const order = ({ at }: P) => (at === undefined ? -1 : files.indexOf(at.file));
  return found.toSorted(
    (a, b) =>
      order(a) - order(b) ||
      (a.at?.line ?? 0) - (b.at?.line ?? 0) ||
      (a.at?.column ?? 0) - (b.at?.column ?? 0),
  );
}

/** Something that is wrong, as plain data. The message is a sentence that names what the person wrote. */
export interface Problem {
  code: ProblemCode;
  message: string;
  /** What to do about it; a command to copy stands on a line of its own. */
  hint?: string;
  at?: Place;
  /** The includes that led to the place, innermost first. */
  via?: readonly Place[];
  host?: string;
  resource?: string;
  /** The last words of the command or the peer that refused, verbatim. */
  cause?: string;
}

/** A lint warning about something that works and is seldom intended. The rules in validate/lint/ define the codes. */
export interface Warning extends Omit<Problem, 'code'> {
  severity: 'warning';
  code: string;
}

/** Every problem code and what `reconcile explain CODE` and docs/errors.md say of it. */
export const explanations = {
  bug: 'The program met a situation that it holds to be impossible. Please report it with the command you ran.',
  'yaml-syntax':
    'The file is not valid YAML 1.2. The place is where the parser could not go on; the cause is often a line above it.',
  'file-missing': 'A file that the command line or the playbook names does not exist or cannot be read.',
  'unknown-key': 'A key is not one that belongs here. The message lists the nearest name that does.',
  'wrong-type': 'A value is of another type than this argument takes.',
  'missing-key': 'An argument that the module cannot do without is not there.',
  'unknown-module': 'No module has this name. `reconcile modules` lists them.',
  'duplicate-name':
    'Two resources of one play have the same name, so that a reference to it would be ambiguous.',
  'unknown-resource': 'A `needs`, `restart_on` or `reload_on` names a resource that the play does not have.',
  'unknown-host': 'A pattern, a limit or a group names a host or group that the inventory does not have.',
  'inventory-syntax':
    'A line or a name of an inventory in a format of Ansible cannot be understood. The message says what belongs there.',
  'inventory-program':
    'A program that is to print the inventory could not be run, failed, or printed something else.',
  'undefined-variable': 'An expression uses a name that has no value here.',
  'expression-syntax': 'The text between {{ and }} or {% and %} is not a valid expression.',
  'expression-type': 'An operator or filter was given a value of a type it does not take.',
  'expression-limit': 'An expression ran longer, or produced more text, than any sensible playbook needs.',
  'invalid-value': 'A value has the right type but cannot be used for what it is meant for.',
  conflict:
    'Two resources settle the same thing of a host, in one play or in two, and would undo each other on every run.',
  obstacle:
    'What was read of the host shows that an apply would fail here: a folder, an account or a package is missing, something else is in the way, or the program that does the change would refuse it. Nothing was changed on this host.',
  order:
    'A resource needs something that only a later resource of the play brings, or answers changes of a later one. Resources are done in the order they are written in: move one of the two.',
  'variable-cycle': 'Variables refer to one another in a circle, so that none of them has a value.',
  'include-cycle': 'Component files include one another in a circle, so that there is no end to them.',
  'not-supported': 'The key or the file format is known, but this version of the program cannot do it yet.',
  'insecure-file':
    'Other accounts of this computer can read a file of secrets or a key to one, or write to a file of settings.',
  'secret-exposed':
    'A secret stands where other accounts of the host could see it: in the arguments of a program, in a name or path, or in a file that all may read. The message says where it may stand instead. What is no secret, such as a variable of the environment that names a release, is said to be none with the filter nonsensitive.',
  'secrets-locked':
    'Secrets are encrypted and none of your keys opens them, or the program that gives them failed. Plans work without; hosts that need them are not changed.',
  'secrets-damaged':
    'An encrypted file of secrets is not as reconcile wrote it: somebody or something else changed it, or it is not whole.',
  usage: 'The command line is wrong. `reconcile --help` shows what it takes.',
  unreachable: 'No connection to the host could be made, or it broke and could not be made again.',
  'facts-unread':
    'Expressions for a host use facts of another one, such as `hosts.db1.facts.ipv4`, and those could not be read. Nothing was changed on the host that needs them.',
  'host-key-unknown': 'The host is not in known_hosts, so nobody has vouched for its identity yet.',
  'host-key-changed':
    'The host shows another key than the one recorded. It was reinstalled, or somebody is in between.',
  'host-key-revoked':
    'The host shows a key that a line of known_hosts revokes: somebody has declared it stolen.',
  'auth-failed': 'The host accepted none of the keys offered.',
  'become-failed': 'The login worked, but becoming the user that does the work did not.',
  locked: 'Somebody else is applying to the host, or was cut off from it; nothing was changed by this apply.',
  'lease-lost':
    'The lease on the host ended while this run held it, because the run stood still or was cut off, and another run may have changed the host since. A plain apply reads everything anew and goes on; a saved plan is not applied any further. When no change followed, the apply ends with this error: apply again.',
  'connection-lost':
    'The connection ended and could not be made again; what a step did meanwhile is read on the next run.',
  'cut-off':
    'Something on the host ended a step before it was done; what it left was read and is not as declared.',
  'host-restarted': 'The host was restarted while a step was running, and what it left is not as declared.',
  'locked-out':
    'After a risky change nobody could enter the host, or become the account that does the work, over a new connection. The host put the change back.',
  'put-back':
    'A risky change was put back because the run ended before it took effect, so that nobody could show that it is harmless.',
  'not-put-back':
    'A play with `on_failed_check: revert` failed, and some of its changes could not be undone.',
  irreversible:
    'A change that could lock everybody out must be one that the host can undo by itself, and this one is not.',
  timeout: 'A step took longer than it was given.',
  'program-missing':
    'A program that a resource needs is not on the host, and nothing before it in the play brings it.',
  'not-running':
    'What the resource needs does not run on the host, and nothing before it in the play starts it.',
  'unit-missing': 'systemd does not know the unit, and nothing before it in the play brings it.',
  'read-failed': 'Reading the state of a resource failed; nothing was changed by it.',
  'step-failed':
    'A command of a change exited with an error. The host holds what the earlier steps did; files are put back.',
  'validation-failed': 'The check of the new files failed; they were put back as they were.',
  'not-as-declared': 'After the change the resource was read again and is not as declared.',
  'run-once-failed':
    'A resource with `run_once` is done on one host for all hosts of the play, and it failed or was not reached there. The others stop at it, too.',
  'check-failed': 'A check of the play did not get the answer that it expects.',
  'apt-locked': 'Another program holds the package lock and did not let go in time.',
  'dpkg-broken': 'An earlier package operation broke off and left dpkg half-configured.',
  'plan-invalid': 'The file is not a saved plan that this version of the program can read.',
  'plan-stale':
    'The host, or what is declared for it, is no longer what the saved plan was made from; nothing was changed there.',
  'plan-other-host':
    'A host answers under the name of one in the saved plan, but is another machine or shows another key.',
  'plan-applied':
    'The saved plan was applied to the host before. A plan is applied once, even if it was cut off.',
  deviation:
    'At its turn a resource differed from what the saved plan shows; the host was stopped before the change.',
  'unsafe-path':
    'A path leads through a link, or programs would be run from a folder, that an account with fewer rights than the one that does the work could have put there. Nothing was done.',
  'read-only': 'A file system of the host, or the part of it that a service may see, cannot be written.',
  'no-space': 'A file system of the host is full.',
} as const satisfies Record<string, string>;

export type ProblemCode = keyof typeof explanations;

/** Carries one or more problems up the stack. Anything else that is thrown is a bug. */
export class ProblemError extends Error {
  readonly problems: readonly Problem[];
  constructor(...problems: Problem[]) {
    super(problems.map(p => p.message).join('\n'));
    this.name = 'ProblemError';
    this.problems = problems;
  }
}

/** Any thrown value as problems; what is not a ProblemError is reported as a bug of the program. */
export function problemsOf(thrown: unknown): readonly Problem[] {
  if (thrown instanceof ProblemError) return thrown.problems;
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return [
    {
      code: 'bug',
      message: `This is a bug in reconcile: ${error.message}`,
      ...(error.stack === undefined ? {} : { cause: error.stack }),
    },
  ];
}
