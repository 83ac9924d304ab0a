import type { Host } from '../host.ts';
import type { Problem } from '../problem.ts';
import type { ConnectOptions } from '../transport/connect-options.ts';
import { ConnectedHost } from './connected-host.ts';
import type { Holder } from './host-lease.ts';

/** A connected host, and the number of its users in this run. */
interface Entered {
  connected: Promise<ConnectedHost>;
  users: number;
  /** What those who have left did on it, for its history. */
  lines: string[];
}

/** The hosts that a play works on. Each is entered once, however many work on it, and has one lease. */
export class HostPool {
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
  async enter(host: Host, recovers: boolean): Promise<ConnectedHost> {
    const known = this.#entered.get(host.name);
    const entered = known ?? { connected: this.#start(host, recovers), users: 0, lines: [] };
    this.#entered.set(host.name, entered);
    entered.users++;
    try {
      const connected = await entered.connected;
      if (recovers) connected.recover();
      return connected;
    } catch (thrown) {
      if (this.#entered.get(host.name) === entered) this.#entered.delete(host.name);
      throw thrown;
    }
  }

  /** The last one to leave gives back the lease and ends the connection; see `ConnectedHost.release`. Never throws. */
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

  async #end({ connected: entered, lines }: Entered): Promise<Problem | undefined> {
    const connected = await entered.catch(() => undefined);
    // A lease that cannot be given back ends with the session.
    const problem =
      lines.length > 0 ? await connected?.release(this.#holder, lines).catch(() => undefined) : undefined;
    await connected?.close().catch(() => {});
    return problem;
  }

  async #start(host: Host, recovers: boolean): Promise<ConnectedHost> {
    await this.#leaving.get(host.name);
    const connected = await ConnectedHost.start(host, this.#connect, recovers);
    connected.sessions.greeting.plan = this.#planId;
    return connected;
  }
}
