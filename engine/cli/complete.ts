import { readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Command, Option } from 'commander';
import { explanations } from '../problem.ts';
import { isMap } from '../value.ts';
import type { Io } from './io.ts';

/** A completion of the typed word. A completion that ends in `/` or `,` may continue. */
interface Candidate {
  word: string;
  about?: string;
}

/** The typed command with its options so far, and the word to complete. */
interface Typed {
  command: Command;
  /** Values of options by their long names. */
  options: ReadonlyMap<string, readonly string[]>;
  operands: readonly string[];
  word: string;
}

/**
 * Prints the completions of the last of `words`, one on each line, with a tab and a description. Mistakes are ignored, and
 * no host is contacted. A program given as the inventory with -i is run.
 */
export async function complete(words: readonly string[], root: Command, io: Io): Promise<number> {
  let found: readonly Candidate[];
  try {
    found = await candidates(words, root, io);
  } catch {
    found = [];
  }
  const word = words.at(-1) ?? '';
  const lines = found
    .filter(each => each.word.startsWith(word) && !/[\p{Cc}\n]/u.test(each.word))
    .map(({ word: each, about }) => (about === undefined ? each : `${each}\t${about.replace(/\s+/g, ' ')}`));
  io.stdout.write([...new Set(lines)].map(line => `${line}\n`).join(''));
  return 0;
}

async function candidates(words: readonly string[], root: Command, io: Io): Promise<Candidate[]> {
  const [name, ...rest] = words;
  const command = root.commands.find(each => each.name() === name);
  if (rest.length === 0 || command === undefined) return words.length === 1 ? commandsOf(root) : [];
  const { option, prefix, ...typed } = read(command, rest);
  if (option !== undefined) {
    const value = typed.word.slice(prefix.length);
    return (await valuesOf(option, { ...typed, word: value }, io)).map(each => ({
      ...each,
      word: prefix + each.word,
    }));
  }
  if (typed.word.startsWith('-')) return command.options.flatMap(optionWords);
  const last = command.registeredArguments.at(-1);
  const argument = command.registeredArguments[typed.operands.length] ?? (last?.variadic ? last : undefined);
  if (argument === undefined) return [];
  if (argument.argChoices) return argument.argChoices.map(word => ({ word }));
  switch (argument.name()) {
    case 'playbook':
    case 'playbooks':
      return filesLike(typed.word, /\.(ya?ml|json)$/);
    case 'file':
      return filesLike(typed.word, /^/);
    case 'folder':
      return filesLike(typed.word, /(?!)/);
    case 'page': {
      const { pageTitles } = await import('./docs.ts');
      return pageTitles().map(([word, about]) => ({ word, about }));
    }
    case 'pattern':
      return hostsFor(typed);
    case 'code':
      return Object.entries(explanations).map(([word, about]) => ({ word, about }));
    case 'name': {
      const { modules } = await import('../../modules/index.ts');
      return Object.values(modules).map(({ name: word, summary }) => ({ word, about: summary }));
    }
    default:
      return [];
  }
}

function commandsOf(root: Command): Candidate[] {
  return root
    .createHelp()
    .visibleCommands(root)
    .map(command => ({ word: command.name(), about: command.description() }));
}

function optionWords({ short, long, description }: Option): Candidate[] {
  return [long, short].filter(flag => flag !== undefined).map(word => ({ word, about: description }));
}

/** Splits the words as commander does. `option` is the option whose value is being typed, behind `prefix`. */
function read(command: Command, words: readonly string[]): Typed & { option?: Option; prefix: string } {
  const options = new Map<string, string[]>();
  const operands: string[] = [];
  const named = (flag: string) => command.options.find(({ short, long }) => flag === short || flag === long);
  const note = (option: Option, value: string) =>
    options.set(option.long!, [...(options.get(option.long!) ?? []), value]);
  const before = words.slice(0, -1);
  const word = words.at(-1)!;
  let waiting: Option | undefined;
  for (const each of before) {
    const [flag, value] = each.startsWith('--') ? each.split(/=(.*)/s) : [each];
    const option = waiting ?? named(flag!);
    if (waiting !== undefined) note(waiting, each);
    else if (option !== undefined && value !== undefined) note(option, value);
    else if (option === undefined && !each.startsWith('-')) operands.push(each);
    waiting = waiting === undefined && option?.required && value === undefined ? option : undefined;
  }
  const typed = { command, options, operands, word };
  if (waiting !== undefined) return { ...typed, option: waiting, prefix: '' };
  const [, flag] = /^(--[\w-]+)=/.exec(word) ?? [];
  const option = flag === undefined ? undefined : named(flag);
  return { ...typed, ...(option && { option }), prefix: option ? `${flag}=` : '' };
}

async function valuesOf(option: Option, typed: Typed, io: Io): Promise<Candidate[]> {
  if (option.argChoices) return option.argChoices.map(word => ({ word }));
  switch (option.long) {
    case '--limit':
      return hostsFor(typed);
    case '--tags':
    case '--skip-tags':
      return listed(typed.word, /,/g, await tagsOf(typed.operands));
    case '--explain':
      return namesFor(typed);
    case '--var': {
      const file = typed.word.startsWith('@');
      return file ? filesLike(typed.word.slice(1), /^/).map(({ word }) => ({ word: `@${word}` })) : [];
    }
    case '--inventory':
    case '--output':
    case '--report':
    case '--junit':
    case '--recipient':
      return filesLike(typed.word, /^/, io.env['HOME']);
    default:
      return [];
  }
}

/** Returns the files and folders that begin with `typed`. A folder ends in `/`. Hidden ones need a typed dot. */
function filesLike(typed: string, wanted: RegExp, home = process.env['HOME']): Candidate[] {
  const folder = typed.slice(0, typed.lastIndexOf('/') + 1);
  const path = folder.startsWith('~/') && home !== undefined ? join(home, folder.slice(2)) : folder;
  const entries = readdirSync(resolve(path || '.'), { withFileTypes: true });
  return entries
    .filter(({ name }) => !name.startsWith('.') || basename(typed).startsWith('.'))
    .filter(entry => !entry.isFile() || wanted.test(entry.name))
    .map(entry => ({ word: `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}` }))
    .toSorted((a, b) => a.word.localeCompare(b.word));
}

/** Returns the candidates, each behind the text up to the last separator. */
function listed(typed: string, separator: RegExp, all: readonly Candidate[]): Candidate[] {
  const last = [...typed.matchAll(separator)].at(-1);
  const before = last === undefined ? '' : typed.slice(0, last.index + last[0].length);
  const taken = before.split(separator);
  return all.filter(({ word }) => !taken.includes(word)).map(each => ({ ...each, word: before + each.word }));
}

async function inventoryFor({ options, operands, command }: Typed) {
  const { loadInventory } = await import('../inventory/read-inventory.ts');
  const takesPlaybook = command.registeredArguments[0]?.name().startsWith('playbook');
  return loadInventory({
    ...(options.has('--inventory') && { inventory: options.get('--inventory')! }),
    ...(takesPlaybook && operands[0] !== undefined && { beside: operands[0] }),
  });
}

/** Returns groups and hosts, also within a pattern such as `web:!w`. */
async function hostsFor(typed: Typed): Promise<Candidate[]> {
  const inventory = await inventoryFor(typed);
  const groups = [...inventory.groups].map(([word, hosts]) => ({ word, about: hosts.join(', ') }));
  const hosts = [...inventory.hosts.values()].map(({ name, address }) => ({
    word: name,
    ...(address !== name && { about: address }),
  }));
  return listed(typed.word, /[,:][!&]?/g, [...groups, ...hosts]);
}

/** Returns the hosts and their variables. */
async function namesFor(typed: Typed): Promise<Candidate[]> {
  const inventory = await inventoryFor(typed);
  const hosts = [...inventory.hosts.keys()];
  const variables = hosts.flatMap(host => inventory.variablesOf(host).map(({ name }) => name));
  return [...new Set([...hosts, ...variables])].map(word => ({ word }));
}

/** Returns the tags in the text of a playbook and its components. The rest of the text may be invalid. */
async function tagsOf(files: readonly string[], seen = new Set<string>()): Promise<Candidate[]> {
  const [{ parseYaml }, { readText }] = await Promise.all([
    import('../yaml/document.ts'),
    import('../yaml/source-files.ts'),
  ]);
  const tags = new Set<string>();
  const look = (value: unknown, file: string): void => {
    if (Array.isArray(value)) for (const each of value) look(each, file);
    if (!isMap(value)) return;
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'tags' && Array.isArray(inner)) for (const tag of inner) tags.add(String(tag));
      else if (key === 'include' && typeof inner === 'string') open(resolve(dirname(file), inner));
      else if (key === 'plays' || key === 'resources' || key === 'checks') look(inner, file);
    }
  };
  const open = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    try {
      look(parseYaml(readText(file, file), file).data, file);
    } catch {
      // An unreadable file has no tags.
    }
  };
  for (const file of files) open(resolve(file));
  return [...tags].toSorted().map(word => ({ word }));
}
