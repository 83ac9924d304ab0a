import { dirname } from 'node:path';
import type { Host } from '../host.ts';
import { type Place, type Problem, ProblemError, problemsOf } from '../problem.ts';
import type { Resource } from '../resource.ts';
import { lockedIn, secretsIn, Unknown } from '../value.ts';
import { Templates } from './arguments.ts';
import { disagreements } from './claims.ts';
import { Components } from './component.ts';
import { isTemplate } from './expression/index.ts';
import type { FactName, Facts } from './facts.ts';
import { factsUsed } from './facts-used.ts';
import { PlaybookFiles, readText, shownPath } from './files.ts';
import type { Inventory } from './inventory/model.ts';
import { readInventory } from './inventory/read.ts';
import type { Modules } from './keys.ts';
import { parseYaml } from './parse.ts';
import { hostsOf, selectHosts } from './patterns.ts';
import { type PlayText, readPlays } from './playbook.ts';
import { Problems } from './problems.ts';
import { type Registered, resolvePlay, type SecretSink } from './resolve.ts';
import { resourcesIn } from './resource-text.ts';
import { type Surroundings, scopeOf } from './scope.ts';
import { readSecrets, type SecretReading } from './secrets/read.ts';
import type { Unlocked } from './secrets/unlock.ts';
import { type Selection, tagSelection } from './tags.ts';
import { readVariableOption, readVariablesFile, type Variable } from './variables.ts';
import { Vault } from './vaulted.ts';

export { type FactName, type Facts, factNames } from './facts.ts';
export type { Inventory } from './inventory/model.ts';
export { inventorySources, isInventory, loadInventory } from './inventory/read.ts';
export { hostsOf, selectHosts } from './patterns.ts';
export type { Registered, SecretSink } from './resolve.ts';
export { sourceOf } from './tree.ts';

/** What a playbook is loaded with, as given on the command line. */
export interface LoadOptions {
  modules: Modules;
  /** Files, or lists such as `web1,web2`; the inventory.yml beside the playbook when left out. */
  inventory?: readonly string[];
  /** A pattern: only these hosts. */
  limit?: string;
  /** `NAME=VALUE` or `@FILE`. */
  vars?: readonly string[];
  tags?: readonly string[];
  skipTags?: readonly string[];
  secrets?: SecretSink;
  /** What `unlock` came to; files of secrets that are not in it must be plain ones. */
  unlocked?: Unlocked;
  /** Opens what Ansible Vault encrypted in the inventory and in files of secrets. */
  vaultPassword?: string | undefined;
  /**
   * Told of secrets that are not there or cannot be opened, which is then no problem of the playbook: they are not
   * known.
   */
  secretsMissing?: (from: string, problem: Problem) => void;
}

/** A playbook that was checked as far as that is possible without contacting a host. */
export interface Playbook {
  file: string;
  name: string;
  plays: readonly Play[];
  inventory: Inventory;
}

/** One play of a playbook, with the hosts that it is for. */
export interface Play {
  name: string;
  at: Place;
  hosts: readonly Host[];
  /** The facts that its expressions use. */
  factsUsed: ReadonlySet<FactName>;
  /** What a failure on a host does to the changes that the play made there. */
  onFailedCheck: 'stop' | 'revert';
  /**
   * The resources for one host. What depends on facts is unknown without them, and what depends on an outcome that
   * is not in `registered` is unknown, too. Throws a ProblemError, whose problems name the host.
   */
  resolve(host: Host, facts?: Facts, registered?: Registered): Resource[];
}

/** Reads a playbook and all that it refers to. Throws a ProblemError with everything that is wrong with them. */
export function loadPlaybook(file: string, options: LoadOptions): Playbook {
  const problems = new Problems();
  const doc = problems.attempt(() => parseYaml(readText(file, shownPath(file)), shownPath(file)));
  const before = problems.size;
  const inventory = readInventory(options.inventory ?? [], file, problems, {
    vault: new Vault(options.vaultPassword, options.secretsMissing),
    secrets: options.secrets,
  });
  const inventorySound = problems.size === before;
  const extra = (options.vars ?? []).flatMap(option => readVariableOption(option, problems));
  const limit =
    options.limit === undefined || !inventorySound
      ? undefined
      : problems.attempt(() => selectHosts(options.limit!, inventory));
  const reading = { modules: options.modules, components: new Components(options.modules) };
  const texts = doc === undefined ? [] : readPlays(doc, reading, problems);
  const selects = tagSelection(
    options,
    texts.flatMap(({ resources }) => resourcesIn(resources).flatMap(({ tags }) => tags)),
    problems,
  );
  const plays = texts.map(text =>
    makePlay(
      text,
      {
        file,
        inventory,
        inventorySound,
        extra,
        limit,
        selects,
        secrets: options.secrets,
        secretsMissing: options.secretsMissing,
        reading: {
          folder: dirname(file),
          unlocked: options.unlocked ?? new Map(),
          vaultPassword: options.vaultPassword,
        },
      },
      problems,
    ),
  );
  if (problems.size === 0 && plays.length > 1) problems.add(...disagreementsAcross(plays, inventory));
  if (limit !== undefined && plays.length > 0 && plays.every(({ hosts }) => hosts.length === 0)) {
    problems.report('usage', `--limit ${options.limit} leaves no host of this playbook.`);
  }
  problems.done();
  const name = (doc?.get(['name']) as string | undefined) ?? plays[0]?.name ?? file;
  return { file: shownPath(file), name, plays, inventory };
}

interface Setting {
  file: string;
  inventory: Inventory;
  /** False when something in it is wrong, so that hosts may only seem to be missing. */
  inventorySound: boolean;
  extra: readonly Variable[];
  limit: readonly string[] | undefined;
  selects: Selection;
  secrets: SecretSink | undefined;
  secretsMissing: LoadOptions['secretsMissing'];
  reading: SecretReading;
}

function makePlay(text: PlayText, setting: Setting, problems: Problems): Play {
  const files = new PlaybookFiles(setting.file);
  const templates = new Templates(files);
  const fromFiles = text.varsFiles.flatMap(({ name, at }) =>
    readVariablesFile(files.beside(name), shownPath(files.beside(name)), at, problems),
  );
  const secrets = secretsOf(text, setting, problems);
  for (const { text: clear, label } of secretsIn(secrets)) setting.secrets?.add(clear, label);
  const surroundings: Surroundings = {
    inventory: setting.inventory,
    variables: [...fromFiles, ...text.vars, ...setting.extra],
    secrets,
  };
  const resolve = (host: Host, facts?: Facts, registered: Registered = {}, offline = facts === undefined) =>
    resolvePlay(text, scopeOf(host, facts, surroundings), {
      host,
      registered,
      files,
      templates,
      offline,
      selects: setting.selects,
      secrets: setting.secrets,
    });
  const all = hostsOfPlay(text, setting.inventory, setting.inventorySound ? problems : new Problems());
  problems.add(...offlineProblems(all, setting.inventory, host => resolve(host)));
  return {
    name: text.name,
    at: text.at,
    hosts: all.filter(({ name }) => setting.limit === undefined || setting.limit.includes(name)),
    factsUsed: factsUsed(text, surroundings, files, templates),
    onFailedCheck: text.onFailedCheck,
    resolve: (host, facts, registered) => {
      try {
        return resolve(host, facts, registered);
      } catch (thrown) {
        if (!(thrown instanceof ProblemError)) throw thrown;
        throw new ProblemError(...thrown.problems.map(problem => ({ ...problem, host: host.name })));
      }
    },
  };
}

/** The secrets of a play. What a file or program that is not there would give is not known, and nothing else is then. */
function secretsOf(text: PlayText, setting: Setting, problems: Problems): Surroundings['secrets'] {
  const all = text.secrets.map(source => {
    const read = new Problems();
    const values = readSecrets(source, setting.reading, read);
    const locked = lockedIn(values);
    const [absent] = read.all();
    if (locked !== undefined) {
      if (setting.secretsMissing) setting.secretsMissing(locked.from, locked.problem);
      else read.add({ ...locked.problem, at: source.at });
    } else if (values instanceof Unknown && setting.secretsMissing) {
      setting.secretsMissing(values.from, absent!);
      return values;
    }
    problems.add(...read.all());
    return values;
  });
  return all.find(values => values instanceof Unknown) ?? Object.assign({}, ...all);
}

function hostsOfPlay(text: PlayText, inventory: Inventory, problems: Problems): Host[] {
  const found = text.hosts
    .filter(({ pattern }) => !isTemplate(pattern))
    .flatMap(({ pattern, where }) => problems.attempt(() => hostsOf(pattern, inventory, where)) ?? []);
  return [...new Map(found.map(host => [host.name, host])).values()];
}

function disagreementsAcross(plays: readonly Play[], inventory: Inventory): Problem[] {
  const hosts = [...new Map(plays.flatMap(play => play.hosts.map(host => [host.name, host]))).values()];
  return offlineProblems(hosts, inventory, host => {
    const own = plays.map(play =>
      play.hosts.some(({ name }) => name === host.name) ? play.resolve(host) : [],
    );
    const found = disagreements(own);
    if (found.length > 0) throw new ProblemError(...found);
  });
}

/**
 * What is wrong when the hosts are tried without facts. Hosts with the very same variables and groups are alike, so
 * that one of them is tried for all. A problem that all hosts have is told without their names.
 */
function offlineProblems(
  hosts: readonly Host[],
  inventory: Inventory,
  resolve: (host: Host) => unknown,
): Problem[] {
  const found = new Map<string, { problem: Problem; hosts: string[] }>();
  for (const alike of classesOf(hosts, inventory)) {
    for (const problem of attempt(() => resolve(alike[0]!))) {
      const key = JSON.stringify([problem.code, problem.at ?? problem.message]);
      const known = found.get(key) ?? { problem, hosts: [] };
      known.hosts.push(...alike.map(({ name }) => name));
      found.set(key, known);
    }
  }
  return [...found.values()].map(({ problem, hosts: of }) => {
    const names = of.length > 4 ? `${of.slice(0, 3).join(', ')} and ${of.length - 3} more` : of.join(', ');
    return of.length === hosts.length ? problem : { ...problem, host: names };
  });
}

function classesOf(hosts: readonly Host[], inventory: Inventory): Host[][] {
  const all = [...new Set(hosts.flatMap(({ name }) => inventory.variablesOf(name)))];
  const numbers = new Map(all.map((variable, number) => [variable, number]));
  const classes = new Map<string, Host[]>();
  for (const host of hosts) {
    const key = JSON.stringify([
      host.groups,
      inventory.variablesOf(host.name).map(variable => numbers.get(variable)),
    ]);
    classes.set(key, [...(classes.get(key) ?? []), host]);
  }
  return [...classes.values()];
}

function attempt(work: () => unknown): readonly Problem[] {
  try {
    work();
    return [];
  } catch (thrown) {
    if (thrown instanceof ProblemError) return problemsOf(thrown);
    throw thrown;
  }
}
