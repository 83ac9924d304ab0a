import PQueue from 'p-queue';

/** Places for a limited number of hosts that work at the same time. */
export class HostSlots {
  readonly #queue: PQueue;

  constructor(most: number) {
    this.#queue = new PQueue({ concurrency: most });
  }

  /** Waits for a free place, in the order of the calls. */
  async take(): Promise<HostSlot> {
    return new HostSlot(this, await this.next());
  }

  /** Waits for a free place. Returns the function that frees it. */
  next(): Promise<() => void> {
    return new Promise(taken => void this.#queue.add(() => new Promise<void>(free => taken(free))));
  }
}

/** The place of a host among those that work at the same time. */
export class HostSlot {
  readonly #slots: HostSlots;
  /** Gives the place back. */
  free: () => void;

  constructor(slots: HostSlots, free: () => void) {
    this.#slots = slots;
    this.free = free;
  }

  /** Gives the place to another host during `wait`. */
  async without<T>(wait: () => Promise<T>): Promise<T> {
    this.free();
    const result = await wait();
    this.free = await this.#slots.next();
    return result;
  }
}
