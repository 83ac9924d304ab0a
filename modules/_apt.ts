import type { Effect } from '../engine/effect.ts';
import { shellCommand } from '../engine/quote.ts';
import { stateDirectory } from '../engine/state-directory.ts';
import type { RunStep } from '../engine/step.ts';
import { filled, scriptBeside } from '../engine/util/text-beside.ts';
import { removeHalfMadeCluster } from './_postgres.ts';

/** No question is asked, a changed configuration file is kept, and no service is restarted behind the plan's back. */
const environment = {
  DEBIAN_FRONTEND: 'noninteractive',
  APT_LISTCHANGES_FRONTEND: 'none',
  NEEDRESTART_SUSPEND: '1',
  UCF_FORCE_CONFFOLD: '1',
  LC_ALL: 'C.UTF-8',
};

/** Downloads and maintainer scripts of a large installation may take this long. */
export const installTimeoutS = 3600;

const run = (step: Omit<RunStep, 'do' | 'env'>): RunStep => ({ do: 'run', env: environment, ...step });

const quietApt = 'apt-get -y -q -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold';

/** `apt-get VERB` that asks nothing and waits for the lock, as a step. */
export function aptGet(lockTimeoutS: number, touches: Effect, ...words: readonly string[]): RunStep {
  const options = [`DPkg::Lock::Timeout=${lockTimeoutS}`, 'Dpkg::Use-Pty=0', 'Acquire::Retries=2'];
  const command = [...quietApt.split(' '), ...options.flatMap(option => ['-o', option]), ...words];
  return run({ command, timeoutS: installTimeoutS, touches: [touches] });
}

/**
 * The names of the packages that an installation brings, as long as it goes on. When it is cut off, those that were
 * only recommended would else be missing for good: apt takes them along with what is new, and leaves them out with what
 * is there.
 */
export const installationFile = `${stateDirectory}/packages`;

/** Notes them; what is cut off then is completed by `prepare`. */
export const noteInstallation = (words: readonly string[]): RunStep =>
  run({
    label: 'note which packages come with these',
    command: filled(noteScript, {
      simulation: shellCommand(['apt-get', '-q', '-s', 'install', ...words]),
      folder: stateDirectory,
      file: installationFile,
    }),
    touches: [],
  });
const noteScript = scriptBeside(import.meta.url, './apt-note-installation.sh');

/** Marks packages as held or not, or as asked for by name. */
export const aptMark = (verb: 'hold' | 'unhold' | 'manual', names: readonly string[]): RunStep => {
  const sets = verb === 'manual' ? { automatic: false } : { held: verb === 'hold' };
  return run({ command: ['apt-mark', verb, ...names], touches: [{ kind: 'mark', names, sets }] });
};

/** Waits until nobody holds a lock of dpkg or apt, then completes what an interrupted run has left half-done. */
export const prepare = (lockTimeoutS: number): RunStep =>
  run({
    label: 'wait for the package lock and finish what dpkg has begun',
    timeoutS: installTimeoutS,
    touches: [{ kind: 'removal', path: installationFile }],
    command: filled(prepareScript, {
      limit: `${Math.ceil(lockTimeoutS)}`,
      waits: `${lockTimeoutS}`,
      apt: quietApt,
      installation: installationFile,
      cluster: removeHalfMadeCluster,
    }),
  });
const prepareScript = scriptBeside(import.meta.url, './apt-prepare.sh');

/** Fetches the package lists; the directory's time says when, because apt leaves it alone when nothing is new. */
export const refresh = run({
  label: 'apt-get update',
  command: 'apt-get -q -o Acquire::Retries=2 --error-on=any update && touch /var/lib/apt/lists',
  timeoutS: installTimeoutS,
  touches: [{ kind: 'package-lists' }],
});

/** Prints how many seconds ago the package lists were fetched, or `none`, or `changed` when the sources are newer. */
export const listsAge = scriptBeside(import.meta.url, './apt-lists-age.sh');
