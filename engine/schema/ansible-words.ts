import { modulesOfAnsible } from './ansible-modules.ts';

/** Keywords of Ansible's plays and tasks with another form here. VALUE stands for the written value. */
export const keywordsOfAnsible: Readonly<Record<string, string>> = {
  tasks: 'Use `resources`',
  'pre_tasks post_tasks': 'Use `resources`, or `checks` to verify the result',
  roles: 'Put `include: components/NAME.yml` under `resources`, with its parameters under `with`',
  handlers:
    'Leave them out: name the resources in `restart_on` or `reload_on` of a `service`, or `run_on` of a `command`',
  'notify listen':
    'Name this resource in `restart_on` or `reload_on` of the `service`, or `run_on` of the `command`',
  gather_facts: 'Leave it out: facts are read when an expression uses them',
  become_user: 'Use `become: { user: VALUE }`',
  become_method: 'Use `become: { method: VALUE }`, beside `user` if there is one',
  'become_flags become_exe': 'Leave it out: `become` takes `user` and `method`',
  ignore_errors: 'Use `on_failure: continue`',
  ignore_unreachable: 'Leave it out: the other hosts of a play continue',
  'with_items with_dict with_list with_flattened with_nested with_sequence with_fileglob with_together':
    'Use `loop` over a list or a map, with `item`, `index` and `key`',
  loop_control: 'Leave it out: `item` and `index` are there in every `loop`',
  'until delay': 'Use `retry: { attempts: 5, delay: 3s }`',
  retries: 'Use `retry: { attempts: VALUE, delay: 3s }`',
  'changed_when failed_when':
    'Leave it out: states are compared before and after; a `command` has `creates`, `unless` and `expect_exit`',
  'check_mode diff': 'Leave it out: `--check` and `--diff` on the command line hold for a whole run',
  no_log: 'Leave it out: values under `secrets` are never shown',
  environment: 'Use `env` of a `command`, or `Environment` of a `systemd_unit`',
  'rescue always': 'Use `on_failed_check: revert` of the play',
  vars_prompt: 'Use `-e NAME=VALUE` on the command line, or `secrets` of the play',
  vars: 'Put variables under `vars` of the play',
  args: 'Put the arguments into the map of the module: `command: { run: make, cwd: /srv/app }`',
  remote_user: 'Put `user: VALUE` at the host, or under `defaults`, in the inventory',
  connection: 'Put `transport: VALUE` at the host in the inventory',
  port: 'Put `port: VALUE` at the host in the inventory',
  any_errors_fatal:
    'Use `rollout: { batches: ["100%"], max_failures: 0 }` in the play, or `any_failure: stop` beside `plays`',
  serial: 'Use `rollout: { batches: [1, "25%"] }` in the play',
  max_fail_percentage: 'Use `max_failures: "10%"` under `rollout`',
  throttle: 'Use `at_once: 1` on the resource',
  forks: 'Use `--parallel` on the command line',
  strategy: 'Leave it out: each host goes through the resources by itself',
  order: 'Leave it out: the hosts are done in parallel',
  'async poll': 'Leave it out; a program that keeps running is a `systemd_unit`',
  timeout: 'Use `--timeout` on the command line',
  'delegate_facts gather_subset gather_timeout fact_path':
    'Leave it out: `hosts.NAME.facts` are read when an expression uses them',
  action: 'Use the name of the module as the key',
  'force_handlers run_handlers': 'Leave it out: the host keeps a note of each restart that it owes',
  'module_defaults collections debugger': 'Leave it out',
};

/** Returns rows with one word each. */
function byWord<T>(rows: Readonly<Record<string, T>>): ReadonlyMap<string, T> {
  return new Map(Object.entries(rows).flatMap(([words, row]) => words.split(' ').map(word => [word, row])));
}

const moduleWords = byWord(modulesOfAnsible);
const keywordWords = byWord(keywordsOfAnsible);

const page = '`reconcile docs ansible`';

/** Returns the equivalent of a module of Ansible, by its short or full name, as a hint. */
export function moduleOfAnsible(name: string): string | undefined {
  const found = moduleWords.get(name.split('.').at(-1)!);
  if (found !== undefined) {
    const { text, example } = found;
    return example === undefined ? `${text}. See ${page}.` : `${text} (see ${page}):\n    - ${example}`;
  }
  return /^[a-z]\w*\.[a-z]\w*\.\w+$/.test(name)
    ? `Use \`command\` with \`creates\` or \`unless\` for a module of Ansible that has no equivalent. See ${page}.`
    : undefined;
}

/** Returns the equivalent of a keyword of Ansible as a hint; `value` is its written value. */
export function keywordOfAnsible(word: string, value?: unknown): string | undefined {
  const text = keywordWords.get(word);
  const isPlain = ['string', 'number'].includes(typeof value) && /^[\w.-]+$/.test(String(value));
  return text === undefined ? undefined : `${isPlain ? text.replace('VALUE', String(value)) : text}.`;
}

/** Arguments and values of Ansible with another name here. */
const others: Readonly<Record<string, string>> = {
  ansible_connection: 'transport',
  ansible_host: 'address',
  ansible_port: 'port',
  ansible_private_key_file: 'identity_file',
  ansible_ssh_host: 'address',
  ansible_ssh_port: 'port',
  ansible_ssh_private_key_file: 'identity_file',
  ansible_ssh_user: 'user',
  ansible_user: 'user',
  argv: 'run',
  cache_valid_time: 'update_cache',
  children: 'groups',
  chdir: 'cwd',
  cmd: 'run',
  createhome: 'create_home',
  dest: 'path',
  day: 'schedule',
  default_release: 'release',
  executable: 'run',
  host: 'hosts',
  hour: 'schedule',
  install_recommends: 'recommends',
  installed: 'present',
  job: 'command',
  minute: 'schedule',
  month: 'schedule',
  name: 'packages',
  password: 'password_hash',
  nopassword: 'nopasswd',
  pkg: 'packages',
  remove: 'remove_home',
  removed: 'absent',
  return_content: 'contains',
  runas: 'run_as',
  special_time: 'schedule',
  started: 'running',
  status_code: 'status',
  update_password: 'password_on',
  virtualenv: 'path',
  weekday: 'schedule',
};

/** Arguments of Ansible without a counterpart, by module and argument. NAME stands for the name of the thing. */
export const argumentsOfAnsible: Readonly<Record<string, string>> = {
  'user.generate_ssh_key':
    'Make the key with a resource of its own: command: { run: "ssh-keygen -q -t ed25519 -N \'\' -f /home/NAME/.ssh/id_ed25519", user: NAME, creates: /home/NAME/.ssh/id_ed25519 }',
  'user.append': 'Leave it out: the account keeps its other groups, unless groups_exact is true.',
  'user.force': 'Leave it out: stop the processes of the account in an earlier resource.',
  'apt_repository.repo':
    'Write the parts of the line: uris: [ADDRESS], suites: [SUITE], components: [main], and the key.',
  'apt_repository.ppa':
    'Write uris: ["https://ppa.launchpadcontent.net/OWNER/PPA/ubuntu"], suites: ["{{ facts.os.codename }}"], components: [main], and a key with the url and the fingerprint that the page of the PPA shows. An example is in `reconcile modules apt_repository`.',
  'apt_repository.update_cache': 'Leave it out: the `apt` resource after it refreshes the package lists.',
  'cron_job.cron_file': 'Leave it out: each job is the file NAME in /etc/cron.d.',
  'cron_job.disabled': 'Set state: absent, which removes the file of the job.',
  'known_hosts.key': 'Write keys: [KEY], without the name of the host before the key.',
  'known_hosts.hash_host': 'Leave it out: names are written as they are, and hashed names in the file count.',
};

/** Returns the hint for an argument of Ansible; `argument` is the name of the module and of the argument. */
export function argumentOfAnsible(argument: string, name: unknown): string | undefined {
  if (!Object.hasOwn(argumentsOfAnsible, argument)) return undefined;
  const hint = argumentsOfAnsible[argument]!;
  return typeof name === 'string' ? hint.replaceAll('NAME', name) : hint;
}

/** Returns the name in `allowed` that Ansible calls `word`. A name of every JavaScript object has none. */
export function calledByAnsible(word: string, allowed: readonly string[]): string | undefined {
  return Object.hasOwn(others, word) && allowed.includes(others[word]!) ? others[word] : undefined;
}

/** Values of arguments of Ansible that another resource replaces. PATH stands for the path of the resource. */
const values: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'file.state': {
    directory: 'Write directory: { path: PATH }',
    link: 'Write link: { path: PATH, target: TARGET }',
    hard: 'Use command: { run: "ln SOURCE PATH", creates: PATH }',
    touch: 'Leave state out: a file that is missing is created.',
    file: 'Leave state out: a file that is missing is created.',
  },
  'mount.state': {
    present: 'Write state: fstab, which manages only the line in /etc/fstab.',
    remounted: 'Leave state out: a file system with other options is mounted anew.',
    unmounted: 'Write state: absent, which unmounts it and removes its line.',
  },
  'service.state': {
    restarted: 'A service restarts by itself: name the resources that it answers in its restart_on:',
    reloaded: 'A service reloads by itself: name the resources that it answers in its reload_on:',
  },
};

/** Returns the hint for a value of Ansible; `argument` is the name of the module and of the argument. */
export function valueOfAnsible(argument: string, value: string, path: unknown): string | undefined {
  const known = Object.hasOwn(values, argument) ? values[argument]! : {};
  const hint = Object.hasOwn(known, value) ? known[value] : undefined;
  return typeof path === 'string' ? hint?.replaceAll('PATH', path) : hint;
}
