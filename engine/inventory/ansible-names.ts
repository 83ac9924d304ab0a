import type { Plain } from '../value.ts';

/** Names by which Ansible calls a host and its groups, for the variables of its inventories. */
export function ansibleNames(host: string, groups: readonly string[]): { [name: string]: Plain } {
  return {
    inventory_hostname: host,
    inventory_hostname_short: /^[\d.]+$|:/.test(host) ? host : host.split('.')[0]!,
    group_names: groups.toSorted(),
  };
}
