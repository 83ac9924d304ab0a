import { runtime } from '../expression/controller-values.ts';
import type { Node, Template } from '../expression/expression.ts';
import type { VariableScope } from '../expression/variables.ts';
import type { Host } from '../host.ts';
import { type EntryText, isInclude } from '../playbook/entry-text.ts';
import { checkReferences, seen } from '../resolve/required-names.ts';
import { resolveEntry } from '../resolve/resolve.ts';
import type { Around, Resolved, Resolving } from '../resolve/resolving.ts';
import { grouped } from '../util/grouped.ts';
import { Problems } from '../util/problem-collector.ts';
import { Unknown, UnopenedSecret } from '../value.ts';
import type { AlikeHosts } from './alike-hosts.ts';
import { contentTemplate, referencesIn, type Texts } from './facts-used.ts';
import type { HostProblems } from './host-problems.ts';
import type { ReachableNames } from './reachable-names.ts';

/** The resources of an entry of a play on alike hosts. */
export class ResolvedShare {
  readonly hosts: readonly Host[];
  /** The shares it consists of, if its resource writes another text on each of them. */
  readonly exactShares: readonly ResolvedShare[];
  readonly #resolve: () => readonly Resolved[];
  #resources: readonly Resolved[] | undefined;

  constructor(
    hosts: readonly Host[],
    resolve: () => readonly Resolved[],
    apart: readonly ResolvedShare[] = [],
  ) {
    this.hosts = hosts;
    this.exactShares = apart;
    this.#resolve = resolve;
  }

  /** The resources on the first of its hosts. */
  get resources(): readonly Resolved[] {
    this.#resources ??= this.#resolve();
    return this.#resources;
  }

  /** Returns the share with some of its resources, for some of its hosts. */
  restrictedTo(hosts: (host: Host) => boolean, resources: (resolved: Resolved) => boolean): ResolvedShare {
    return new ResolvedShare(
      this.hosts.filter(hosts),
      () => this.resources.filter(resources),
      this.exactShares.map(share => share.restrictedTo(hosts, resources)),
    );
  }
}

/** The resources of an entry of a play on each of its hosts. */
export class ResolvedEntry {
  readonly shares: readonly ResolvedShare[];
  #byHost: ReadonlyMap<string, ResolvedShare> | undefined;

  constructor(shares: readonly ResolvedShare[]) {
    this.shares = shares.filter(({ hosts }) => hosts.length > 0);
  }

  of(host: Host): ResolvedShare | undefined {
    this.#byHost ??= new Map(
      this.shares.flatMap(share => share.hosts.map(each => [each.name, share] as const)),
    );
    return this.#byHost.get(host.name);
  }

  /** Returns the exact resources on one of its hosts. */
  on(host: Host): readonly Resolved[] {
    const has = ({ hosts }: ResolvedShare) => hosts.includes(host);
    const share = this.shares.find(has);
    return (share?.exactShares.find(has) ?? share)?.resources ?? [];
  }

  /** Returns the entry with shares that are exact on all of their hosts. */
  exact(): ResolvedEntry {
    if (this.shares.every(share => share.exactShares.length === 0)) return this;
    return new ResolvedEntry(
      this.shares.flatMap(share => (share.exactShares.length === 0 ? [share] : share.exactShares)),
    );
  }
}

/** The input for resolving the entries of a play. */
export interface Sharing {
  alike: AlikeHosts;
  reach: ReachableNames;
  texts: Texts;
  of(host: Host): { around: Around; resolving: Resolving };
  found: HostProblems;
}

/** Returns the shares of an entry. Hosts that differ only in the text that its resource writes are resolved once. */
export function sharesOf(text: EntryText, { alike, reach, texts, of, found }: Sharing): ResolvedShare[] {
  const resolve = ([first]: readonly Host[], problems: Problems) => {
    const { around, resolving } = of(first!);
    return resolveEntry(text, around, resolving, problems);
  };
  const shareOf = (part: readonly Host[]): ResolvedShare => {
    const problems = new Problems();
    const resources = resolve(part, problems);
    found.add(problems.all(), part);
    return new ResolvedShare(part, () => resources);
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
    const apart = [share, ...same.map(part => new ResolvedShare(part, () => resolve(part, new Problems())))];
    const hosts = apart.flatMap(each => each.hosts);
    return [new ResolvedShare(hosts, () => share.resources, apart), ...differing.map(shareOf)];
  });
}

/** Returns the kind of a template's value, or undefined if it is more than a text or an unknown text. */
function kindOfText(template: Template, scope: VariableScope): 'text' | 'unknown' | undefined {
  if (onlyNames(template) && template.references.every(each => isScalar(seen(each, scope)))) return 'text';
  const problems = new Problems();
  const value = problems.attempt(() => template.evaluate(scope, runtime));
  if (typeof value === 'string') return 'text';
  if (!(value instanceof Unknown) || value instanceof UnopenedSecret || value.types !== undefined)
    return undefined;
  problems.attempt(() => checkReferences(template.references, scope));
  return problems.size === 0 ? 'unknown' : undefined;
}

/** Whether a template joins bare names: then its value is a text, whatever they hold. */
function onlyNames({ body }: Template): boolean {
  const outputs = body.filter(part => part.kind !== 'text');
  // A name that stands alone keeps its type.
  return outputs.length > 1 && outputs.every(part => part.kind === 'output' && isName(part.value));
}

function isName(node: Node): boolean {
  return node.kind === 'name' || (node.kind === 'attribute' && isName(node.of));
}

const isScalar = (value: unknown) => ['string', 'number', 'boolean'].includes(typeof value);

/** Returns groups of hosts. Within a group, the shares of all `entries` have the same `key`. */
export function partsOf(
  entries: readonly ResolvedEntry[],
  hosts: readonly Host[],
  key: (share: ResolvedShare) => unknown,
): Host[][] {
  const differing = entries.filter(
    ({ shares }) => new Set(shares.map(key)).size > 1 || shares[0]?.hosts.length !== hosts.length,
  );
  if (differing.length === 0) return hosts.length === 0 ? [] : [[...hosts]];
  const numbers = new Map<unknown, number>();
  const keys = new Map(hosts.map(host => [host.name, '']));
  for (const { shares } of differing) {
    for (const share of shares) {
      const value = key(share);
      if (!numbers.has(value)) numbers.set(value, numbers.size);
      for (const { name } of share.hosts) keys.set(name, `${keys.get(name)},${numbers.get(value)}`);
    }
    // A host without a share must differ from one with another share.
    for (const host of hosts) keys.set(host.name, `${keys.get(host.name)};`);
  }
  return [...grouped(hosts, ({ name }) => keys.get(name)).values()];
}
