import { accessSync, constants, existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { placeIn } from '../expression/expression.ts';
import { ProblemError } from '../problem.ts';
import type { SecretSink } from '../secrets/redaction.ts';
import { Vault } from '../secrets/vaulted-values.ts';
import { Problems } from '../util/problem-collector.ts';
import { statOf } from '../util/stat.ts';
import { isMap, type Value } from '../value.ts';
import { parseYaml, yamlReader } from '../yaml/document.ts';
import { otherFile } from '../yaml/playbook-document.ts';
import { readText, shownPath } from '../yaml/source-files.ts';
import { isAnsibleYaml, readAnsibleYaml } from './ansible-yaml.ts';
import { buildInventory, type InventoryReading } from './build-inventory.ts';
import { inventoryProgram, isDynamic, readDynamic, readProgram } from './dynamic-inventory.ts';
import { readIni } from './ini.ts';
import { type Inventory, InventorySource, type Setting } from './inventory-model.ts';
import { readOwnFormat } from './own-inventory.ts';

/**
 * Reads the inventories of -i: files, folders and programs, or lists such as `web1,admin@web2:2222`. Without any, reads
 * the inventory.yml in the folder of the playbook `beside`, or else in the working directory. Includes the variables in
 * group_vars/ and host_vars/ beside inventories and the playbook. Adds its problems to `problems`.
 */
export function readInventory(
  given: readonly string[],
  beside: string | undefined,
  problems: Problems,
  reading: InventoryReading,
): Inventory {
  const names = inventorySources(given, beside);
  const sources = names.flatMap(name => problems.attempt(() => readSource(name, problems)) ?? []);
  const files = names.filter(name => !isList(name) && existsSync(name));
  const folders = [
    ...files.map(name => (statSync(name).isDirectory() ? name : dirname(name))),
    ...(beside === undefined ? [] : [dirname(beside)]),
  ].filter(folder => existsSync(folder));
  const once = new Map(folders.map(folder => [realpathSync(folder), folder]));
  return buildInventory(sources, [...once.values()], problems, reading);
}

/** Returns the given inventories, or else the default file if it exists. */
export function inventorySources(given: readonly string[], beside: string | undefined): readonly string[] {
  return given.length > 0 ? given : defaultFile(beside);
}

/** The settings of the command line for loading an inventory. */
export interface InventoryOptions {
  inventory?: readonly string[] | undefined;
  beside?: string;
  /** Opens texts that Ansible Vault encrypted. */
  vaultPassword?: string | undefined;
  secrets?: SecretSink;
}

/** Reads an inventory by itself. Throws a ProblemError with all its problems. */
export function loadInventory(options: InventoryOptions = {}): Inventory {
  const problems = new Problems();
  const reading = { vault: new Vault(options.vaultPassword), secrets: options.secrets };
  const inventory = readInventory(options.inventory ?? [], options.beside, problems, reading);
  problems.done();
  return inventory;
}

/** Whether a path is an inventory rather than a playbook. False if it cannot be read. */
export function isInventory(path: string): boolean {
  const stat = statOf(path);
  if (stat === undefined) return false;
  if (stat.isDirectory()) return !readdirSync(path).some(name => showsPlaybook(textOf(join(path, name))));
  if (isProgram(path)) return true;
  const text = textOf(path);
  if (showsPlaybook(text) || otherFile(text) !== undefined) return false;
  if (!looksLikeYaml(path, text)) return true;
  const data = new Problems().attempt(() => parseYaml(text, path, 'ansible'))?.data;
  const isOwn = isMap(data) && isMap(data['hosts']);
  return isOwn || isDynamic(data) || isAnsibleYaml(data);
}

/** Recognizes most playbooks without parsing them. */
function showsPlaybook(text: string): boolean {
  return /^(?:resources|plays)\s*:/m.test(text);
}

/** Returns the text of a file; empty if it cannot be read. */
function textOf(path: string): string {
  return new Problems().attempt(() => readText(path, path)) ?? '';
}

function isList(name: string): boolean {
  return name.includes(',') && !existsSync(name);
}

function defaultFile(beside: string | undefined): string[] {
  const folders = beside === undefined ? ['.'] : [dirname(beside), '.'];
  const found = folders.map(folder => join(folder, 'inventory.yml')).find(file => existsSync(file));
  if (found === undefined) return [];
  if (anybodyCanPlace(found))
    throw new ProblemError({
      code: 'insecure-file',
      message: `The inventory ${shownPath(found)} was found automatically, in a place where every account on this computer can create one.`,
      hint: `To use it, name it:\n    -i ${shownPath(found)}`,
    });
  return [found];
}

/** In a folder such as /tmp, each account can add files, but remove and replace only its own. */
function anybodyCanPlace(file: string): boolean {
  if (process.platform === 'win32') return false;
  const [folder, { uid, mode }] = [statSync(dirname(file)), statSync(file)];
  const isTrusted = uid === 0 || uid === process.getuid?.();
  return (
    (mode & 0o002) !== 0 || ((folder.mode & 0o002) !== 0 && !((folder.mode & 0o1000) !== 0 && isTrusted))
  );
}

function readSource(name: string, problems: Problems): InventorySource[] {
  if (isList(name)) return [readList(name)];
  const stat = statOf(name);
  if (stat === undefined && !/[./]/.test(name)) {
    throw new ProblemError({
      code: 'file-missing',
      message: `There is no inventory file "${name}".`,
      hint: `For a host of this name write it with a comma: -i ${name},`,
    });
  }
  if (!stat?.isDirectory()) return [readFile(name, problems)];
  return readdirSync(name, { encoding: 'utf8' })
    .toSorted()
    .filter(inner => !passedOver.test(inner))
    .flatMap(inner => problems.attempt(() => readSource(join(name, inner), problems)) ?? []);
}

/** The files that Ansible ignores in a folder of inventories. */
const passedOver =
  /^\.|^(?:host_vars|group_vars|vars_plugins)$|~$|\.(?:pyc|pyo|swp|bak|rpm|md|txt|rst|orig|ini|cfg|retry)$/;

function readFile(name: string, problems: Problems): InventorySource {
  const file = shownPath(name);
  if (isProgram(name)) return readProgram(inventoryProgram(name, file), file, problems);
  const text = readText(name, file);
  if (text.startsWith('#!'))
    throw new ProblemError({
      code: 'inventory-program',
      message: `${file} is a program, but it is not executable.`,
      hint: `To use its inventory:\n    chmod +x ${file}`,
    });
  if (extname(name) === '.toml') throw notSupported(file, 'TOML');
  if (!looksLikeYaml(name, text)) return readIni(text.replace(/^\uFEFF/, ''), file, problems);
  // A file that is no inventory of Ansible is read again as YAML 1.2.
  const asAnsible = new Problems();
  const read = yamlReader(text, file);
  const doc = asAnsible.attempt(() => read('ansible'));
  if (!/^["']?(?:hosts|groups|defaults|vars)["']?\s*:/m.test(text)) asAnsible.done();
  if (isMap(doc?.data) && typeof doc.data['plugin'] === 'string')
    throw notSupported(file, 'a plugin of Ansible');
  if (doc !== undefined && isDynamic(doc.data))
    return readDynamic(doc.data as { [key: string]: Value }, doc, problems);
  if (doc !== undefined && isAnsibleYaml(doc.data)) return readAnsibleYaml(doc, problems);
  return readOwnFormat(read('own'), problems);
}

function notSupported(file: string, what: string): ProblemError {
  return new ProblemError({
    code: 'not-supported',
    message: `${file} is an inventory in the form of ${what}, which is not supported.`,
    hint: `Let Ansible convert it once, and give that file to -i:\n    ansible-inventory -i ${file} --list > hosts.json`,
  });
}

/** Whether a file is a program: executable, and no text from a file system without modes. */
function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
  } catch {
    return false;
  }
  const text = new Problems().attempt(() => readText(path, path)) ?? '';
  return text.startsWith('#!') || text.slice(0, 512).includes('\0');
}

/** Recognizes a format by the first line with content, then by the name of the file. */
function looksLikeYaml(path: string, text: string): boolean {
  const first = /^(?![ \t]*(?:[#;]|\r?$)).*$/m.exec(text)?.[0] ?? '';
  if (/\.(?:ini|cfg)$/.test(path) || /^\s*\[[^,\]]*\]\s*$/.test(first)) return false;
  return /\.(?:ya?ml|json)$/.test(path) || /^\s*(?:---|\{|["']?[\w.-]+["']?:(?:\s|$))/.test(first);
}

function readList(list: string): InventorySource {
  const source = new InventorySource(`-i ${list}`, false);
  const where = placeIn(`-i ${list}`, list);
  for (const match of list.matchAll(/[^,\s]+/g)) {
    const [, user, bracketed, plain, port] =
      /^(?:([^@]+)@)?(?:\[([\da-f:.]+)\]|([^:[\]]+|[\da-f]*:[\da-f]*:[\da-f:.]*))(?::(\d+))?$/i.exec(
        match[0],
      ) ?? [];
    const name = bracketed ?? plain;
    if (name === undefined) {
      throw new ProblemError({
        code: 'usage',
        message: `-i takes hosts as NAME, USER@NAME, NAME:PORT or [ADDRESS]:PORT, not "${match[0]}".`,
      });
    }
    const at = where(match.index, match[0].length);
    const set = (key: Setting['key'], value: Setting['value']) =>
      host.settings.push({ key, value, level: `host ${name}`, at });
    const host = source.host(name, at);
    if (user !== undefined) set('user', user);
    if (port !== undefined) set('port', Number(port));
    if (name !== 'localhost') continue;
    set('address', '127.0.0.1');
    set('transport', 'local');
  }
  return source;
}
