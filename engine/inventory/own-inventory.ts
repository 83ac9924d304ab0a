import { readVariables } from '../expression/variables.ts';
import type { Become } from '../host.ts';
import type { Place } from '../problem.ts';
import { inventoryFileSchema } from '../schema/inventory-keys.ts';
import { validate } from '../schema/json-schema.ts';
import type { Problems } from '../util/problem-collector.ts';
import { isMap, type Plain } from '../value.ts';
import type { Doc } from '../yaml/document.ts';
import type { Path } from '../yaml/source-text.ts';
import { InventorySource, type Named, type Setting } from './inventory-model.ts';
import { splitAddress } from './inventory-names.ts';

/** Reads an inventory in this program's own format. Adds its problems to `problems`. */
export function readOwnFormat(doc: Doc, problems: Problems): InventorySource {
  const source = new InventorySource(doc.file, false);
  const data = doc.data ?? {};
  problems.add(...validate(inventoryFileSchema, data, { doc, path: [], label: 'An inventory' }, 'unknown'));
  if (!isMap(data)) return source;
  const entries = (value: unknown) => (isMap(value) ? Object.entries(value) : []) as [string, Plain][];
  const defaults = settingsOf(doc, ['defaults'], 'defaults', data['defaults'] as Plain, problems);
  for (const [name, written] of entries(data['hosts'])) {
    const path = ['hosts', name];
    const host = source.host(name, doc.place(path, 'key'));
    host.settings.push(...defaults, ...settingsOf(doc, path, `host ${name}`, written, problems));
    host.vars.push(...readVariables(doc, [...path, 'vars'], `host ${name}`, problems));
  }
  source.group('all', doc.place([])).vars.push(...readVariables(doc, ['vars'], 'group all', problems));
  for (const [name] of entries(data['groups'])) {
    const path = ['groups', name];
    const named = (key: string): Named[] => {
      const list = doc.get([...path, key]);
      return Array.isArray(list)
        ? list.map((member, index) => ({ name: String(member), at: doc.place([...path, key, index]) }))
        : [];
    };
    const group = source.group(name, doc.place(path, 'key'));
    group.hosts.push(...named('hosts'));
    group.groups.push(...named('groups'));
    group.vars.push(...readVariables(doc, [...path, 'vars'], `group ${name}`, problems));
  }
  return source;
}

const plainSettings = {
  address: 'address',
  user: 'user',
  identity_file: 'identityFile',
  proxy_jump: 'proxyJump',
  host_key: 'hostKey',
  host_key_checking: 'hostKeyChecking',
  transport: 'transport',
  port: 'port',
} as const;

function settingsOf(
  doc: Doc,
  path: Path,
  level: string,
  host: Plain | undefined,
  problems: Problems,
): Setting[] {
  if (!isMap(host)) return [];
  const settings: Setting[] = [];
  for (const [key, property] of Object.entries(plainSettings)) {
    const value = host[key];
    if (value === undefined) continue;
    const at = doc.place([...path, key]);
    if (typeof value === 'string' && value.includes('{{'))
      problems.report(
        'invalid-value',
        `${key} is taken as it is written; templates are not evaluated here.`,
        at,
      );
    settings.push({ key: property, value: checked(key, value, at, problems), level, at });
  }
  const become = host['become'] as Plain | undefined;
  if (become !== undefined)
    settings.push({ key: 'become', value: becomeOf(become), level, at: doc.place([...path, 'become']) });
  return settings;
}

function checked(key: string, value: Plain, at: Place, problems: Problems): Setting['value'] {
  if (key !== 'address' || typeof value !== 'string') return value as Setting['value'];
  const { address, port } = splitAddress(value);
  if (port !== undefined)
    problems.report(
      'invalid-value',
      `"${value}" has a port in it.`,
      at,
      `address: "${address}", port: ${port}`,
    );
  return address;
}

/** Returns `true`, `false` or a map as a Become. `true` is root by sudo. */
export function becomeOf(value: Plain): Become | false {
  if (value === false) return false;
  const map = isMap(value) ? value : {};
  return { user: String(map['user'] ?? 'root'), method: (map['method'] ?? 'sudo') as Become['method'] };
}
