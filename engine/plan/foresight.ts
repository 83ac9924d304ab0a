import type { Brought, State } from '../module.ts';
import type { Owed, Probe } from '../probe.ts';
import { answersOf, byName, meant, type Resource } from '../resource.ts';
import { textOf } from './diff.ts';

/**
 * What the changes planned so far will have made of the host, as far as later resources ask for it. One is carried
 * from play to play as long as nothing is applied.
 */
export class Foresight {
  readonly #brought: (Brought & { by: string })[] = [];
  #owed: readonly { unit: string; owed: Owed }[] = [];
  readonly #states = new Map<string, { state: State | null; by: string }>();
  readonly #changing: string[] = [];

  /** One that goes on by itself from where this one is. */
  copy(): Foresight {
    const copy = new Foresight();
    copy.#brought.push(...this.#brought);
    copy.#owed = this.#owed;
    for (const [thing, known] of this.#states) copy.#states.set(thing, known);
    copy.#changing.push(...this.#changing);
    return copy;
  }

  /** Names of the resources that will change. */
  get changing(): readonly string[] {
    return this.#changing;
  }

  /** Records a resource that will change: what it brings, pays and becomes, and who answers its change. */
  add(resource: Resource, reactions: readonly Reaction[], desired?: State | null): void {
    this.#changing.push(resource.name);
    if (!resource.incomplete) {
      const paid = answersOf(resource).map(({ unit }) => unit());
      this.#owed = this.#owed.filter(({ unit }) => !paid.includes(unit));
      if (desired !== undefined && resource.module.verifies?.(resource.args) !== false)
        this.#states.set(thing(resource), { state: desired, by: resource.name });
      for (const brought of resource.module.brings?.(resource.args) ?? [])
        this.#brought.push({ ...brought, by: resource.name });
    }
    const owed = reactions.map(({ unit, action }) => ({
      unit,
      owed: { action, because: resource.name, sinceS: null },
    }));
    this.#owed = [...this.#owed, ...owed];
  }

  /** The state that an earlier resource will have given the very thing that `resource` is about. */
  become(resource: Resource): { state: State | null; by: string } | undefined {
    return resource.incomplete ? undefined : this.#states.get(thing(resource));
  }

  /** The tokens that match one of `patterns` (`*` = any characters), and the resources that bring them. */
  bringers(patterns: readonly string[]): { token: string; by: string }[] {
    const expressions = patterns.map(
      pattern => new RegExp(`^${pattern.split('*').map(literally).join('.*')}$`),
    );
    return this.#brought.filter(({ token }) => expressions.some(expression => expression.test(token)));
  }

  /** The resources whose packages may put something at `path`, by the habits of Debian's packages. */
  packagers(path: string): string[] {
    const packages = this.bringers(['package:*']);
    const settings = path.startsWith('/etc/') && !path.startsWith('/etc/systemd/system/');
    const named = !/^\/(home|root|run|srv|tmp|usr\/local)\//.test(path);
    const parts = path.split('/').map(part => `package:${part}`);
    return packages.filter(({ token }) => settings || (named && parts.includes(token))).map(({ by }) => by);
  }

  /** A reading with the planned changes laid over it, and the resources that those are from. */
  overlay(probe: Probe, value: unknown): { value: unknown; from: string[] } {
    if (probe.kind === 'owed') {
      const planned = this.#owed.filter(({ unit }) => unit === probe.unit).map(({ owed }) => owed);
      return { value: [...(value as Owed[]), ...planned], from: planned.map(owed => owed.because) };
    }
    if (probe.kind === 'content') {
      const planned = this.#brought.findLast(
        ({ token, content }) => content && token === `path:${probe.path}`,
      );
      if (planned !== undefined)
        return {
          value: { sha256: textOf(planned.content!).sha256, bytes: planned.content! },
          from: [planned.by],
        };
    }
    return { value, from: [] };
  }
}

/** Foresights of hosts in a plan that may be made again: `known` has them only once they are kept. */
export class Trial {
  readonly #known: Map<string, Foresight>;
  readonly #tried = new Map<string, Foresight>();

  constructor(known: Map<string, Foresight>) {
    this.#known = known;
  }

  of(host: string): Foresight {
    const foresight = this.#tried.get(host) ?? this.#known.get(host)?.copy() ?? new Foresight();
    this.#tried.set(host, foresight);
    return foresight;
  }

  keep(): void {
    for (const [host, foresight] of this.#tried) this.#known.set(host, foresight);
  }
}

/** A resource that answers another's change: see Module.reacts. */
export interface Reaction {
  to: string;
  by: string;
  unit: string;
  action: Owed['action'];
}

/** Who answers whose change, by the name of the resource that changes. */
export function reactionsOf(resources: readonly Resource[]): ReadonlyMap<string, readonly Reaction[]> {
  const reactions = new Map<string, Reaction[]>();
  const named = byName(resources);
  for (const resource of resources) {
    for (const { to, unit, action } of answersOf(resource)) {
      for (const source of new Set(to.flatMap(name => meant(name, resource, named)))) {
        if (source === resource || source.on?.name !== resource.on?.name) continue;
        reactions.set(source.name, [
          ...(reactions.get(source.name) ?? []),
          { to: source.name, by: resource.name, unit: unit(), action },
        ]);
      }
    }
  }
  return reactions;
}

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function thing({ module, args }: Resource): string {
  return `${module.name} ${module.identity(args)}`;
}
