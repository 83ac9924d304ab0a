import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it, test } from 'vitest';
import { problemsOf } from '../../../engine/problem.ts';
import fc, { runs } from '../../random.ts';
import { folderOf } from '../workspace.ts';
import { missingInventoryOracle, ours, theirs, theirsOfAll } from './inventory-oracle.ts';
import { randomIni, randomYaml } from './random-inventories.ts';

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

/** Negative zero is zero in JSON. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function oursOrProblem(path: string): unknown {
  try {
    return ours(path);
  } catch (thrown) {
    return { problems: problemsOf(thrown).map(({ message }) => message) };
  }
}

describe.skipIf(missing !== undefined)(title, () => {
  test.each(layouts)('hosts, groups and variables of %s are the same', (layout, inventory, playbooks) => {
    const path = join(fixtures, layout, inventory);
    const folder = playbooks === undefined ? undefined : join(fixtures, layout, playbooks);
    expect(ours(path, folder)).toEqual(theirs(path, folder));
  });

  test.each([
    ['INI', 'hosts', randomIni],
    ['YAML', 'hosts.yml', randomYaml],
  ])('random inventories in %s are the same', (_, name, random) => {
    // Ansible refuses about half of them, such as a set of Python.
    const texts = fc.sample(random, runs(200));
    const folder = folderOf(Object.fromEntries(texts.map((text, index) => [`${index}/${name}`, text])));
    const paths = texts.map((_text, index) => join(folder, String(index), name));
    const answers = theirsOfAll(paths);
    const compared = paths.map((path, index) => ({ text: texts[index], path, theirs: answers[index] }));
    const readable = compared.filter(each => each.theirs !== undefined);
    expect(readable.length).toBeGreaterThan(runs(150) / 2);
    const differing = readable.filter(
      each => !isDeepStrictEqual(plain(oursOrProblem(each.path)), plain(each.theirs)),
    );
    expect(differing.map(each => ({ text: each.text, ...(oursOrProblem(each.path) as object) }))).toEqual(
      differing.map(each => ({ text: each.text, ...each.theirs })),
    );
  });

  it('every layout is compared', () => {
    expect(layouts.map(([layout]) => layout).toSorted()).toEqual(readdirSync(fixtures).toSorted());
  });
});
