import { readFileSync } from 'node:fs';

interface Process {
  pid: number;
  parent: number;
  user: number;
  command: readonly string[];
}

/** Returns the identity of a process, or undefined if it has ended. */
function processOf(pid: number): Process | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const number = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return { pid, parent: number('PPid'), user: number('Uid'), command };
  } catch {
    return undefined;
  }
}

/**
 * The ids of root's session shells among the processes of a host: those of the loop that reads scripts and of the scripts
 * themselves. `entered` are only those whose way in is still there, which is what sshd started.
 */
export function sessionShells(pids: readonly number[], { entered }: { entered: boolean }): number[] {
  const processes = new Map<number, Process>();
  for (const pid of pids) {
    const process = processOf(pid);
    if (process !== undefined) processes.set(pid, process);
  }
  const isEntered = ({ command, parent }: Process): boolean => {
    if (command[0]?.startsWith('sshd')) return true;
    const above = processes.get(parent);
    return above !== undefined && isEntered(above);
  };
  return [...processes.values()]
    .filter(
      ({ user, command: [name, , text] }) =>
        user === 0 && name === 'sh' && text?.startsWith('read -r n; eval'),
    )
    .filter(process => !entered || isEntered(process))
    .map(({ pid }) => pid);
}
