/** Returns the place in a file for an offset (from 0) and a length in a source. */
export type Where = (offset: number, length: number) => Place;

/** A place in a text that a person wrote. Lines and columns count from 1. */
export interface Place {
  file: string;
  line: number;
  column: number;
  /** Number of characters to underline; default 1. */
  length?: number;
  /** The whole source line, so that a message does not read the file again. */
  text?: string;
}

/** Returns a key for a place, without the source line, which may be long. */
export function placeKey({ file, line, column, length = 1 }: Place): string {
  return `${file}:${line}:${column}:${length}`;
}

/** Returns the beginning of a place, without the source line, which may hold a secret. */
export function withoutText({ file, line, column }: Place): Place {
  return { file, line, column };
}

/** Returns the name of a line in a message about the place `here`. */
export function lineFrom(here: Place, { file, line }: Place): string {
  return file === here.file ? `line ${line}` : `line ${line} of ${file}`;
}

/** Returns problems in order: those without a place, then by file in the order of occurrence, then by line. */
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

/** An error as plain data. The message is a sentence that names the wrong text or thing. */
export interface Problem {
  code: ProblemCode;
  message: string;
  /** The remedy. A command to copy stands on a line of its own. */
  hint?: string;
  at?: Place;
  /** The includes that led to the place, innermost first. */
  via?: readonly Place[];
  host?: string;
  resource?: string;
  /** The end of the output of the command or the peer that failed, verbatim. */
  cause?: string;
}

/** A lint warning about a text that works but is seldom intended. The rules in validate/lint/ define the codes. */
export interface Warning extends Omit<Problem, 'code'> {
  severity: 'warning';
  code: string;
}

/** Every problem code with its text for `reconcile explain CODE` and docs/errors.md. */
export const explanations = {
  bug: 'The program reached a situation that should be impossible. Please report it with the command you ran.',
  'yaml-syntax':
    'The file is not valid YAML 1.2. The place is where the parser stopped; the cause is often a line above it.',
  'file-missing': 'A file that the command line or the playbook names does not exist or cannot be read.',
  'file-too-large':
    'A file on this computer is larger than the program reads: 64 MiB of an inventory, a playbook, a file of variables, a template, and of anything that is not a regular file; 512 MiB of a saved plan. The file that `src` names may have any size.',
  'source-changed':
    'A file that goes to the hosts was changed or removed on this computer after the run had read it. All hosts of a run get the same content, so the file was not installed.',
  'unknown-key': 'A key does not belong here. The message names the nearest one that does.',
  'wrong-type': 'A value has a type that this argument does not take.',
  'missing-key': 'A required argument of a module is missing.',
  'unknown-module': 'No module has this name. `reconcile modules` lists them.',
  'duplicate-name': 'Two resources of one play have the same name, so a reference to that name is ambiguous.',
  'unknown-resource': 'A `needs`, `restart_on` or `reload_on` names a resource that the play does not have.',
  'unknown-host': 'A pattern, a limit or a group names a host or group that the inventory does not have.',
  'inventory-syntax':
    'A line or a name of an inventory in a format of Ansible is invalid. The message says what belongs there.',
  'inventory-program':
    'The program of a dynamic inventory did not start, failed, or printed something other than an inventory.',
  'undefined-variable': 'An expression uses a name that has no value here.',
  'expression-syntax': 'The text between {{ and }} or {% and %} is not a valid expression.',
  'expression-type': 'An operator or filter got a value of a type that it does not take.',
  'expression-limit': 'An expression ran longer, or produced more text, than any sensible playbook needs.',
  'invalid-value': 'A value has the right type, but this argument cannot use it.',
  conflict:
    'Two resources determine the same property of a host, in one play or in two, and undo each other on every run.',
  obstacle:
    'The readings of the host show that an apply would fail here: a folder, an account or a package is missing, something else is in the way, or the program that makes the change would refuse it. Nothing was changed on this host.',
  order:
    'A resource needs a thing that only a later resource of the play brings, or reacts to the changes of a later one. Resources are applied in the order in which they are written: move one of the two.',
  'variable-cycle': 'Variables refer to one another in a circle, so none of them has a value.',
  'include-cycle': 'Component files include one another in a circle, so the inclusion never ends.',
  'not-supported':
    'The key or the file format is known, but this version of the program does not support it yet.',
  'insecure-file':
    'Other accounts of this computer can read a file of secrets or a key to one, or write to a file of settings; or other accounts of a host can write to its state directory.',
  'secret-exposed':
    'A secret stands where other accounts of the host could see it: in the arguments of a program, in a name or path, or in a file that all may read. The message says where it may stand instead. For a value that is no secret, such as an environment variable with the name of a release, use the filter nonsensitive.',
  'secrets-locked':
    'Secrets are encrypted and none of your keys opens them, or the program that prints them failed. Plans work without them; hosts that need them are not changed.',
  'secrets-damaged':
    'An encrypted file of secrets differs from the one that reconcile wrote: something else changed it, or it is incomplete.',
  usage: 'The command line is wrong. `reconcile --help` lists the commands and their options.',
  unreachable: 'The program could not connect to the host, or lost the connection and could not restore it.',
  'facts-unread':
    'Expressions for a host use facts of another host, such as `hosts.db1.facts.ipv4`, which could not be read. Nothing was changed on the host that needs them.',
  'host-key-unknown': 'The host is not in known_hosts, so nobody has vouched for its identity yet.',
  'host-key-changed':
    'The key of the host differs from the recorded one. The host was reinstalled, or somebody intercepts the connection.',
  'host-key-revoked': 'A line of known_hosts revokes the key of the host: somebody has declared it stolen.',
  'auth-failed': 'The host accepted none of the keys offered.',
  'become-failed': 'The login succeeded, but becoming the account that does the work failed.',
  locked: 'Another run is applying to the host, or was cut off from it. This apply changed nothing.',
  'lease-lost':
    'The lease on the host ended while this run held it, because the run stood still or was cut off, and another run may have changed the host since. A plain apply reads everything anew and continues; a saved plan is not applied any further. If no change followed, the apply ends with this error: apply again.',
  'state-unwritten':
    'The state directory on the host cannot be written, for example because its file system is full. Then a change is not begun; after the last change, only the line in the history is missing.',
  'state-damaged':
    'A journal in the state directory on the host differs from the one that was written, for example after a disk error. A shell would run it to revert a change that was cut off, so nothing is done on the host until somebody has looked at it.',
  'connection-lost':
    'The connection ended and could not be restored. The next run reads the effects of a step that was running.',
  'cut-off': 'Something on the host ended a step early, and the resource is not as declared.',
  'host-restarted': 'The host was restarted while a step was running, and the resource is not as declared.',
  'reboot-failed':
    'A `reboot` was begun, and the host did not come back within `max_wait`. The later resources were not applied.',
  'locked-out':
    'After a risky change, no new connection could enter the host or become the account that does the work. The host reverted the change.',
  'put-back':
    'A risky change was reverted because the run ended before it took effect, so the run could not prove that it is harmless.',
  'not-put-back':
    'A play with `on_failed_check: revert` failed, and some of its changes could not be reverted.',
  irreversible:
    'A change that could lock everybody out must be reversible by the host itself, and this one is not.',
  timeout: 'A step or a host exceeded its time limit.',
  'program-missing':
    'A program that a resource needs is not on the host, and no earlier resource of the play brings it.',
  'not-running':
    'A service that the resource needs does not run on the host, and no earlier resource of the play starts it.',
  'unit-missing': 'systemd does not know the unit, and no earlier resource of the play brings it.',
  'read-failed': 'The state of a resource could not be read. Reading changes nothing.',
  'step-failed':
    'A command of a change exited with an error. The effects of the earlier steps stay on the host; files that are checked together are restored.',
  'validation-failed': 'The check of the new files failed. The old files are in place.',
  'not-as-declared': 'After the change, the resource was read again and is not as declared.',
  'run-once-failed':
    'One host does a resource with `run_once` for all hosts of the play, and the resource failed or was not reached there. The other hosts stop at it, too.',
  'at-once-stopped':
    'A resource with `at_once` failed on another host of the play, so this host did not begin it. Solve the failure there and apply again.',
  'not-back':
    'After a failure the host was reverted, but one of its checks or of the resources under `after` still fails. So the host stays where the resources under `before` left it, such as outside a load balancer.',
  'check-failed': 'A check of the play did not get the expected answer.',
  'apt-locked': 'Another program holds the package lock and did not release it in time.',
  'dpkg-broken': 'An earlier package operation broke off and left dpkg half-configured.',
  'plan-invalid': 'The file is not a saved plan that this version of the program can read, or it was edited.',
  'plan-stale':
    'The host or its declaration has changed since the saved plan was made. Nothing was changed on the host.',
  'plan-other-host':
    'A host has the name of a host in the saved plan, but is another machine or has another key.',
  'plan-applied':
    'The saved plan was applied to the host before. A plan is applied once, even if it was cut off.',
  deviation:
    'At its turn, a resource differed from the saved plan. The apply stopped on this host before the change.',
  'unsafe-path':
    'A path leads through a link, or programs would be run from a folder, that an account with fewer rights than the one that does the work could have put there. Nothing was done.',
  'read-only': 'A file system of the host, or the part of it that a service may see, is read-only.',
  'no-space': 'A file system of the host is full.',
} as const satisfies Record<string, string>;

export type ProblemCode = keyof typeof explanations;

/** Carries problems up the stack. Any other thrown value is a bug. */
export class ProblemError extends Error {
  readonly problems: readonly Problem[];
  constructor(...problems: Problem[]) {
    super(problems.map(p => p.message).join('\n'));
    this.name = 'ProblemError';
    this.problems = problems;
  }
}

/** Returns the problems of a thrown value. A value other than a ProblemError becomes a bug of the program. */
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
