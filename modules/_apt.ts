import type { Effect } from '../engine/effect.ts';
import { shellCommand, shellQuote } from '../engine/quote.ts';
import { stateDirectory } from '../engine/state-directory.ts';
import type { RunStep } from '../engine/step.ts';
import { filled, scriptBeside } from '../engine/util/text-beside.ts';
import { removeHalfMadeCluster } from './_postgres.ts';

/** apt asks no question, keeps changed configuration files, and restarts no service that the plan does not show. */
const environment = {
  DEBIAN_FRONTEND: 'noninteractive',
  APT_LISTCHANGES_FRONTEND: 'none',
  NEEDRESTART_SUSPEND: '1',
  UCF_FORCE_CONFFOLD: '1',
  LC_ALL: 'C.UTF-8',
};

/** The time limit for the downloads and maintainer scripts of a large installation. */
export const installTimeoutS = 3600;

const run = (step: Omit<RunStep, 'do' | 'env'>): RunStep => ({ do: 'run', env: environment, ...step });

const quietApt = 'apt-get -y -q -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold';

/** Returns a step that runs `apt-get WORDS`, asks nothing and waits for the lock. */
export function aptGet(lockTimeoutS: number, touches: Effect, ...words: readonly string[]): RunStep {
  const options = [`DPkg::Lock::Timeout=${lockTimeoutS}`, 'Dpkg::Use-Pty=0', 'Acquire::Retries=2'];
  const command = [...quietApt.split(' '), ...options.flatMap(option => ['-o', option]), ...words];
  return run({ command, timeoutS: installTimeoutS, touches: [touches] });
}

/**
 * The file with the notes of running installations, a line each, from the start of dpkg to its end. Without them,
 * recommended packages would stay missing after a cut: apt installs them only together with a new package, not for an
 * installed one.
 */
export const notesFile = `${stateDirectory}/packages`;

/** The note of an installation: the requested packages, by which a resource recognizes it, and all packages that it brings. */
export interface Note {
  requested: string;
  names: readonly string[];
}

/** Returns the notes of installations that requested one of the packages, and the text of the other notes. */
export function notesOf(names: readonly string[], text: string) {
  const lines = text.split('\n').filter(line => line !== '');
  const requestedIn = (line: string): string => line.split('\t')[0]!;
  const isOwn = (line: string) => names.some(name => requestedIn(line).split(' ').includes(name));
  return {
    notes: lines
      .filter(isOwn)
      .map((line): Note => ({ requested: requestedIn(line), names: line.split(/[\t ]/) })),
    others: lines
      .filter(line => !isOwn(line))
      .map(line => `${line}\n`)
      .join(''),
  };
}

/**
 * Prepares the note of an installation, so that `prepare` can complete one that was cut off: all packages that come, except
 * `without`.
 */
export const noteInstallation = (requested: string, words: readonly string[], without = ''): RunStep =>
  run({
    label: 'note which packages come with these',
    command: filled(noteScript, {
      requested: shellQuote(requested),
      simulation: shellCommand(['apt-get', '-q', '-s', 'install', ...words]),
      without: shellQuote(without),
      folder: stateDirectory,
      file: notesFile,
    }),
    touches: [],
  });
/** Option of apt-get that writes the note when dpkg starts, because a failed download leaves nothing to complete. */
const noting = `DPkg::Pre-Invoke::=cd ${stateDirectory}; [ ! -f packages.new ] || { cat packages.new >>packages && sync packages && rm packages.new; }`;

/** Installs packages after `noteInstallation`. */
export const install = (lockTimeoutS: number, touches: Effect, words: readonly string[]): RunStep => ({
  ...aptGet(lockTimeoutS, touches, 'install', '-o', noting, ...words),
  label: shellCommand(['apt-get', 'install', ...words]),
});

const withoutNotes = (...requested: readonly string[]) =>
  filled(completeScript, { file: notesFile, requested: requested.map(shellQuote).join(' ') });
const completeScript = scriptBeside(import.meta.url, './apt-note-complete.sh');

/** Removes the note of an installation. */
export const noteComplete = (requested: string): RunStep =>
  run({ label: 'note that these packages are installed', command: withoutNotes(requested), touches: [] });

const noteScript = scriptBeside(import.meta.url, './apt-note-installation.sh');

/** Marks packages as held, as not held, or as manually installed. */
export const aptMark = (verb: 'hold' | 'unhold' | 'manual', names: readonly string[]): RunStep => {
  const sets = verb === 'manual' ? { automatic: false } : { held: verb === 'hold' };
  return run({ command: ['apt-mark', verb, ...names], touches: [{ kind: 'mark', names, sets }] });
};

/**
 * Waits until no process holds a lock of dpkg or apt, then completes an interrupted installation, with all packages of
 * `notes` and without those that go and the one that `comes` from a .deb; `others` is the text of the other notes.
 */
export const prepare = (
  lockTimeoutS: number,
  { notes, others }: ReturnType<typeof notesOf>,
  { goes, comes = '' }: { goes: readonly string[]; comes?: string | undefined },
): RunStep =>
  run({
    label: 'wait for the package lock and finish what dpkg has begun',
    timeoutS: installTimeoutS,
    touches:
      notes.length === 0
        ? []
        : [
            others === ''
              ? { kind: 'removal', path: notesFile }
              : { kind: 'file', path: notesFile, content: others },
          ],
    command: filled(prepareScript, {
      limit: `${Math.ceil(lockTimeoutS)}`,
      waits: `${lockTimeoutS}`,
      apt: quietApt,
      names: notes.flatMap(({ names }) => names).join(' '),
      goes: goes.join(' '),
      comes,
      complete: notes.length === 0 ? ':' : withoutNotes(...notes.map(({ requested }) => requested)),
      cluster: removeHalfMadeCluster,
    }),
  });
const prepareScript = scriptBeside(import.meta.url, './apt-prepare.sh');

/**
 * Fetches the package lists, and touches their directory: apt leaves its time unchanged if no list is new. After a failure,
 * which may have fetched some lists, they count as older than the sources.
 */
export const refresh = run({
  label: 'apt-get update',
  command:
    'if apt-get -q -o Acquire::Retries=2 --error-on=any update; then touch /var/lib/apt/lists; else touch -d @0 /var/lib/apt/lists; exit 100; fi',
  timeoutS: installTimeoutS,
  touches: [{ kind: 'package-lists' }],
});

/** Prints the age of the package lists in seconds, `none` without lists, or `changed` if the sources are newer. */
export const listsAge = scriptBeside(import.meta.url, './apt-lists-age.sh');
