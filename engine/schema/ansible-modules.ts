/** The equivalent of a module of Ansible: a sentence without its period, and the resource to write if there is one. */
export interface Equivalent {
  text: string;
  /** A resource that can be copied as it is. */
  example?: string;
  /** Whether the example belongs under `checks`. */
  isCheck?: boolean;
}

/** Modules of Ansible without a module of this name. Names with one equivalent share a row. */
export const modulesOfAnsible: Readonly<Record<string, Equivalent>> = {
  'copy template assemble': {
    text: 'Use `file` with `content`, `src` or `template`',
    example: 'file: { path: /etc/motd, content: "Welcome\\n" }',
  },
  'lineinfile blockinfile replace ini_file': {
    text: 'Use `file` with the complete content, or a file of your own in a `.d` directory',
    example: 'file: { path: /etc/ssh/sshd_config.d/10-keys.conf, content: "PasswordAuthentication no\\n" }',
  },
  synchronize: {
    text: 'Use `tree`',
    example: 'tree: { src: site, path: /srv/site }',
  },
  'systemd systemd_service sysvinit': {
    text: 'Use `service`, and `systemd_unit` for the unit file',
    example: 'service: { name: nginx, enabled: true, state: running }',
  },
  'shell raw expect': {
    text: 'Use `command`: a text is a script for `sh`, a list is a program with its arguments',
    example: 'command: { run: "make > build.log", cwd: /srv/app, creates: /srv/app/build.log }',
  },
  script: {
    text: 'Use `command` with `script`: it runs when it has changed; `cmd` with arguments is `script` and `args`, `executable` is `interpreter`, `chdir` is `cwd`, `creates` stays, and `removes: PATH` is `only_if: test -e PATH`',
    example: 'command: { script: set-up.sh, args: [--fast] }',
  },
  'package dnf yum': {
    text: 'Use `apt`',
    example: 'apt: { packages: [nginx], update_cache: 1h }',
  },
  deb822_repository: {
    text: 'Use `apt_repository`, with the same arguments in plurals',
    example:
      'apt_repository: { name: backports, uris: ["http://deb.debian.org/debian"], suites: [bookworm-backports], components: [main], signed_by: /usr/share/keyrings/debian-archive-keyring.gpg }',
  },
  apt_key: {
    text: 'Use `apt_repository`, whose `key` has a `url` and a `fingerprint`, or whose `src` is a file beside the playbook',
    example:
      'apt_repository: { name: vendor, uris: ["https://apt.example.com"], suites: [stable], components: [main], src: vendor.asc }',
  },
  pip: {
    text: 'Use `python_venv`',
    example: 'python_venv: { path: /srv/app/venv, packages: [flask] }',
  },
  'uri wait_for wait_for_connection': {
    text: 'Use `http_check` under `checks`, or `settle` of a `service`',
    example: 'http_check: { url: "http://127.0.0.1/", attempts: 5, delay: 2s }',
    isCheck: true,
  },
  'assert fail': {
    text: 'Use `command` under `checks`',
    example: 'command: { run: "test -S /run/app/app.sock" }',
    isCheck: true,
  },
  get_url: {
    text: 'Use `command` with `creates`',
    example:
      'command: { run: "curl -fsSL -o /usr/local/src/app.tar.gz https://example.com/app.tar.gz", creates: /usr/local/src/app.tar.gz }',
  },
  unarchive: {
    text: 'Use `command` with `creates`, or `tree` for a folder that you unpacked beside the playbook',
    example:
      'command: { run: "tar -xzf /usr/local/src/app.tar.gz -C /srv/app", creates: /srv/app/README.md }',
  },
  git: {
    text: 'Use `command` with `creates`, or `tree` for a folder of code beside the playbook',
    example:
      'command: { run: "git clone https://example.com/app.git /srv/app", creates: /srv/app/.git/HEAD }',
  },
  authorized_key: {
    text: 'Use `authorized_keys` with the lines of all keys',
    example:
      'authorized_keys: { user: deploy, keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPD0tO7H5DNQmGZz4RPDU9Hbta1bLPbqkEbMzS7mJqmE laptop"] }',
  },
  cron: {
    text: 'Use `cron_job`, or a `systemd_unit` for a timer',
    example:
      'cron_job: { name: backup, user: root, schedule: "17 3 * * *", command: /usr/local/sbin/backup }',
  },
  ufw: {
    text: 'Use `firewall` with all rules of the host in one resource',
    example: 'firewall: { backend: ufw, rules: [{ allow: 22/tcp }, { allow: 443/tcp }] }',
  },
  'iptables nftables firewalld': {
    text: 'Use `firewall`, which has a table of its own',
    example: 'firewall: { backend: nftables, rules: [{ allow: 22/tcp }, { allow: 443/tcp }] }',
  },
  locale_gen: {
    text: 'Use `locale`',
    example: 'locale: { name: de_CH.UTF-8 }',
  },
  modprobe: {
    text: 'Use `kernel_module`',
    example: 'kernel_module: { name: br_netfilter }',
  },
  'docker_container docker_compose docker_compose_v2 podman_container': {
    text: 'Use `command` with `unless`, or a `systemd_unit` that runs the container',
    example:
      'command: { run: "docker run --detach --restart unless-stopped --name cache redis:7", unless: "docker inspect cache" }',
  },
  'docker_image podman_image': {
    text: 'Use `command` with `unless`',
    example: 'command: { run: "docker pull redis:7", unless: "docker image inspect redis:7" }',
  },
  'stat find slurp': {
    text: 'Use `creates`, `unless` or `only_if` of a `command`',
    example: 'command: { run: "rm -r /srv/old", only_if: "test -e /srv/old" }',
  },
  postgresql_user: {
    text: 'Use `pg_role`',
    example: 'pg_role: { name: app }',
  },
  postgresql_db: {
    text: 'Use `pg_database`',
    example: 'pg_database: { name: app, owner: app }',
  },
  'postgresql_privs postgresql_membership': {
    text: 'Use `pg_grant` for privileges, and `member_of` of a `pg_role` for memberships',
    example: 'pg_role: { name: app, member_of: [readers] }',
  },
  postgresql_ext: {
    text: 'Use `pg_extension`',
    example: 'pg_extension: { name: pg_trgm, database: app }',
  },
  postgresql_pg_hba: {
    text: 'Use `pg_hba`',
    example: 'pg_hba: { type: host, database: app, user: app, address: 10.0.0.0/8, method: scram-sha-256 }',
  },
  postgresql_set: {
    text: 'Use `pg_setting`',
    example: 'pg_setting: { name: max_connections, value: 200 }',
  },
  'postgresql_query postgresql_script': {
    text: 'Use `pg_check` under `checks` for a condition that must hold, or `command` with `psql`',
    example:
      'command: { run: "psql -c \'create schema shop\' app", user: postgres, unless: "psql -tAc \\"select 1 from pg_namespace where nspname = \'shop\'\\" app | grep -q 1" }',
  },
  'acme_certificate letsencrypt': {
    text: 'Use `certbot`',
    example: 'certbot: { name: example.com, domains: [example.com], email: admin@example.com }',
  },
  'include_role import_role include_tasks import_tasks include_vars': {
    text: 'Use `include` of a component file, with its parameters under `with`; `vars_files` of the play for variables',
    example: 'include: components/app.yml',
  },
  import_playbook: { text: 'Put the plays of both files under `plays` of one file' },
  block: {
    text: 'Put the resources into a component file, and use `include`',
    example: 'include: components/app.yml',
  },
  debug: {
    text: 'Leave it out: `reconcile facts` and `reconcile inventory --explain NAME` show values',
  },
  set_fact: { text: 'Put the value under `vars` of the play; it may hold expressions' },
  'setup service_facts package_facts': {
    text: 'Leave it out: facts are read when an expression uses them, and `reconcile facts` shows them',
  },
  ping: { text: 'Leave it out: `reconcile facts` logs in to every host' },
  'add_host group_by': { text: 'Put the host and its groups into the inventory' },
  pause: { text: 'Use `settle` of a `service`, or `retry` of the resource that needs the time' },
  meta: { text: 'Leave it out: a `service` restarts at its own place in the list' },
  fetch: { text: 'reconcile copies nothing from a host. Use `scp`' },
  local_action: { text: 'Use `delegate_to` with a host of the inventory whose `transport` is `local`' },
};
