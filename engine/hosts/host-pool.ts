import type { Host } from '../host.ts';
import type { Problem } from '../problem.ts';
import type { ConnectOptions } from '../transport/connect-options.ts';
import { ConnectedHost } from './connected-host.ts';
import type { Holder } from './host-lease.ts';

/** A connected host, and the number of its users in this run. */
interface Entered {
  connected: Promise<ConnectedHost>;
  users: number;
  /** The lines that former users add to the history. */
  lines: string[];
}

/** The hosts that a play works on. All users of a host share one connection and one lease. */
export class HostPool {
  readonly #holder: Holder;
  readonly #connect: ConnectOptions;
  readonly #planId: string | undefined;
  readonly #entered = new Map<string, Entered>();
  readonly #leaving = new Map<string, Promise<unknown>>();

  /** `planId` is the ID of the saved plan of the run. */
  constructor(holder: Holder, connect: ConnectOptions, planId: string | undefined) {
    this.#holder = holder;
    this.#connect = connect;
    this.#planId = planId;
  }

  /** With `recovers`, the host restores the unfinished changes of an earlier run. Every caller must `leave`. */
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

  /** Leaves a host. The last user gives back the lease, as `ConnectedHost.release` does, and disconnects. Never throws. */
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
    // If the release fails, the lease ends with the session.
    const problem =
      lines.length > 0 ? await connected?.release(this.#holder, lines).catch(() => undefined) : undefined;
    // A shell that has changed nothing ends by itself, and waiting for that takes a round trip.
    const closed = connected?.close().catch(() => {});
    if (lines.length > 0) await closed;
    return problem;
  }

  async #start(host: Host, recovers: boolean): Promise<ConnectedHost> {
    await this.#leaving.get(host.name);
    const connected = await ConnectedHost.start(host, this.#connect, recovers);
    connected.sessions.greeting.savedPlanId = this.#planId;
    return connected;
  }
}
