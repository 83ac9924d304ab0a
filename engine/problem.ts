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
  bug: 'The program reached a state that should be impossible. Please report it with the command you ran.',
  'yaml-syntax':
    'The file is not valid YAML 1.2. The parser stopped at this place; the cause is often in a line above it.',
  'file-missing': 'A file that the command line or the playbook names does not exist or cannot be read.',
  'unknown-key': 'A key does not belong here. The message suggests the nearest valid key.',
  'wrong-type': 'A value has the wrong type for its argument.',
  'missing-key': 'A required argument of the module is missing.',
  'unknown-module': 'No module has this name. `reconcile modules` lists them.',
  'duplicate-name': 'Two resources of one play have the same name, which makes references ambiguous.',
  'unknown-resource': 'A `needs`, `restart_on` or `reload_on` names a resource that the play does not have.',
  'unknown-host': 'A pattern, a limit or a group names a host or group that the inventory does not have.',
  'inventory-syntax':
    'A line or a name of an inventory in a format of Ansible is invalid. The message shows the valid form.',
  'inventory-program':
    'The program that prints the inventory did not start, failed, or printed something else.',
  'undefined-variable': 'An expression uses a name that has no value here.',
  'expression-syntax': 'The text between {{ and }} or {% and %} is not a valid expression.',
  'expression-type': 'An operator or filter received a value of the wrong type.',
  'expression-limit': 'An expression exceeded the limits of running time or length of text.',
  'invalid-value': 'A value has the right type but is not valid for its purpose.',
  conflict:
    'Two resources, of one play or of two, set the same property of a thing differently and would undo each other on every run.',
  obstacle:
    'The readings of the host show that an apply would fail here: a folder, an account or a package is missing, another thing is in the way, or the program that makes the change would refuse it. Nothing was changed on this host.',
  order:
    'A resource needs a thing that only a later resource of the play creates, or reacts to a later one. Resources are applied in the written order: move one of the two.',
  'variable-cycle': 'Variables refer to one another in a circle, so none of them has a value.',
  'include-cycle': 'Component files include one another in a circle.',
  'not-supported': 'This version of the program does not support the key or the file format yet.',
  'insecure-file':
    'Other accounts of this computer can read a file of secrets or a key to one, or write to a file of settings.',
  'secret-exposed':
    'Other accounts of the host could see a secret: in the arguments of a program, in a name or path, or in a world-readable file. The message names an allowed place. The filter nonsensitive declares that a value is not secret, such as an environment variable with the name of a release.',
  'secrets-locked':
    'None of your keys opens the encrypted secrets, or the program that prints them failed. Plans work without them, but hosts that need them are not changed.',
  'secrets-damaged':
    'An encrypted file of secrets differs from the one that reconcile wrote: another program or person changed it, or it is incomplete.',
  usage: 'The command line is invalid. `reconcile --help` shows the commands and their options.',
  unreachable: 'No connection to the host could be made, or it broke and could not be made again.',
  'facts-unread':
    'Expressions for a host use facts of another host, such as `hosts.db1.facts.ipv4`, which could not be read. Nothing was changed on the host that needs them.',
  'host-key-unknown': 'The host is not in known_hosts, so its identity is unconfirmed.',
  'host-key-changed':
    'The host presents another key than the recorded one. It was reinstalled, or somebody intercepts the connection.',
  'host-key-revoked':
    'The host presents a key that a line of known_hosts revokes, for example because it was stolen.',
  'auth-failed': 'The host accepted none of the keys offered.',
  'become-failed': 'The login succeeded, but the switch to the account that makes the changes failed.',
  locked: 'Another run is changing the host, or was cut off from it. This apply changed nothing there.',
  'lease-lost':
    'The lease on the host ended while this run held it, because the run stood still or was cut off, and another run may have changed the host since. A plain apply reads everything again and continues; a saved plan is not applied further. If no change followed, the apply ends with this error: apply again.',
  'connection-lost':
    'The connection ended and could not be restored. The next run reads the result of the last step.',
  'cut-off':
    'A step was ended on the host before it was finished. A new reading shows that the resource is not as declared.',
  'host-restarted': 'The host was restarted during a step, and the resource is not as declared.',
  'locked-out':
    'After a risky change, a new connection could not log in, or could not switch to the account that makes the changes. The host reverted the change.',
  'put-back':
    'The host reverted a risky change, because the run ended before the change took effect and could be proven harmless.',
  'not-put-back':
    'A play with `on_failed_check: revert` failed, and some of its changes could not be reverted.',
  irreversible: 'A change could lock everybody out, and the host could not revert it by itself.',
  timeout: 'A step exceeded its time limit.',
  'program-missing':
    'A program that a resource needs is missing on the host, and no earlier resource of the play brings it.',
  'not-running':
    'A service that the resource needs does not run on the host, and no earlier resource of the play starts it.',
  'unit-missing': 'systemd does not know the unit, and no earlier resource of the play brings it.',
  'read-failed': 'The state of a resource could not be read. The resource changed nothing.',
  'step-failed':
    'A command of a change exited with an error. The results of earlier steps stay on the host; files are restored.',
  'validation-failed': 'The check of the new files failed. The old files were restored.',
  'not-as-declared': 'The reading after the change shows that the resource is not as declared.',
  'run-once-failed':
    'A resource with `run_once` is applied on one host for all hosts of the play, and it failed or was not reached there. The other hosts stop at it too.',
  'check-failed': 'A check of the play did not get its expected answer.',
  'apt-locked': 'Another program held the package lock for too long.',
  'dpkg-broken': 'An earlier package operation was interrupted and left dpkg half-configured.',
  'plan-invalid': 'The file is not a saved plan that this version of the program can read.',
  'plan-stale':
    'The host or its declaration has changed since the saved plan was made. Nothing was changed there.',
  'plan-other-host': 'A host of the saved plan is now another machine, or presents another key.',
  'plan-applied':
    'The saved plan was applied to the host before. A plan is applied once, even if it was cut off.',
  deviation: 'At its turn, a resource differed from the saved plan. The host was stopped before the change.',
  'unsafe-path':
    'A path leads through a link that a less privileged account could have created, or programs would run from a folder that it could have created. Nothing was done.',
  'read-only': 'A file system of the host, or the part that a service can see, is read-only.',
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
