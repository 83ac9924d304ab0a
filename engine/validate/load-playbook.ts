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
import { FactUses, watchedFacts } from '../resolve/changing-facts.ts';
import { FactsOfOtherHosts } from '../resolve/facts-of-other-hosts.ts';
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
import type { ReachableNames } from './reachable-names.ts';
import { type ResolvingPlay, resolvePlay } from './resolve-play.ts';
import type { ResolvedEntry } from './shared-resources.ts';
import { problemsInBranches } from './unreached-branches.ts';

/** The options of the command line for loading a playbook. */
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
  /** The opened files of secrets, from `unlock`. Every other file of secrets must be a plain one. */
  unlocked?: Unlocked;
  /** The password for values that Ansible Vault encrypted, in the inventory and in files of secrets. */
  vaultPassword?: string | undefined;
  /**
   * Called for missing and unopened secrets. With this function they are unknown values, and no problem of the
   * playbook.
   */
  secretsMissing?: (from: string, problem: Problem) => void;
}

/** Reads a playbook and all files that it refers to. Throws a ProblemError with all mistakes. */
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
    const hint = 'The key hosts of each play lists its hosts.';
    problems.report('usage', `--limit ${options.limit} leaves no host of this playbook.`, undefined, hint);
  }
  problems.done();
  const name = (doc?.get(['name']) as string | undefined) ?? plays[0]?.name ?? file;
  const warnings = () => lint(plays.flatMap(play => play.subjects()));
  const stopsAtFailure = doc?.get(['any_failure']) === 'stop';
  return { file: shownPath(file), name, plays, inventory, stopsAtFailure, warnings };
}

interface Setting {
  file: string;
  inventory: Inventory;
  /** False after a mistake in the inventory: then hosts may only seem to be missing. */
  inventorySound: boolean;
  extra: readonly Variable[];
  limit: readonly string[] | undefined;
  selects: Selection;
  earlier: readonly ResolvedEntry[];
  secrets: SecretSink | undefined;
  secretsMissing: LoadOptions['secretsMissing'];
  reading: SecretReading;
}

/** A play as text, with the input for resolving it. */
interface PlayInput {
  text: PlayText;
  /** The variables of the play and of its files, without those of the command line. */
  written: readonly Variable[];
  surroundings: Surroundings;
  options: Omit<ResolvingPlay, 'host' | 'registered' | 'offline'>;
}

/** Returns a play, and its entries resolved for all of its hosts without facts. */
function makePlay(
  text: PlayText,
  setting: Setting,
  problems: Problems,
): { play: Play; entries: readonly ResolvedEntry[] } {
  const input = inputOf(text, setting, problems);
  const hosts = hostsOfPlay(text, setting.inventory, setting.inventorySound ? problems : new Problems());
  const reach = reachOf(text, input.surroundings, input.options);
  const entries = checkOffline(input, hosts, reach, setting.inventorySound, problems);
  return { play: playOf(input, hosts, reach, entries, setting.limit), entries };
}

/** Reads the files of variables and the secrets of a play. */
function inputOf(text: PlayText, setting: Setting, problems: Problems): PlayInput {
  const files = new PlaybookFiles(setting.file);
  const fromFiles = text.varsFiles.flatMap(({ name, at }) =>
    readVariablesFile(files.beside(name), shownPath(files.beside(name)), at, problems),
  );
  const written = [...fromFiles, ...text.vars];
  const secrets = secretsOf(text, setting, problems);
  for (const { text: clear, label } of secretsIn(secrets)) setting.secrets?.add(clear, label);
  const { inventory, selects, secrets: sink, earlier } = setting;
  const otherFacts = new FactsOfOtherHosts();
  return {
    text,
    written,
    surroundings: { inventory, variables: [...written, ...setting.extra], secrets, otherFacts },
    options: {
      files,
      templates: new Templates(files),
      inventory,
      otherFacts,
      selects,
      earlier,
      secrets: sink,
    },
  };
}

/** Resolves the entries of a play for all of its hosts without facts. Mistakes go to `problems`. */
function checkOffline(
  { text, surroundings, options }: PlayInput,
  hosts: readonly Host[],
  reach: ReachableNames,
  inventorySound: boolean,
  problems: Problems,
): readonly ResolvedEntry[] {
  const found = new HostProblems();
  const entries = resolveOffline(text, hosts, surroundings, reach, options, found);
  const met = found.of(hosts);
  problems.add(...met);
  if (inventorySound) {
    const reported = new Set(met.map(({ at }) => at && placeKey(at)));
    const more = problemsInBranches(text, surroundings, options.files, options.templates);
    problems.add(...more.filter(({ at }) => !reported.has(at && placeKey(at))));
  }
  return entries;
}

function playOf(
  { text, written, surroundings, options }: PlayInput,
  hosts: readonly Host[],
  reach: ReachableNames,
  entries: readonly ResolvedEntry[],
  limit: Setting['limit'],
): Play {
  const { files, templates, inventory, otherFacts } = options;
  return {
    name: text.name,
    at: text.at,
    hosts: hosts.filter(({ name }) => limit === undefined || limit.includes(name)),
    pattern: text.hosts.map(({ pattern }) => pattern).join(', '),
    factsUsed: factsUsed(text, reach, options),
    otherFacts,
    onFailedCheck: text.onFailedCheck,
    ...(text.rollout && { rollout: text.rollout }),
    resolve: (host, facts, registered = {}) => {
      otherFacts.begin();
      try {
        const factUses = facts && new FactUses();
        const watched = facts && watchedFacts(facts, factUses!.note);
        const scope = scopeOf(host, watched, surroundings);
        const offline = facts === undefined;
        const isChecked = offline && Object.keys(registered).length === 0;
        return resolvePlay(text, scope, { ...options, host, registered, factUses, offline, isChecked });
      } catch (thrown) {
        if (!(thrown instanceof ProblemError)) throw thrown;
        throw new ProblemError(...thrown.problems.map(problem => ({ ...problem, host: host.name })));
      }
    },
    subjects: () => {
      const shownFiles = [text.doc.file, ...text.varsFiles.map(({ name }) => shownPath(files.beside(name)))];
      const made: Source['made'] = new Map();
      const at = text.secrets[0]?.at;
      const shortSecrets = secretsIn(surroundings.secrets).flatMap(({ text: { length }, label }) =>
        at !== undefined && (length === 1 || length === 2) ? [{ label, at }] : [],
      );
      return kindsOf(hosts).map(([host, count]) => {
        const resources = entries.flatMap(entry => entry.on(host));
        const variables = [...inventory.variablesOf(host.name), ...written];
        const source = {
          entries: text.resources,
          variables,
          shortSecrets,
          files,
          templates,
          shownFiles,
          together: text.rollout === undefined && hosts.length > 1,
          made,
        };
        return subjectOf(source, resources, count);
      });
    },
  };
}

/** Returns the secrets of a play. If a file or program of secrets is missing, all secrets are unknown. */
function secretsOf(text: PlayText, setting: Setting, problems: Problems): Surroundings['secrets'] {
  const all = text.secrets.map(source => {
    const read = new Problems();
    const values = readSecrets(source, setting.reading, read);
    const unopened = unopenedSecretIn(values);
    const [absent] = read.all();
    if (unopened !== undefined) {
      if (setting.secretsMissing) setting.secretsMissing(unopened.from, unopened.problem);
      else read.add({ ...unopened.problem, at: source.at });
    } else if (values instanceof Unknown && setting.secretsMissing) {
      setting.secretsMissing(values.from, absent!);
      return values;
    }
    problems.add(...read.all());
    return read.size > 0 && unopened === undefined ? new Unknown('secrets') : values;
  });
  // An assignment would make a secret with the name __proto__ the prototype.
  return all.find(values => values instanceof Unknown) ?? Object.fromEntries(all.flatMap(Object.entries));
}

function hostsOfPlay(text: PlayText, inventory: Inventory, problems: Problems): Host[] {
  const found = text.hosts
    .filter(({ pattern }) => !isTemplate(pattern))
    .flatMap(({ pattern, where }) => problems.attempt(() => hostsOf(pattern, inventory, where)) ?? []);
  return [...new Map(found.map(host => [host.name, host])).values()];
}
