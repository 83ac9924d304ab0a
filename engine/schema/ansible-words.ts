/** Keys and modules of Ansible that people type out of habit, and their equivalents. */
const words: Readonly<Record<string, string>> = {
  tasks: 'Use resources:',
  pre_tasks: 'Use resources:',
  post_tasks: 'Use resources:, or checks: for what proves the result.',
  roles: 'Put include: components/NAME.yml under resources:',
  include_role: 'Use include: components/NAME.yml, with: for its parameters.',
  import_role: 'Use include: components/NAME.yml, with: for its parameters.',
  include_tasks: 'Use include: components/NAME.yml, with: for its parameters.',
  import_tasks: 'Use include: components/NAME.yml, with: for its parameters.',
  handlers: 'A service restarts by itself: name the resources in its restart_on: or reload_on:',
  notify: 'Name this resource in the restart_on: or reload_on: of the service.',
  gather_facts: 'Leave it out: facts are read when an expression uses them.',
  become_user: 'Use become: { user: NAME }',
  become_method: 'Use become: { method: sudo }',
  ignore_errors: 'Use on_failure: continue',
  restarted: 'A service restarts by itself: name the resources that it answers in its restart_on:',
  reloaded: 'A service reloads by itself: name the resources that it answers in its reload_on:',
  with_items: 'Use loop:',
  with_dict: 'Use loop: with a map.',
  until: 'Use retry: { attempts: 5, delay: 3s }',
  retries: 'Use retry: { attempts: 5, delay: 3s }',
  serial: 'Use --parallel, or --limit for some of the hosts first.',
  copy: 'Use file: with content: or src:',
  template: 'Use file: with template:',
  lineinfile: 'Use file: with the whole content.',
  systemd: 'Use service:, and systemd_unit: for the unit file.',
  systemd_service: 'Use service:, and systemd_unit: for the unit file.',
  shell: 'Use command:',
  pip: 'Use python_venv:',
  uri: 'Use http_check: under checks:',
  postgresql_user: 'Use pg_role:',
  postgresql_db: 'Use pg_database:',
  postgresql_privs: 'Use pg_grant:',
  postgresql_ext: 'Use pg_extension:',
};

/** Arguments and values of Ansible with another name here. */
const others: Readonly<Record<string, string>> = {
  argv: 'run',
  cache_valid_time: 'update_cache',
  chdir: 'cwd',
  cmd: 'run',
  dest: 'path',
  name: 'packages',
  pkg: 'packages',
  return_content: 'contains',
  started: 'running',
  status_code: 'status',
  virtualenv: 'path',
};

/** Returns the equivalent of a word of Ansible. A name of every JavaScript object, such as `constructor`, has none. */
export function ofAnsible(word: string): string | undefined {
  return Object.hasOwn(words, word) ? words[word] : undefined;
}

/** Returns the name in `allowed` that Ansible calls `word`. */
export function calledByAnsible(word: string, allowed: readonly string[]): string | undefined {
  return Object.hasOwn(others, word) && allowed.includes(others[word]!) ? others[word] : undefined;
}
