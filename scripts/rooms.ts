/** The rooms of the engine: its folders, and the direction of their imports. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** A file imports from its own room, from the rooms before it in this list, and from the loose files. */
export const rooms = [
  ...['util', 'host-shell', 'yaml', 'expression', 'schema', 'secrets', 'inventory', 'playbook', 'resolve'],
  'module-kit',
  ...['probes', 'steps', 'transport', 'plan', 'validate', 'hosts', 'apply', 'run', 'report', 'cli'],
];

/** The files of engine/ outside of the rooms: types and tables that all rooms share. */
export const loose =
  'effect events host host-knowledge lease module probe problem quote remedies resource schema-types state-directory step value'.split(
    ' ',
  );

/** Returns the room of a file by its path from the root; undefined for a loose file and outside of the engine. */
export const roomOf = (file: string): string | undefined => /^engine\/([^/]+)\//.exec(file)?.[1];

/** Returns the imports in the text of a file: packages by name, files by their path from the root. */
export function importsIn(file: string, text: string): string[] {
  const found = text.matchAll(/(?:\bfrom|\bimport\(|^import)\s*'([^']+)'/gm);
  return [...found].map(([, name]) =>
    name!.startsWith('.') ? normalize(join(dirname(file), name!)) : name!,
  );
}

/** Returns the other rooms that each room imports from. */
export function importedRooms(): ReadonlyMap<string, ReadonlySet<string>> {
  const root = join(import.meta.dirname, '..');
  const imported = new Map(rooms.map(room => [room, new Set<string>()]));
  for (const room of rooms) {
    for (const name of readdirSync(join(root, 'engine', room), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue;
      const file = join('engine', room, name);
      for (const target of importsIn(file, readFileSync(join(root, file), 'utf8'))) {
        const other = roomOf(target);
        if (other !== undefined && other !== room) imported.get(room)!.add(other);
      }
    }
  }
  return imported;
}
