/** Choices that follow from a seed alone: the same seed makes the same choices on every machine. */
export class Random {
  #state: number;

  /** `parts` are a seed and what tells one use of it from another, such as the number of a run. */
  constructor(...parts: readonly (number | string)[]) {
    this.#state = hash(parts.join('/'));
  }

  /** At least 0, below 1. */
  unit(): number {
    // Mulberry32.
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `least` to `most`, both included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.unit() * (most - least + 1));
  }

  /** True in a share of the cases, 0 to 1. */
  chance(share: number): boolean {
    return this.unit() < share;
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.whole(0, list.length - 1)]!;
  }

  /** A key of `weights`; twice the weight is chosen twice as often. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let left = this.unit() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) if ((left -= weight) < 0) return key;
    return entries.at(-1)![0];
  }

  /** As many different elements, in the order of the list; all of a shorter list. */
  some<T>(list: readonly T[], count: number): T[] {
    const left = list.map((_, at) => at);
    while (left.length > count) left.splice(this.whole(0, left.length - 1), 1);
    return left.map(at => list[at]!);
  }
}

function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (const byte of Buffer.from(text)) sum = Math.imul(sum ^ byte, 0x01000193);
  return sum | 0;
}
