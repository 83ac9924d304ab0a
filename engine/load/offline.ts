import { grouped } from '../grouped.ts';
import type { Host } from '../host.ts';
import type { Resource } from '../resource.ts';
import { Locked, Unknown } from '../value.ts';
import { Alike } from './alike.ts';
import type { Node, Template } from './expression/index.ts';
import { contentTemplate, referencesIn, type Texts } from './facts-used.ts';
import type { HostProblems } from './host-problems.ts';
import { checkOverlaps, checkReferred, reactionsOf } from './names.ts';
import { checkTogether, Entry, partsOf, Share } from './overlaps.ts';
import type { PlayText } from './playbook.ts';
import { Problems } from './problems.ts';
import { Reach } from './reach.ts';
import { checkReferences, seen } from './references.ts';
import {
  type Around,
  aroundPlay,
  becomeOfPlay,
  type Resolved,
  type Resolving,
  register,
  resolveEntry,
} from './resolve.ts';
import { type EntryText, isInclude } from './resource-text.ts';
import { runtime, type Surroundings, scopeOf } from './scope.ts';
import { referencesOf } from './tree.ts';
import type { VariableScope } from './variables.ts';

/** What the names in a play lead to, by way of the variables of all hosts and of what its resources register. */
export function reachOf(play: PlayText, { inventory, variables }: Surroundings, texts: Texts): Reach {
  const levels = new Set([
    ...variables,
    ...[...inventory.hosts.keys()].flatMap(name => inventory.variablesOf(name)),
  ]);
  return new Reach([
    ...[...levels].map(({ name, tree }) => [name, referencesOf(tree)] as const),
    ...play.resources.flatMap(entry =>
      isInclude(entry) || entry.register === undefined
        ? []
        : [[entry.register.name, referencesIn(entry, texts)] as const],
    ),
  ]);
}

/**
 * Tries a play for all of its hosts before any is contacted. What is wrong goes to `found`. An entry is resolved once
 * for all hosts that have the same under every name that it reaches, and what its resources share is shown by the
 * result: what each entry comes to on which hosts.
 */
export function resolveOffline(
  play: PlayText,
  hosts: readonly Host[],
  surroundings: Surroundings,
  reach: Reach,
  options: Omit<Resolving, 'host' | 'registered' | 'offline'>,
  found: HostProblems,
): Entry[] {
  const alike = new Alike(hosts, surroundings);
  const known = new Map<Host, { around: Around; resolving: Resolving }>();
  const of = (host: Host) => {
    let own = known.get(host);
    if (own === undefined) {
      const around = aroundPlay(scopeOf(host, undefined, surroundings), undefined);
      known.set(host, (own = { around, resolving: { ...options, host, registered: {}, offline: true } }));
    }
    return own;
  };
  const become = play.become === undefined ? [] : referencesOf(play.become);
  for (const part of alike.partsBy(reach.of(become))) {
    const problems = new Problems();
    problems.attempt(() => becomeOfPlay(play, of(part[0]!).around.scope));
    found.add(problems.all(), part);
  }
  const entries = play.resources.map((text): Entry => {
    const shares = sharesOf(text, { alike, reach, texts: options, of, found });
    if (!isInclude(text) && text.register !== undefined)
      for (const { hosts, resources } of shares)
        for (const host of hosts) register(text, resources, of(host).around, of(host).resolving);
    return new Entry(shares);
  });
  const overlaps = (all: readonly Pick<Share, 'resources'>[], problems: Problems) =>
    checkOverlaps(
      all.flatMap(({ resources }) => resources),
      problems,
    );
  checkTogether(entries, hosts, overlaps, found);
  checkAllReferred(play, hosts, entries, found);
  return entries;
}

/** What the entries of a play are resolved with. */
interface Sharing {
  alike: Alike;
  reach: Reach;
  texts: Texts;
  of(host: Host): { around: Around; resolving: Resolving };
  found: HostProblems;
}

/** What an entry comes to; resolved once for hosts that differ in nothing but in the text that its resource writes. */
function sharesOf(text: EntryText, { alike, reach, texts, of, found }: Sharing): Share[] {
  const resolve = ([first]: readonly Host[], problems: Problems) => {
    const { around, resolving } = of(first!);
    return resolveEntry(text, around, resolving, problems);
  };
  const shareOf = (part: readonly Host[]): Share => {
    const problems = new Problems();
    const resources = resolve(part, problems);
    found.add(problems.all(), part);
    return new Share(part, () => resources);
  };
  const references = referencesIn(text, texts);
  const parts = alike.partsBy(reach.of(references));
  const content = isInclude(text) || text.loop !== undefined ? undefined : contentTemplate(text, texts);
  if (content === undefined) return parts.map(shareOf);
  const written = new Set<unknown>(content.references);
  const kindOf = ([first]: readonly Host[]) => kindOfText(content, of(first!).around.scope);
  return alike.partsBy(reach.of(references.filter(each => !written.has(each)))).flatMap(wide => {
    const within = new Set(wide);
    const [first, ...others] = parts.filter(part => within.has(part[0]!)) as [Host[], ...Host[][]];
    const share = shareOf(first);
    if (others.length === 0 || share.resources.length !== 1) return [share, ...others.map(shareOf)];
    const kind = kindOf(first);
    const parted = grouped(others, part => kind !== undefined && kindOf(part) === kind);
    const [same = [], differing = []] = [parted.get(true), parted.get(false)];
    const apart = [share, ...same.map(part => new Share(part, () => resolve(part, new Problems())))];
    const hosts = apart.flatMap(each => each.hosts);
    return [new Share(hosts, () => share.resources, apart), ...differing.map(shareOf)];
  });
}

/** What a template comes to, when it is nothing but a text that a file can have, or one that is not known yet. */
function kindOfText(template: Template, scope: VariableScope): 'text' | 'unknown' | undefined {
  if (onlyNames(template) && template.references.every(each => isScalar(seen(each, scope)))) return 'text';
  const problems = new Problems();
  const value = problems.attempt(() => template.evaluate(scope, runtime));
  if (typeof value === 'string') return 'text';
  if (!(value instanceof Unknown) || value instanceof Locked) return undefined;
  problems.attempt(() => checkReferences(template.references, scope));
  return problems.size === 0 ? 'unknown' : undefined;
}

/** Whether a text is put together from values that nothing is done to: then it is one, whatever they are. */
function onlyNames({ body }: Template): boolean {
  const outputs = body.filter(part => part.kind !== 'text');
  // One alone keeps its type.
  return outputs.length > 1 && outputs.every(part => part.kind === 'output' && isName(part.value));
}

function isName(node: Node): boolean {
  return node.kind === 'name' || (node.kind === 'attribute' && isName(node.of));
}

const isScalar = (value: unknown) => ['string', 'number', 'boolean'].includes(typeof value);

/** Looks for what is referred to, host by host where it is not seen at once to be there, before, and on the same host. */
function checkAllReferred(
  play: PlayText,
  hosts: readonly Host[],
  entries: readonly Entry[],
  found: HostProblems,
): void {
  const everywhere = new Set(entries.flatMap(namesEverywhere));
  const last = new Map<string, number>();
  const delegated = new Set<string>();
  for (const [number, { shares }] of entries.entries())
    for (const { resources } of shares)
      for (const { resource } of resources)
        for (const name of namesOf(resource)) {
          last.set(name, number);
          if (resource.on !== undefined) delegated.add(name);
        }
  const meantBy = (names: readonly string[]) => names.find(name => last.has(name)) ?? '';
  const isSound = (resolved: Resolved, { resources }: Share, number: number) => {
    if (resolved.needs.length === 0 && resolved.resource.module.reacts === undefined) return true;
    const isBefore = (name: string) =>
      last.get(name) === number
        ? resources.findLastIndex(({ resource }) => namesOf(resource).includes(name)) <
          resources.indexOf(resolved)
        : last.get(name)! < number;
    const isHere = (name: string) => resolved.resource.on === undefined && !delegated.has(name);
    const { needed, answered } = referredBy(resolved);
    return (
      needed.map(meantBy).every(name => everywhere.has(name) && isBefore(name)) &&
      answered.map(meantBy).every(name => everywhere.has(name) && isHere(name))
    );
  };
  const isDoubtful = entries.some(({ shares }, number) =>
    shares.some(share => !share.resources.every(resolved => isSound(resolved, share, number))),
  );
  if (!isDoubtful) return;
  const links = ({ resources }: Share) =>
    JSON.stringify(
      resources.map(each => [
        namesOf(each.resource),
        referredBy(each),
        each.resource.when,
        each.resource.on?.name,
      ]),
    );
  for (const part of partsOf(entries, hosts, links)) {
    const problems = new Problems();
    const all = entries.flatMap(entry => entry.of(part[0]!)?.resources ?? []);
    checkReferred(play, all, problems);
    found.add(problems.all(), part);
  }
}

/** Names that an entry gives on all of its hosts. */
function namesEverywhere({ shares }: Entry): string[] {
  const [first, ...others] = shares.map(
    ({ resources }) => new Set(resources.flatMap(({ resource }) => namesOf(resource))),
  );
  return [...(first ?? [])].filter(name => others.every(names => names.has(name)));
}

const namesOf = ({ name, groups }: Resource): readonly string[] => [name, ...groups];

/** What a resource refers to, each by the names that it may have, innermost first. */
function referredBy({ resource, needs }: Resolved): Record<'needed' | 'answered', string[][]> {
  const reactions = resource.when === false ? [] : reactionsOf(resource);
  const names = (name: string, within: readonly string[]) => [
    ...within.map(label => `${label} / ${name}`),
    name,
  ];
  return {
    needed: needs.map(({ name, within }) => names(name, within)),
    answered: reactions.flatMap(({ to }) => to.map(name => names(name, resource.within))),
  };
}
