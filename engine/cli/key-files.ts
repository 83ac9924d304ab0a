import { existsSync } from 'node:fs';
import type { Host } from '../host.ts';
import type { Inventory } from '../inventory/inventory-model.ts';
import { ProblemError, placeKey } from '../problem.ts';
import { expandHome } from '../transport/ssh-config.ts';

/**
 * Throws a ProblemError for each line of the inventory that names a missing key for one of the hosts. Only commands that
 * connect call it, because another computer may hold the keys.
 */
export function refuseMissingKeys(hosts: readonly Host[], inventory: Inventory): void {
  const missing = hosts.flatMap(host => {
    if (host.transport !== 'ssh' || host.identityFile === undefined) return [];
    const setting = inventory.settingsOf(host.name).findLast(({ key }) => key === 'identityFile');
    return setting === undefined || isThere(host.identityFile) ? [] : [{ ...setting, host }];
  });
  const once = new Map(missing.map(each => [placeKey(each.at), each]));
  if (once.size === 0) return;
  throw new ProblemError(
    ...[...once.values()].map(({ at, host }) => ({
      code: 'file-missing' as const,
      message: `The key "${host.identityFile}", with which to log in on ${host.name}, does not exist.`,
      hint: 'Correct the path, or remove it to use the keys of the agent and of ~/.ssh.',
      at,
    })),
  );
}

/** Whether the file of a key exists, or its public half, whose private one the agent may hold. A token of ssh counts as there. */
function isThere(file: string): boolean {
  const path = expandHome(file);
  return /%|\$\{/.test(path) || existsSync(path) || existsSync(`${path}.pub`);
}
