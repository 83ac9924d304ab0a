import type { Holder } from './apply/lease.ts';
import type { Host } from './host.ts';
import type { Problem } from './problem.ts';
import type { ConnectOptions } from './transport/index.ts';
import { Visit } from './visit.ts';

/** A host that was entered, and who is there. */
interface Entered {
  visit: Promise<Visit>;
  users: number;
  /** What those who have left did on it, for its history. */
  lines: string[];
}

/** The hosts that a play works on. Each is entered once, however many work on it, and has one lease. */
export class Visits {
  readonly #holder: Holder;
  readonly #connect: ConnectOptions;
  readonly #planId: string | undefined;
  readonly #entered = new Map<string, Entered>();
  readonly #leaving = new Map<string, Promise<unknown>>();

  /** `planId` is that of the saved plan that is made or applied. */
  constructor(holder: Holder, connect: ConnectOptions, planId: string | undefined) {
    this.#holder = holder;
    this.#connect = connect;
    this.#planId = planId;
  }

  /** `recovers` finishes what an earlier run was cut off in. Whoever comes in must `leave`. */
  async enter(host: Host, recovers: boolean): Promise<Visit> {
    const known = this.#entered.get(host.name);
    const entered = known ?? { visit: this.#start(host, recovers), users: 0, lines: [] };
    this.#entered.set(host.name, entered);
    entered.users++;
    try {
      const visit = await entered.visit;
      if (recovers) visit.recover();
      return visit;
    } catch (thrown) {
      if (this.#entered.get(host.name) === entered) this.#entered.delete(host.name);
      throw thrown;
    }
  }

  /** The last one to leave gives back the lease and ends the connection; see `Visit.release`. Never throws. */
  async leave({ name }: Host, line?: string): Promise<Problem | undefined> {
    const entered = this.#entered.get(name);
    if (entered === undefined) return undefined;
    if (line !== undefined) entered.lines.push(line);
    if (--entered.users > 0) return undefined;
    this.#entered.delete(name);
    const left = this.#end(entered);
    this.#leaving.set(name, left);
    return left;
  }

  async #end({ visit: entered, lines }: Entered): Promise<Problem | undefined> {
    const visit = await entered.catch(() => undefined);
    // A lease that cannot be given back ends with the session.
    const problem =
      lines.length > 0 ? await visit?.release(this.#holder, lines).catch(() => undefined) : undefined;
    await visit?.close().catch(() => {});
    return problem;
  }

  async #start(host: Host, recovers: boolean): Promise<Visit> {
    await this.#leaving.get(host.name);
    const visit = await Visit.start(host, this.#connect, recovers);
    visit.shells.greeting.plan = this.#planId;
    return visit;
  }
}
