import { dirname } from 'node:path';
import { holderOf } from '../hosts/host-lease.ts';
import type { Origin } from '../report/html.ts';
import { lineView } from '../report/view.ts';
import { runProgram } from '../util/child-process.ts';
import type { Playbook } from '../validate/play.ts';
import type { Io } from './io.ts';

const gitTimeoutMs = 5000;

/** Returns the account, the inventories and the commit of a run, with masked secrets. */
export async function originOf({ file, inventory }: Playbook, { redactor }: Io): Promise<Origin> {
  const { who, from } = holderOf('');
  const commit = await commitOf(dirname(file));
  const shown = (text: string) => lineView(text, redactor);
  return {
    by: shown(`${who}@${from}`),
    inventories: inventory.files.map(shown),
    ...(commit !== undefined && { commit: shown(commit) }),
  };
}

/** Returns the commit of a folder on the controller, such as `1a2b3c4d5e6f-dirty`; undefined outside of a repository. */
export async function commitOf(folder: string): Promise<string | undefined> {
  // Without the file monitor that the repository may configure, and without the names of tags.
  const words = [
    'git',
    '-c',
    'core.fsmonitor=false',
    'describe',
    '--always',
    '--dirty',
    '--abbrev=12',
    '--exclude=*',
  ];
  const { exit, stdout } = await runProgram(words, { cwd: folder, timeoutMs: gitTimeoutMs });
  return exit === 0 ? stdout.toString().trim() : undefined;
}
