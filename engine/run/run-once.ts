import type { Done } from '../apply/apply-options.ts';

/** A promise with the function that resolves it. */
export interface Deferred<T> {
  promise: Promise<T>;
  /** Resolves the promise. Only the first call counts. */
  resolve(value: T): void;
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>(settle => (resolve = settle));
  return { promise, resolve };
}

/** The resources that one host does for all hosts of a play: the first host that can be entered. The others wait for it. */
export class RunOnce {
  /** In the play's order: whether the host could be entered. */
  readonly #entered: ReadonlyMap<string, Deferred<boolean>>;
  readonly #done = new Map<string, Deferred<Done | undefined>>();
  #hasLeft = false;

  constructor(hosts: readonly string[]) {
    this.#entered = new Map(hosts.map(host => [host, deferred<boolean>()]));
  }

  /** Reports whether a host could be entered. Only the first call for a host counts. */
  reportEntry(host: string, isEntered: boolean): void {
    this.#entered.get(host)?.resolve(isEntered);
  }

  /** Returns the host that does the resources, or undefined if none could be entered. */
  async chosenHost(): Promise<string | undefined> {
    for (const [host, { promise }] of this.#entered) if (await promise) return host;
    return undefined;
  }

  /** The chosen host reports the outcome. `key` is the resource's `once`. */
  reportOutcome(key: string, done: Done): void {
    this.#of(key).resolve(done);
  }

  /** Reports that a host has left the play. If it is the chosen host, its unreported resources are not reached. */
  hostLeft(host: string): void {
    void this.chosenHost().then(chosen => {
      if (chosen !== host) return;
      this.#hasLeft = true;
      for (const { resolve } of this.#done.values()) resolve(undefined);
    });
  }

  /** Returns the outcome of a resource, or undefined if the chosen host did not reach it. */
  outcome(key: string): Promise<Done | undefined> {
    return this.#of(key).promise;
  }

  #of(key: string): Deferred<Done | undefined> {
    let known = this.#done.get(key);
    if (known === undefined) this.#done.set(key, (known = deferred()));
    if (this.#hasLeft) known.resolve(undefined);
    return known;
  }
}
