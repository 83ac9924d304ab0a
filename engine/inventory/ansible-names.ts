import type { Plain } from '../value.ts';

/** The variables of Ansible that name a host and its groups, for templates in its inventories. */
export function ansibleNames(host: string, groups: readonly string[]): { [name: string]: Plain } {
  return {
    inventory_hostname: host,
    inventory_hostname_short: /^[\d.]+$|:/.test(host) ? host : host.split('.')[0]!,
    group_names: groups.toSorted(),
  };
}
