import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { missingInventoryOracle, ours, theirs } from './inventory-oracle.ts';

const missing = missingInventoryOracle();
const title = missing === undefined ? 'as Ansible has it' : `as Ansible has it (skipped: ${missing})`;
const fixtures = join(import.meta.dirname, '../../fixtures/inventories');

/** Layouts in the shapes that repositories of playbooks have: the inventory in each, and the playbook's folder. */
const layouts: [layout: string, inventory: string, playbooks?: string][] = [
  ['ini-ranges', 'hosts'],
  ['ini-children', 'inventory.ini'],
  ['yaml-nested', 'hosts.yml'],
  ['dynamic-meta', 'inventory.sh'],
  ['dynamic-hosts', 'inventory.sh'],
  ['directory', ''],
  ['environments', 'inventories/production/hosts', ''],
  ['folders', 'hosts'],
  ['priorities', 'hosts'],
];

describe.skipIf(missing !== undefined)(title, () => {
  test.each(layouts)('hosts, groups and variables of %s are the same', (layout, inventory, playbooks) => {
    const path = join(fixtures, layout, inventory);
    const folder = playbooks === undefined ? undefined : join(fixtures, layout, playbooks);
    expect(ours(path, folder)).toEqual(theirs(path, folder));
  });

  it('every layout is compared', () => {
    expect(layouts.map(([layout]) => layout).toSorted()).toEqual(readdirSync(fixtures).toSorted());
  });
});
