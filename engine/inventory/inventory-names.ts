import { didYouMean } from '../util/did-you-mean.ts';
import type { Problems } from '../util/problem-collector.ts';
import { isAddress6 } from './host-range.ts';
import type { Groups, Hosts, InventorySource, Named } from './inventory-model.ts';

/** Checks the names of hosts and groups, and that the members of groups exist. */
export function checkInventoryNames(
  hosts: Hosts,
  groups: Groups,
  sources: readonly InventorySource[],
  problems: Problems,
): void {
  for (const [name, { at }] of [...hosts, ...groups]) {
    if (/^\w[\w.@+-]*$/u.test(name) || isAddress6(name)) continue;
    problems.report(
      'invalid-value',
      `"${name}" cannot be a name: patterns could not select it.`,
      at,
      'Use letters, digits, "_", "." and "-".',
    );
  }
  if (hosts.has('all'))
    problems.report(
      'invalid-value',
      '"all" is the group of all hosts; a host needs another name.',
      hosts.get('all')!.at,
    );
  const ansible = sources.some(source => source.ansible);
  for (const [name, group] of groups) {
    if (!ansible && hosts.has(name) && name !== 'all')
      problems.report('invalid-value', `"${name}" is the name of both a host and a group.`, group.at);
    if (!group.declared && name !== 'all' && name !== 'ungrouped')
      problems.report(
        'unknown-host',
        `There are variables for a group "${name}", but no such group.`,
        group.at,
        didYouMean(name, declared(groups)) ?? `Declare it by a line of its own: [${name}]`,
      );
    checkMembers(name, 'host', group.hosts, hosts, groups, problems);
    checkMembers(name, 'group', group.groups, groups, hosts, problems);
  }
}

function declared(groups: Groups): string[] {
  return [...groups].filter(([, group]) => group.declared).map(([name]) => name);
}

function checkMembers(
  group: string,
  kind: 'host' | 'group',
  members: readonly Named[],
  right: ReadonlyMap<string, unknown>,
  wrong: ReadonlyMap<string, unknown>,
  problems: Problems,
): void {
  const other = kind === 'host' ? 'group' : 'host';
  for (const { name, at } of members) {
    if (kind === 'group' && name === 'all')
      problems.report('conflict', `The group ${group} cannot hold "all", which holds every group.`, at);
    else if (!right.has(name)) {
      const hint = wrong.has(name)
        ? `"${name}" is a ${other}: list it with the ${other}s.`
        : didYouMean(name, right.keys());
      const message = `The group ${group} names a ${kind} "${name}", which is not among the ${kind}s.`;
      problems.report('unknown-host', message, at, hint);
    }
  }
}

/** Returns an address without the brackets of IPv6, and the port behind it. */
export function splitAddress(text: string): { address: string; port?: string } {
  const found = /^\[([^\]]+)\](?::(\d+))?$|^([^:]+):(\d+)$/.exec(text);
  if (found === null) return { address: text };
  const [, bracketed, behind, plain, port = behind] = found;
  return { address: (bracketed ?? plain)!, ...(port !== undefined && { port }) };
}
