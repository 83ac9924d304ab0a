import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Become, Host } from '../host.ts';
import { ProblemError } from '../problem.ts';
import { isMap, type Plain } from '../value.ts';
import { inventoryFileSchema } from './envelope.ts';
import { placeIn } from './expression/index.ts';
import { readText, shownPath } from './files.ts';
import { buildInventory, type Inventory, type InventorySource, type Named } from './inventory.ts';
import { type Doc, type Path, parseYaml } from './parse.ts';
import { Problems } from './problems.ts';
import { validate } from './validate.ts';
import { readVariables } from './variables.ts';

/**
 * Reads what was given with -i: files, or lists such as `web1,admin@web2:2222`. Without any, the inventory.yml
 * in the folder `beside`, else in the working directory, else none. Mistakes go to `problems`.
 */
export function readInventory(
  given: readonly string[],
  beside: string | undefined,
  problems: Problems,
): Inventory {
  const names = inventorySources(given, beside);
  const sources = names.map(name => problems.attempt(() => readSource(name, problems)));
  return buildInventory(
    sources.filter(source => source !== undefined),
    problems,
  );
}

/** What an inventory is read from: what was given, else the default file if there is one. */
export function inventorySources(given: readonly string[], beside: string | undefined): readonly string[] {
  return given.length > 0 ? given : defaultFile(beside);
}

/** The inventory by itself; throws a ProblemError with all that is wrong in it. */
export function loadInventory(options: { inventory?: readonly string[]; beside?: string } = {}): Inventory {
  const problems = new Problems();
  const inventory = readInventory(options.inventory ?? [], options.beside, problems);
  problems.done();
  return inventory;
}

/** Whether a file is an inventory rather than a playbook: its hosts are a map. False when it cannot be read. */
export function isInventory(file: string): boolean {
  const text = new Problems().attempt(() => readText(file, shownPath(file)));
  // Most playbooks show what they are without being parsed.
  if (text === undefined || /^(?:resources|plays)\s*:/m.test(text)) return false;
  const doc = new Problems().attempt(() => parseYaml(text, shownPath(file)));
  return isMap(doc?.get(['hosts'])) && doc?.get(['resources']) === undefined;
}

function defaultFile(beside: string | undefined): string[] {
  const folders = beside === undefined ? ['.'] : [dirname(beside), '.'];
  const found = folders.map(folder => join(folder, 'inventory.yml')).find(file => existsSync(file));
  return found === undefined ? [] : [found];
}

function readSource(name: string, problems: Problems): InventorySource {
  if (name.includes(',')) return readList(name);
  const file = shownPath(name);
  const stat = statSync(name, { throwIfNoEntry: false });
  if (stat === undefined && !/[./]/.test(name)) {
    throw new ProblemError({
      code: 'file-missing',
      message: `There is no inventory file "${name}".`,
      hint: `For a host of this name write it with a comma: -i ${name},`,
    });
  }
  if (stat?.isDirectory()) refuse(`${file} is a folder; an inventory is a file.`);
  const text = readText(name, file);
  if (text.startsWith('#!')) refuse(`${file} is a program; inventories made by programs cannot be read yet.`);
  if (/^\s*\[[^\]]*\]\s*$/m.test(text) && !/^(hosts|groups|defaults|vars)\s*:/m.test(text))
    refuse(`${file} is an Ansible inventory in INI format, which cannot be read yet.`);
  return readOwnFormat(parseYaml(text, file), problems);
}

function refuse(message: string): never {
  throw new ProblemError({
    code: 'not-supported',
    message,
    hint: 'Write it as:\n    hosts:\n      web1: { address: 203.0.113.11 }\n    groups:\n      web: { hosts: [web1] }',
  });
}

function readOwnFormat(doc: Doc, problems: Problems): InventorySource {
  const source: InventorySource = { file: doc.file, hosts: new Map(), groups: new Map() };
  const data = doc.data ?? {};
  if (isMap(data) && isMap(data['all']) && data['hosts'] === undefined) {
    refuse(`${doc.file} is an Ansible inventory in YAML format, which cannot be read yet.`);
  }
  problems.add(...validate(inventoryFileSchema, data, { doc, path: [], label: 'An inventory' }, 'unknown'));
  if (!isMap(data)) return source;
  const entries = (value: unknown) => (isMap(value) ? Object.entries(value) : []) as [string, Plain][];
  for (const [name, host] of entries(data['hosts'])) {
    const path = ['hosts', name];
    source.hosts.set(name, {
      at: doc.place(path, 'key'),
      settings: {
        ...settingsOf(doc, ['defaults'], data['defaults'] as Plain, problems),
        ...settingsOf(doc, path, host, problems),
      },
      vars: readVariables(doc, [...path, 'vars'], `host ${name}`, problems),
    });
  }
  for (const [name] of entries(data['groups'])) {
    const path = ['groups', name];
    const named = (key: string): Named[] => {
      const list = doc.get([...path, key]);
      return Array.isArray(list)
        ? list.map((member, index) => ({ name: String(member), at: doc.place([...path, key, index]) }))
        : [];
    };
    source.groups.set(name, {
      at: doc.place(path, 'key'),
      hosts: named('hosts'),
      groups: named('groups'),
      vars: readVariables(doc, [...path, 'vars'], `group ${name}`, problems),
    });
  }
  const all = source.groups.get('all') ?? { at: doc.place([]), hosts: [], groups: [], vars: [] };
  source.groups.set('all', {
    ...all,
    vars: [...readVariables(doc, ['vars'], 'group all', problems), ...all.vars],
  });
  return source;
}

const textSettings = {
  address: 'address',
  user: 'user',
  identity_file: 'identityFile',
  proxy_jump: 'proxyJump',
  host_key: 'hostKey',
  host_key_checking: 'hostKeyChecking',
  transport: 'transport',
  port: 'port',
} as const;

function settingsOf(doc: Doc, path: Path, host: Plain | undefined, problems: Problems): Partial<Host> {
  if (!isMap(host)) return {};
  const settings: Record<string, unknown> = {};
  for (const [key, property] of Object.entries(textSettings)) {
    const value = host[key];
    if (typeof value === 'string' && value.includes('{{')) {
      problems.report(
        'invalid-value',
        `${key} is taken as it is written; templates are not evaluated here.`,
        doc.place([...path, key]),
      );
    }
    if (value !== undefined) settings[property] = value;
  }
  if (host['become'] !== undefined) settings['become'] = becomeOf(host['become'] as Plain);
  return settings as Partial<Host>;
}

/** `true`, `false` or a map as a Become; true is root by sudo. */
export function becomeOf(value: Plain): Become | false {
  if (value === false) return false;
  const map = isMap(value) ? value : {};
  return { user: String(map['user'] ?? 'root'), method: (map['method'] ?? 'sudo') as Become['method'] };
}

function readList(list: string): InventorySource {
  const hosts: InventorySource['hosts'] = new Map();
  const where = placeIn(`-i ${list}`, list);
  for (const match of list.matchAll(/[^,\s]+/g)) {
    const [, user, name, port] = /^(?:([^@]+)@)?([^:]+)(?::(\d+))?$/.exec(match[0]) ?? [];
    if (name === undefined) {
      throw new ProblemError({
        code: 'usage',
        message: `-i takes hosts as NAME, USER@NAME or NAME:PORT, not "${match[0]}".`,
      });
    }
    const settings: Partial<Host> = {
      ...(user === undefined ? {} : { user }),
      ...(port === undefined ? {} : { port: Number(port) }),
      ...(name === 'localhost' ? { address: '127.0.0.1', transport: 'local' as const } : {}),
    };
    hosts.set(name, { at: where(match.index, match[0].length), settings, vars: [] });
  }
  return { file: `-i ${list}`, hosts, groups: new Map() };
}
