import { dirname } from 'node:path';
import { isTemplate } from '../expression/expression.ts';
import { readVariableOption, readVariablesFile, type Variable } from '../expression/variables.ts';
import type { Host } from '../host.ts';
import { hostsOf, selectHosts } from '../inventory/host-patterns.ts';
import type { Inventory } from '../inventory/inventory-model.ts';
import { readInventory } from '../inventory/read-inventory.ts';
import { Components } from '../playbook/component.ts';
import { resourcesIn } from '../playbook/entry-text.ts';
import { type PlayText, readPlays } from '../playbook/play-text.ts';
import { type Selection, tagSelection } from '../playbook/tags.ts';
import { type Problem, ProblemError, placeKey } from '../problem.ts';
import { Templates } from '../resolve/arguments.ts';
import type { Facts } from '../resolve/fact-names.ts';
import { FactsOfOtherHosts } from '../resolve/facts-of-other-hosts.ts';
import type { RegisteredOutcomes } from '../resolve/resolving.ts';
import { type Surroundings, scopeOf } from '../resolve/scope.ts';
import type { Modules } from '../schema/known-keys.ts';
import { readSecrets, type SecretReading } from '../secrets/read-secrets.ts';
import type { SecretSink } from '../secrets/redaction.ts';
import type { Unlocked } from '../secrets/unlock.ts';
import { Vault } from '../secrets/vaulted-values.ts';
import { Problems } from '../util/problem-collector.ts';
import { secretsIn, Unknown, unopenedSecretIn } from '../value.ts';
import { playbookDoc } from '../yaml/playbook-document.ts';
import { PlaybookFiles, shownPath } from '../yaml/source-files.ts';
import { comparing, disagreementsAcross } from './conflicts-across-plays.ts';
import { factsUsed } from './facts-used.ts';
import { HostProblems } from './host-problems.ts';
import { kindsOf, lint, type Source, subjectOf } from './lint/lint.ts';
import { reachOf, resolveOffline } from './offline.ts';
import type { Play, Playbook } from './play.ts';
import { resolvePlay } from './resolve-play.ts';
import type { ResolvedEntry } from './shared-resources.ts';
import { problemsInBranches } from './unreached-branches.ts';

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

/** Reads a playbook and all that it refers to. Throws a ProblemError with everything that is wrong with them. */
export function loadPlaybook(file: string, options: LoadOptions): Playbook {
  const problems = new Problems();
  const doc = problems.attempt(() => playbookDoc(file));
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
    texts.flatMap(({ resources }) => resourcesIn(resources).map(({ tags }) => tags)),
    problems,
  );
  const earlier: ResolvedEntry[] = [];
  const made = texts.map(text => {
    const one = makePlay(
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
        earlier: [...earlier],
        reading: {
          folder: dirname(file),
          unlocked: options.unlocked ?? new Map(),
          vaultPassword: options.vaultPassword,
        },
      },
      problems,
    );
    earlier.push(...one.entries);
    return one;
  });
  const plays = comparing(made.map(({ play }) => play));
  if (problems.size === 0 && plays.length > 1) problems.add(...disagreementsAcross(made, selects));
  if (limit !== undefined && plays.length > 0 && plays.every(({ hosts }) => hosts.length === 0)) {
    const hint = 'The hosts: of its plays say which it is for.';
    problems.report('usage', `--limit ${options.limit} leaves no host of this playbook.`, undefined, hint);
  }
  problems.done();
  const name = (doc?.get(['name']) as string | undefined) ?? plays[0]?.name ?? file;
  const warnings = () => lint(plays.flatMap(play => play.subjects()));
  return { file: shownPath(file), name, plays, inventory, warnings };
}

interface Setting {
  file: string;
  inventory: Inventory;
  /** False when something in it is wrong, so that hosts may only seem to be missing. */
  inventorySound: boolean;
  extra: readonly Variable[];
  limit: readonly string[] | undefined;
  selects: Selection;
  earlier: readonly ResolvedEntry[];
  secrets: SecretSink | undefined;
  secretsMissing: LoadOptions['secretsMissing'];
  reading: SecretReading;
}

/** A play, and what its entries come to on all of its hosts without facts. */
function makePlay(
  text: PlayText,
  setting: Setting,
  problems: Problems,
): { play: Play; entries: readonly ResolvedEntry[] } {
  const files = new PlaybookFiles(setting.file);
  const templates = new Templates(files);
  const fromFiles = text.varsFiles.flatMap(({ name, at }) =>
    readVariablesFile(files.beside(name), shownPath(files.beside(name)), at, problems),
  );
  const secrets = secretsOf(text, setting, problems);
  for (const { text: clear, label } of secretsIn(secrets)) setting.secrets?.add(clear, label);
  const { inventory, selects, secrets: sink, earlier } = setting;
  const otherFacts = new FactsOfOtherHosts();
  const surroundings: Surroundings = {
    inventory,
    variables: [...fromFiles, ...text.vars, ...setting.extra],
    secrets,
    otherFacts,
  };
  const common = { files, templates, inventory, otherFacts, selects, earlier, secrets: sink };
  const resolve = (host: Host, facts?: Facts, registered: RegisteredOutcomes = {}) =>
    resolvePlay(text, scopeOf(host, facts, surroundings), {
      ...common,
      host,
      registered,
      offline: facts === undefined,
    });
  const all = hostsOfPlay(text, inventory, setting.inventorySound ? problems : new Problems());
  const reach = reachOf(text, surroundings, common);
  const found = new HostProblems();
  const entries = resolveOffline(text, all, surroundings, reach, common, found);
  const met = found.of(all);
  problems.add(...met);
  if (setting.inventorySound) {
    const told = new Set(met.map(({ at }) => at && placeKey(at)));
    const more = problemsInBranches(text, surroundings, files, templates);
    problems.add(...more.filter(({ at }) => !told.has(at && placeKey(at))));
  }
  const play: Play = {
    name: text.name,
    at: text.at,
    hosts: all.filter(({ name }) => setting.limit === undefined || setting.limit.includes(name)),
    factsUsed: factsUsed(text, reach, common),
    otherFacts,
    onFailedCheck: text.onFailedCheck,
    resolve: (host, facts, registered) => {
      otherFacts.begin();
      try {
        return resolve(host, facts, registered);
      } catch (thrown) {
        if (!(thrown instanceof ProblemError)) throw thrown;
        throw new ProblemError(...thrown.problems.map(problem => ({ ...problem, host: host.name })));
      }
    },
    subjects: () => {
      const written = [...fromFiles, ...text.vars];
      const shownFiles = [text.doc.file, ...text.varsFiles.map(({ name }) => shownPath(files.beside(name)))];
      const made: Source['made'] = new Map();
      return kindsOf(all).map(([host, count]) => {
        const resources = entries.flatMap(entry => entry.on(host));
        const variables = [...inventory.variablesOf(host.name), ...written];
        const source = { entries: text.resources, variables, files, templates, shownFiles, made };
        return subjectOf(source, resources, count);
      });
    },
  };
  return { play, entries };
}

/** The secrets of a play. What a file or program that is not there would give is not known, and nothing else is then. */
function secretsOf(text: PlayText, setting: Setting, problems: Problems): Surroundings['secrets'] {
  const all = text.secrets.map(source => {
    const read = new Problems();
    const values = readSecrets(source, setting.reading, read);
    const locked = unopenedSecretIn(values);
    const [absent] = read.all();
    if (locked !== undefined) {
      if (setting.secretsMissing) setting.secretsMissing(locked.from, locked.problem);
      else read.add({ ...locked.problem, at: source.at });
    } else if (values instanceof Unknown && setting.secretsMissing) {
      setting.secretsMissing(values.from, absent!);
      return values;
    }
    problems.add(...read.all());
    return read.size > 0 && locked === undefined ? new Unknown('secrets') : values;
  });
  // An assignment would make a secret that is called __proto__ the prototype.
  return all.find(values => values instanceof Unknown) ?? Object.fromEntries(all.flatMap(Object.entries));
}

function hostsOfPlay(text: PlayText, inventory: Inventory, problems: Problems): Host[] {
  const found = text.hosts
    .filter(({ pattern }) => !isTemplate(pattern))
    .flatMap(({ pattern, where }) => problems.attempt(() => hostsOf(pattern, inventory, where)) ?? []);
  return [...new Map(found.map(host => [host.name, host])).values()];
}
