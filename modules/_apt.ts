import type { Effect } from '../engine/effect.ts';
import { shellCommand } from '../engine/quote.ts';
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
 * The file with the names of the packages that a running installation brings. Without it, recommended packages would
 * stay missing after a cut: apt installs them only together with a new package, not for an installed one.
 */
export const installationFile = `${stateDirectory}/packages`;

/** Writes the `installationFile`, so that `prepare` can complete an installation that was cut off. */
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

/** Marks packages as held, as not held, or as manually installed. */
export const aptMark = (verb: 'hold' | 'unhold' | 'manual', names: readonly string[]): RunStep => {
  const sets = verb === 'manual' ? { automatic: false } : { held: verb === 'hold' };
  return run({ command: ['apt-mark', verb, ...names], touches: [{ kind: 'mark', names, sets }] });
};

/** Waits until no process holds a lock of dpkg or apt, then completes an interrupted installation. */
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

/** Fetches the package lists, and touches their directory: apt leaves its time unchanged if no list is new. */
export const refresh = run({
  label: 'apt-get update',
  command: 'apt-get -q -o Acquire::Retries=2 --error-on=any update && touch /var/lib/apt/lists',
  timeoutS: installTimeoutS,
  touches: [{ kind: 'package-lists' }],
});

/** Prints the age of the package lists in seconds, `none` without lists, or `changed` if the sources are newer. */
export const listsAge = scriptBeside(import.meta.url, './apt-lists-age.sh');
