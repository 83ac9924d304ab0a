import { didYouMean } from '../util/did-you-mean.ts';

const known = {
  filter:
    'There are those of Jinja, and urlencode, b64encode, sha256, to_json, to_yaml, quote, combine and others.',
  test: 'There are those of Jinja, such as defined, none, string, number, in and divisibleby.',
};

/** Returns the message about a missing filter or test, and the hint with the nearest name or all names. */
export function noSuch(
  what: keyof typeof known,
  name: string,
  names: Iterable<string>,
): [message: string, hint: string] {
  return [`there is no ${what} "${name}"`, didYouMean(name, names) ?? known[what]];
}

const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}', '{{': '}}', '{%': '%}' };

/** Returns the message and the hint about an unclosed bracket or quote. */
export function neverClosed(open: string): [message: string, hint: string] {
  return [`this ${open} is never closed`, `Close it with ${closing[open] ?? open}.`];
}

/** The names of Ansible that have another form here. */
export const namesOfAnsible: Readonly<Record<string, string>> = {
  hostvars: 'hosts.NAME.vars, and hosts.NAME.facts for facts',
  ansible_facts: 'facts, such as facts.hostname',
  inventory_hostname: 'host.name',
  inventory_hostname_short: 'host.name',
  group_names: 'host.groups',
  ansible_hostname: 'facts.hostname',
  ansible_nodename: 'facts.hostname',
  ansible_fqdn: 'facts.fqdn',
  ansible_distribution: 'facts.os.id, which is debian or ubuntu',
  ansible_os_family: 'facts.os.id, which is debian or ubuntu',
  ansible_distribution_release: 'facts.os.codename',
  ansible_distribution_version: 'facts.os.version',
  ansible_distribution_major_version: 'facts.os.version',
  ansible_architecture: 'facts.arch',
  ansible_machine: 'facts.machine',
  ansible_virtualization_type: 'facts.virtualization',
  ansible_swaptotal_mb: 'facts.swap_mb',
  ansible_kernel: 'facts.kernel',
  ansible_memtotal_mb: 'facts.memory_mb',
  ansible_processor_vcpus: 'facts.cpus',
  ansible_processor_nproc: 'facts.cpus',
  ansible_default_ipv4: 'facts.ipv4 | first',
  ansible_all_ipv4_addresses: 'facts.ipv4',
  ansible_all_ipv6_addresses: 'facts.ipv6',
  ansible_mounts: 'facts.disks',
  ansible_date_time: 'facts.time',
  ansible_host: 'host.address',
  ansible_user: 'host.user',
  ansible_port: 'host.port',
  play_hosts: 'groups.all, or another group',
  ansible_play_hosts: 'groups.all, or another group',
  ansible_play_batch: 'groups.all, or another group',
};

/** Returns the hint for a name of Ansible, or undefined for any other name. */
export function nameOfAnsible(name: string): string | undefined {
  if (Object.hasOwn(namesOfAnsible, name)) return `Write ${namesOfAnsible[name]}.`;
  return name.startsWith('ansible_') ? 'Facts are under facts: `reconcile facts` lists them.' : undefined;
}

/** Returns the hint for an undefined name without a similar defined name. */
export function undefinedHint(name: string): string {
  if (['item', 'index', 'key'].includes(name)) return `"${name}" is there in a resource with loop: only.`;
  if (['lookup', 'query'].includes(name))
    return 'Files come by src: or template:, variables of the environment by env(NAME).';
  return `Give it a value under vars, in the inventory or with --var, or write ${name} | default(…).`;
}
