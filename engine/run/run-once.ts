import type { Done } from '../apply/apply-options.ts';

/** A promise that is resolved from outside. */
export interface Deferred<T> {
  promise: Promise<T>;
  /** Only the first call counts. */
  resolve(value: T): void;
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>(settle => (resolve = settle));
  return { promise, resolve };
}

/** What is done once for all hosts of a play: by the first of them that can be entered. The others wait for it. */
export class RunOnce {
  /** In the play's order: whether the host could be entered. */
  readonly #entered: ReadonlyMap<string, Deferred<boolean>>;
  readonly #done = new Map<string, Deferred<Done | undefined>>();
  #over = false;

  constructor(hosts: readonly string[]) {
    this.#entered = new Map(hosts.map(host => [host, deferred<boolean>()]));
  }

  /** Only the first call for a host counts. */
  entered(host: string, isEntered: boolean): void {
    this.#entered.get(host)?.resolve(isEntered);
  }

  /** Who does it. */
  async doer(): Promise<string | undefined> {
    for (const [host, { promise }] of this.#entered) if (await promise) return host;
    return undefined;
  }

  /** Told by the one who does it. `key` is the resource's `once`. */
  tell(key: string, done: Done): void {
    this.#of(key).resolve(done);
  }

  /** A host has ended. What it has not told will not be done, if it is the one who does it. */
  end(host: string): void {
    void this.doer().then(doer => {
      if (doer !== host) return;
      this.#over = true;
      for (const { resolve } of this.#done.values()) resolve(undefined);
    });
  }

  /** What came of it; undefined = it was not reached. */
  outcome(key: string): Promise<Done | undefined> {
    return this.#of(key).promise;
  }

  #of(key: string): Deferred<Done | undefined> {
    let known = this.#done.get(key);
    if (known === undefined) this.#done.set(key, (known = deferred()));
    if (this.#over) known.resolve(undefined);
    return known;
  }
}
