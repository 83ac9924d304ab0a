import { stateDirectory } from '../state-directory.ts';
import { scriptBeside, withVariables } from '../util/text-beside.ts';

/** The exit code of a script that did not begin because another run holds the lease. */
export const heldExit = 75;

/** The exit code of a script that did not begin because the state directory cannot be written, for example if it is full. */
export const stateExit = 76;

/** The exit code of a script that did not begin because another run has used its saved plan. */
export const appliedExit = 77;

/** The exit code of a script that did not begin because this run lost its lease: another may have changed the host since. */
export const lostExit = 78;

/** The exit code of a script that believes nothing of a state directory that other accounts can write to. */
export const distrustedExit = 79;

/** Bytes that a host keeps of the beginning and of the end of each output of a change, at least. */
const keptBytes = 256 * 1024;

const plansLines = 200;
const historyLines = 1000;
const historyBytes = 1024 * 1024;

/** Room for the next line of the history. */
const historySlackBytes = 64 * 1024;

const unit = '/etc/systemd/system/reconcile-put-back.service';
const unitLink = '/etc/systemd/system/multi-user.target.wants/reconcile-put-back.service';

/** Returns the shell functions of a file, with its variables filled in. The header of the file says what they need. */
const functionsOf = (text: string, variables: Readonly<Record<string, string | number>> = {}): string =>
  `\n${withVariables(text, variables)}\n`;

const readingFunctions = functionsOf(scriptBeside(import.meta.url, './reading.sh'));
export const stepFunctions =
  functionsOf(scriptBeside(import.meta.url, './paths.sh'), {
    r_many_program: scriptBeside(import.meta.url, './many.pl'),
  }) + functionsOf(scriptBeside(import.meta.url, './steps.sh'), { r_base: stateDirectory });
export const journalFunctions = functionsOf(scriptBeside(import.meta.url, './journal.sh'));
export const armedRevertFunctions = functionsOf(scriptBeside(import.meta.url, './armed-revert.sh'), {
  r_unit: unit,
  r_unit_link: unitLink,
});
const leaseFunctions = functionsOf(scriptBeside(import.meta.url, './lease.sh'), {
  r_held_exit: heldExit,
  r_lost_exit: lostExit,
  r_applied_exit: appliedExit,
  r_distrusted_exit: distrustedExit,
  r_state_exit: stateExit,
  r_plans_lines: plansLines - 1,
  r_history_lines: historyLines - 1,
  r_history_bytes: historyBytes - historySlackBytes,
});
const outcomeFunctions = functionsOf(scriptBeside(import.meta.url, './outcome.sh'), {
  r_state_exit: stateExit,
  r_kept_bytes: keptBytes,
});

const scriptFileFunctions = functionsOf(scriptBeside(import.meta.url, './script-file.sh'));

/** Sets `r_psql`, the psql to run: Debian's wrapper, or the program behind it. */
export const psqlFunctions = functionsOf(scriptBeside(import.meta.url, './psql.sh'));

/** All shell functions that scripts call on a host. A session defines them once. */
export const allFunctions =
  readingFunctions +
  stepFunctions +
  journalFunctions +
  leaseFunctions +
  outcomeFunctions +
  scriptFileFunctions +
  armedRevertFunctions;

/** The loop that runs the scripts of a session. */
export const sessionLoop = functionsOf(scriptBeside(import.meta.url, './session-loop.sh'));
