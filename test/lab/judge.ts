import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must, runNow } from './command.ts';
import type { Lab } from './enter.ts';
import { ensurePackages, labDir } from './machine.ts';

/** Debian 12's own ansible-core does not know the Python of Debian 13. */
const version = '2.19.14';
const environment = join(labDir(), `ansible-core-${version}`);
const playbookProgram = join(environment, 'bin/ansible-playbook');

/** Installs Ansible for all labs of this machine, unless it is there. */
export async function bringAnsible(): Promise<void> {
  if (existsSync(playbookProgram)) return;
  await ensurePackages(['python3-venv']);
  await must(['python3', '-m', 'venv', environment]);
  await must([join(environment, 'bin/pip'), 'install', '--quiet', `ansible-core==${version}`]);
}

/** What Ansible says after its tasks on one host. */
export interface Judgement {
  changed: number;
  failed: number;
  output: string;
}

/**
 * Lets ansible-playbook do its tasks on a host, or with `check` only say what it would change. The host needs Python, and
 * this machine what `bringAnsible` brings.
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
      playbookProgram,
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
