import fs, { chmodSync, cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, extname, join, relative } from 'node:path';
import { mutate } from './mutate.ts';
import { Random } from './random.ts';

/** One file of a copy of the tree, and what reads it. */
export interface Read {
  /** Relative to the copy, as `entry` is. */
  file: string;
  /** The playbook or inventory that is loaded. */
  entry: string;
}

/** Copies all that reconcile reads in the tree at `root` to `folder`, without programs; returns the playbooks and inventories. */
export function copyScenes(root: string, folder: string): string[] {
  for (const name of ['playbooks', 'test/fixtures', 'test/engine/validate/mistakes'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  const example = join(folder, 'playbooks/secrets/flask.example.yml');
  writeFileSync(join(folder, 'playbooks/secrets/flask.yml'), readFileSync(example), { mode: 0o600 });
  chmodSync(join(folder, 'test/fixtures/everything/secrets/plain.yml'), 0o600);
  writeFileSync(
    join(folder, 'test/engine/validate/mistakes/inventory.yml'),
    'groups: { web: { hosts: [web1] } }\nhosts: { web1: }',
  );
  for (const file of filesIn(folder)) if ((statSync(file).mode & 0o111) !== 0) rmSync(file);
  const all = filesIn(folder).map(file => relative(folder, file));
  const inventories = all.filter(file => /^(?:hosts|inventory|0\d-\w+)\b/.test(basename(file)));
  const playbooks = all.filter(
    file => extname(file) === '.yml' && /^(?:hosts|plays):/m.test(readFileSync(join(folder, file), 'latin1')),
  );
  return [...new Set([...playbooks, ...inventories, 'test/fixtures/inventories/directory'])];
}

/** The text of every file by its name, as bytes: a character for each. */
export function textsIn(folder: string): Map<string, string> {
  return new Map(filesIn(folder).map(file => [relative(folder, file), readFileSync(file, 'latin1')]));
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map(name => join(folder, name))
    .filter(file => statSync(file).isFile())
    .toSorted();
}

/** Which files are read for each playbook and inventory. Only what is looked into counts, not what is copied to hosts. */
export async function readsOf(
  folder: string,
  entries: readonly string[],
  load: (entry: string) => Promise<unknown>,
): Promise<Read[]> {
  const reads: Read[] = [];
  const texts = textsIn(folder);
  const { readFileSync: reading } = fs;
  for (const entry of entries) {
    const files = new Set<string>();
    fs.readFileSync = ((path: string, ...rest: []) => {
      files.add(relative(folder, path));
      return reading(path, ...rest);
    }) as typeof reading;
    await load(join(folder, entry));
    const understood = [...files].filter(file => texts.has(file) && !/\.(?:py|css|txt)$/.test(file));
    reads.push(...understood.map(file => ({ file, entry })));
  }
  fs.readFileSync = reading;
  return reads;
}

/** Returns the scene of a seed, the same for the same tree. */
export function attemptOf(seed: number, reads: readonly Read[], texts: ReadonlyMap<string, string>) {
  const random = new Random(seed);
  const read = random.pick(reads);
  return { ...read, ...mutate(texts.get(read.file)!, random, [...texts.values()]) };
}
