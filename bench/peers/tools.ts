/** The programs that `bench/peers.ts` compares, and how to bring and start them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Argv, run } from '../../test/lab/command.ts';

const root = join(import.meta.dirname, '../..');
const stack = import.meta.dirname;
const environment = join(root, 'node_modules/.cache/peers');
const program = (name: string) => join(environment, 'bin', name);

/** The versions of the peers. This Mitogen supports this ansible-core. */
export const versions = { 'ansible-core': '2.19.14', mitogen: '0.3.54', pyinfra: '3.10' } as const;
type Package = keyof typeof versions;

/** Hosts to run on, by a relay each, which delays what goes through it. */
export interface Fleet {
  targets: readonly { name: string; port: number; hostKey: string }[];
  identityFile: string;
  /** A folder for the inventories, and for the sockets of connections that outlive a run. */
  folder: string;
}

/** A program that brings hosts to the state of the stack. */
export interface Tool {
  name: string;
  packages: readonly Package[];
  argv(fleet: Fleet): Argv;
  input?(fleet: Fleet): string;
  /** Returns whether the output of a run reports no change on any of the hosts. */
  isSilent(output: string, hosts: number): boolean;
}

/** Installs the peers in a folder of their own. Returns the packages that pip could not bring. */
export async function bringPeers(): Promise<Set<Package>> {
  const missing = new Set<Package>();
  const made = await run(['python3', '-m', 'venv', environment]);
  for (const name of Object.keys(versions) as Package[]) {
    const install: Argv = [program('pip'), 'install', '--quiet', `${name}==${versions[name]}`];
    const { code, stderr } = made.code === 0 ? await run(install) : made;
    if (code === 0) continue;
    console.error(`${name} is left out: ${stderr.trim()}`);
    missing.add(name);
  }
  return missing;
}

const sshOptions = [
  ['-F', 'none'],
  ...['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR'].map(each => ['-o', each]),
].flat();

/** The inventories of a fleet: of reconcile, Ansible and pyinfra. */
export function inventories({ targets, identityFile }: Fleet): Record<string, string> {
  const own = targets.map(({ name, port, hostKey }) => {
    const host = {
      address: '127.0.0.1',
      port,
      user: 'deploy',
      identity_file: identityFile,
      host_key: hostKey,
    };
    return `  ${name}: ${JSON.stringify(host)}\n`;
  });
  const ansible = targets.map(({ name, port }) => `${name} ansible_port=${port}\n`);
  const common = `ansible_host=127.0.0.1\nansible_user=deploy\nansible_ssh_private_key_file=${identityFile}`;
  const pyinfra = targets.map(({ name, port }) => {
    const ssh = { ssh_hostname: '127.0.0.1', ssh_port: port, ssh_user: 'deploy', ssh_key: identityFile };
    const trust = { ssh_strict_host_key_checking: 'off', ssh_known_hosts_file: '/dev/null' };
    return `  ("${name}", ${JSON.stringify({ ...ssh, ...trust })}),\n`;
  });
  return {
    'inventory.yml': `hosts:\n${own.join('')}`,
    'inventory.ini': `${ansible.join('')}[all:vars]\n${common}\nansible_ssh_common_args=${sshOptions.join(' ')}\n`,
    'inventory.py': `hosts = [\n${pyinfra.join('')}]\n`,
  };
}

const started = (settings: Record<string, string>, ...argv: Argv): Argv => [
  ...(['env', `--chdir=${stack}`, '--unset=SSH_AUTH_SOCK', 'LC_ALL=C.UTF-8'] as const),
  ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
  ...argv,
];

/** Runs a command on all hosts at once. */
const bySsh = (command: string): Pick<Tool, 'argv' | 'input'> => ({
  argv: ({ identityFile, targets }) => {
    const ssh = `ssh ${sshOptions.join(' ')} -i ${identityFile} -p {} deploy@127.0.0.1 ${command}`;
    return started({}, 'xargs', '-P', `${targets.length}`, '-I{}', 'sh', '-c', ssh);
  },
  input: ({ targets }) => targets.map(({ port }) => `${port}\n`).join(''),
});

const ansible = ({ folder }: Fleet, settings: Record<string, string> = {}) =>
  started(
    { ANSIBLE_SSH_CONTROL_PATH_DIR: folder, ...settings },
    program('ansible-playbook'),
    ...['-i', join(folder, 'inventory.ini'), 'ansible.yml'],
  );

const saysOnEach = (text: RegExp) => (output: string, hosts: number) =>
  [...output.matchAll(text)].length === hosts;
const ansibleIsSilent = saysOnEach(/ changed=0 +unreachable=0 +failed=0 /g);

export const own: Tool = {
  name: 'reconcile',
  packages: [],
  argv: ({ folder }) =>
    started(
      {},
      ...[process.execPath, join(root, 'dist/reconcile.cjs')],
      ...['apply', 'stack.yml', '--no-diff', '-i', join(folder, 'inventory.yml')],
    ),
  isSilent: saysOnEach(/: 0 changed, \d+ unchanged, 0 failed/g),
};

/** In the order of the page. */
export const tools: readonly Tool[] = [
  { name: '`ssh HOST true`', packages: [], ...bySsh('true'), isSilent: () => true },
  {
    name: 'a shell script over ssh',
    packages: [],
    ...bySsh('sudo sh -s <stack.sh'),
    isSilent: saysOnEach(/^changed 0$/gm),
  },
  own,
  {
    name: 'pyinfra',
    packages: ['pyinfra'],
    argv: ({ folder }) =>
      started({}, program('pyinfra'), '-y', '--sudo', join(folder, 'inventory.py'), 'pyinfra.py'),
    isSilent: output => /Grand total +(\d+) +- +- +\1\b/.test(output),
  },
  {
    name: 'Ansible with Mitogen',
    packages: ['ansible-core', 'mitogen'],
    argv: fleet =>
      ansible(fleet, { ANSIBLE_STRATEGY: 'mitogen_linear', ANSIBLE_STRATEGY_PLUGINS: mitogenStrategies() }),
    isSilent: ansibleIsSilent,
  },
  { name: 'Ansible', packages: ['ansible-core'], argv: fleet => ansible(fleet), isSilent: ansibleIsSilent },
];

/** The folder of Mitogen's plugins, which lies below a folder that has the version of Python in its name. */
function mitogenStrategies(): string {
  const [, python] = /^version = (\d+\.\d+)/m.exec(readFileSync(join(environment, 'pyvenv.cfg'), 'utf8'))!;
  return join(environment, `lib/python${python}/site-packages/ansible_mitogen/plugins/strategy`);
}

/** Ends the connections that Ansible keeps for a minute. */
export const closeConnections = ({ folder }: Fleet) =>
  run([
    ...(['sh', '-c'] as const),
    'for each in "$0"/*; do [ ! -S "$each" ] || ssh -F none -o ControlPath="$each" -O exit 127.0.0.1; done',
    folder,
  ]);

/** The shell scripts of the stack, to run on a host as root. */
export const script = (name: 'stack.sh' | 'undo.sh') => readFileSync(join(stack, name), 'utf8');
