import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runNow } from './command.ts';
import type { Lab } from './enter.ts';

/** What Ansible says after its tasks on one host. */
export interface Judgement {
  changed: number;
  failed: number;
  output: string;
}

/**
 * Lets Debian's ansible-playbook do its tasks on a host, or with `check` only say what it would change. The host needs
 * Python.
 */
export function ansible<Name extends string>(
  lab: Lab<Name>,
  name: Name,
  tasks: readonly Readonly<Record<string, unknown>>[],
  check: boolean,
): Judgement {
  const folder = mkdtempSync(join(tmpdir(), 'reconcile-judge-'));
  try {
    const vars = {
      ansible_host: lab.hosts[name].address,
      ansible_user: 'deploy',
      ansible_ssh_private_key_file: lab.identityFile,
      ansible_ssh_common_args: `-F /dev/null -o UserKnownHostsFile=${lab.knownHosts}`,
    };
    writeFileSync(join(folder, 'hosts.json'), JSON.stringify({ all: { hosts: { [name]: vars } } }));
    const play = { hosts: 'all', become: true, gather_facts: false, tasks };
    writeFileSync(join(folder, 'play.yml'), JSON.stringify([play]));
    const { stdout, stderr } = runNow([
      'env',
      `ANSIBLE_HOME=${join(folder, '.ansible')}`,
      'ansible-playbook',
      ...[
        '-i',
        join(folder, 'hosts.json'),
        ...(check ? ['--check', '--diff'] : []),
        join(folder, 'play.yml'),
      ],
    ]);
    const count = (word: string) => Number(new RegExp(`${word}=(\\d+)`).exec(stdout)?.[1] ?? Number.NaN);
    return { changed: count('changed'), failed: count('failed'), output: stdout + stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
