import { accountKey, type Become, type Host } from '../host.ts';
import type { HostContext } from '../module.ts';
import type { Probe } from '../probe.ts';
import { Observed, reader } from '../probes/readings.ts';
import { type Problem, ProblemError } from '../problem.ts';
import type { Resource } from '../resource.ts';
import { probesOf } from '../resource.ts';
import type { Answer, Request } from '../transport/connect.ts';
import type { ConnectOptions } from '../transport/connect-options.ts';
import { grouped } from '../util/grouped.ts';
import type { Plain } from '../value.ts';
import { AccountSessions } from './account-sessions.ts';
import {
  type Holder,
  isLost,
  isUnwritten,
  leasedScript,
  leaseHeldProblem,
  leaseS,
  releaseScript,
} from './host-lease.ts';
import { recordedScript } from './kept-outcome.ts';

/** Seconds for a reading, in addition to the time limits of its commands. */
const readTimeoutS = 120;
const releaseTimeoutS = 60;

/** Seconds for which an apply uses a reading: before its first change on a host, and after that. */
const readingAgeS = { before: 5, after: 1 };

/** Bytes to keep of the output of a change: its beginning, and its end, which tells how the change ended. */
const changeKeeps = { capBytes: 512 * 1024, tailBytes: 512 * 1024 };

/** A host that a run is connected to, with the readings that are still valid. */
export class ConnectedHost {
  readonly host: Host;
  readonly sessions: AccountSessions;
  /** Readings by `accountKey`. */
  readonly #observed = new Map<string, Observed>();
  /** The accounts of this run's changes, by `accountKey`. */
  readonly #changed = new Map<string, Become | false>();
  #changes = 0;
  #renewal: NodeJS.Timeout | undefined;
  #skewS = 0;
  /** Time of the last reading, by the host's clock. */
  #readS = 0;
  #recovered: boolean;
  /** Ends with the last work that has the host to itself. */
  #lastWork: Promise<unknown> = Promise.resolve();

  private constructor(host: Host, sessions: AccountSessions, recovered: boolean) {
    this.host = host;
    this.sessions = sessions;
    this.#recovered = recovered;
  }

  /** With `recovers`, the host first restores the unfinished changes of an earlier run. A run that only reads does not. */
  static async start(host: Host, options: ConnectOptions, recovers = false): Promise<ConnectedHost> {
    return new ConnectedHost(host, await AccountSessions.start(host, options, recovers), recovers);
  }

  /** Runs `work` with the host to itself: all other work of this run on the host waits for its end. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#lastWork.then(work);
    this.#lastWork = mine.catch(() => {});
    return mine;
  }

  /** The account that logs in; undefined = unknown. */
  get login(): string | undefined {
    return this.sessions.login ?? this.host.user;
  }

  /** Returns the readings for a resource. Await `ensure` first. */
  observed({ become }: Resource): Observed {
    return this.#observed.get(accountKey(become)) ?? new Observed();
  }

  /** Whether there is a valid reading for each probe of `resource`. */
  knows(resource: Resource): boolean {
    const observed = this.observed(resource);
    return Object.values(probesOf(resource)).every(probe => observed.of(probe) !== undefined);
  }

  /** Returns what modules learn of the host besides readings, with times by its clock. `createdS` dates a saved plan, by the controller's clock. */
  context(createdS?: number): HostContext {
    const nowS = Math.floor(Date.now() / 1000) + this.#skewS;
    const plannedS = createdS === undefined ? {} : { plannedS: createdS + this.#skewS };
    const { login, host, sessions } = this;
    const { loginKey, hasBecomePassword: becomePassword } = sessions;
    return { nowS, login, loginKey, becomePassword, transport: host.transport, ...plannedS };
  }

  /** Forgets all readings, because the host has changed or may have. */
  forget(): void {
    this.#observed.clear();
  }

  /** Restores unfinished changes of an earlier run, and forgets all readings. */
  recover(): void {
    if (this.#recovered) return;
    this.#recovered = true;
    this.sessions.recover();
    this.forget();
  }

  /**
   * Reads `resource` if it has no valid reading, and `together` with it, in one round trip for each account. Old readings are
   * not used: this process or the connection may have stood still, and others may have changed the host. The host's clock
   * tells the age of a reading, because an answer may have been on its way for long.
   */
  async ensure(resource: Resource, together: () => readonly Resource[]): Promise<void> {
    const ageS = this.#changes === 0 ? readingAgeS.before : readingAgeS.after;
    if (this.context().nowS - this.#readS > ageS) this.forget();
    if (!this.knows(resource)) await this.read(together().filter(other => !this.knows(other)));
  }

  /** Reads resources and facts in one round trip for each account. Returns the facts. */
  async read(
    resources: readonly Resource[],
    facts: ReadonlySet<string> = new Set(),
  ): Promise<Readonly<Record<string, Plain>>> {
    const asked = resources.filter(({ when }) => when !== false);
    const probes = asked.flatMap(resource =>
      Object.values(probesOf(resource)).map(probe => ({ resource, probe })),
    );
    const what = asked.length === 1 ? asked[0]!.name : `${asked.length} resources`;
    return this.#ask(probes, what, facts);
  }

  /** Reads single probes, each as the account of its resource, in one round trip for each account. */
  async readProbes(probes: readonly { resource: Resource; probe: Probe }[]): Promise<void> {
    await this.#ask(probes, 'more for the plan', new Set());
  }

  async #ask(
    asked: readonly { resource: Resource; probe: Probe }[],
    what: string,
    facts: ReadonlySet<string>,
  ): Promise<Readonly<Record<string, Plain>>> {
    let found: Readonly<Record<string, Plain>> = {};
    const accounts = grouped(asked, ({ resource: { become } }) => accountKey(become));
    if (accounts.size === 0 && facts.size > 0) accounts.set(accountKey(false), []);
    const [first] = accounts.keys();
    await Promise.all(
      [...accounts].map(async ([account, group]) => {
        const probes = group.map(({ probe }) => probe);
        const request = reader(probes, account === first ? facts : new Set());
        const waitS = probes.reduce(
          (total, probe) => total + (probe.kind === 'command' ? probe.timeoutS : 0),
          readTimeoutS,
        );
        const answer = await this.sessions.run(group[0]?.resource.become ?? false, {
          script: request.script,
          what: `reading ${what}`,
          timeoutMs: waitS * 1000,
        });
        const distrust = await this.sessions.greeting.distrust();
        if (distrust !== undefined) throw new ProblemError(distrust);
        this.#skewS = await this.sessions.greeting.skewS();
        const observed = request.decode(answer);
        this.#readS = observed.atS;
        if (account === first) found = observed.facts;
        const known = this.#observed.get(account);
        if (known === undefined) this.#observed.set(account, observed);
        else known.add(observed);
      }),
    );
    return found;
  }

  /**
   * Runs the steps of a resource under the host's lease, and forgets all readings. After a lost connection, it reconnects
   * once and collects the outcome from the host. Rejects with a ProblemError: `cut-off` or `host-restarted` if the steps
   * did not reach their end, `lease-lost` if they did not begin because another run may have had the lease since the last
   * change.
   */
  async change(
    resource: Resource,
    holder: Holder,
    request: Request & { timeoutMs: number },
  ): Promise<Answer> {
    const become = resource.become ?? false;
    this.forget();
    const number = ++this.#changes;
    const account = accountKey(become);
    const recording = recordedScript(request.script, holder.run, number);
    const script = leasedScript(recording, holder, request.timeoutMs / 1000, this.#changed.has(account));
    const sent = { ...request, script, what: resource.name, ...changeKeeps };
    const answer = await this.sessions.run(become, sent, { become, run: holder.run, number, request: sent });
    if (isLost(answer)) {
      this.#changed.delete(account);
      this.forget();
      throw new ProblemError(leaseLost(this.host.name));
    }
    if (leaseHeldProblem(this.host.name, answer) === undefined) {
      this.#changed.set(account, become);
      this.#renewal ??= setInterval(() => this.#renew(holder), (leaseS * 1000) / 3).unref();
    }
    return answer;
  }

  /** Waits at most `withinS` seconds until the host, which restarts, has left a boot, and enters it anew. Nothing read before counts. */
  async enterNextBoot({ become }: Resource, boot: string, withinS: number): Promise<void> {
    await this.sessions.enterNextBoot(become ?? false, boot, withinS);
    this.forget();
  }

  /** Renews the lease, which could expire during a check that waits or many unchanged resources. */
  #renew(holder: Holder): void {
    for (const become of this.#changed.values())
      this.tell(become, leasedScript(':', holder, leaseS, true), 'renewing the lease').catch(() => {});
  }

  /** Runs a script that is neither a reading nor a change of a plan, as an account. */
  tell(become: Become | false, script: string, what: string, timeoutS = releaseTimeoutS): Promise<Answer> {
    return this.sessions.run(become, { script, what, timeoutMs: timeoutS * 1000 });
  }

  /**
   * Gives back the lease of each account that changed something, and adds lines to its history. Returns the problem if one
   * of the leases was lost before, or a history cannot be written.
   */
  async release(holder: Holder, history: readonly string[]): Promise<Problem | undefined> {
    clearInterval(this.#renewal);
    const script = releaseScript(holder, history.join('\n'));
    const request = { what: 'giving back the lease', timeoutMs: releaseTimeoutS * 1000, script };
    const accounts = [...this.#changed.values()];
    const answers = await Promise.all(accounts.map(become => this.sessions.run(become, request)));
    this.#changed.clear();
    if (answers.some(isLost)) return leaseLost(this.host.name);
    const unwritten = answers.find(isUnwritten);
    return unwritten && historyUnwritten(this.host.name, unwritten.stderr.toString().trim());
  }

  close(): Promise<void> {
    clearInterval(this.#renewal);
    return this.sessions.close();
  }
}

const leaseLost = (host: string) =>
  ({
    code: 'lease-lost',
    host,
    message: `This run stood still, or was cut off from ${host}, and lost its lease: another run may have changed the host since.`,
    hint: 'Apply again: that reads the host anew.',
  }) as const;

const historyUnwritten = (host: string, cause: string) =>
  ({
    code: 'state-unwritten',
    host,
    message: `The changes were made, but the history of ${host} cannot be written.`,
    cause,
    hint: 'Make room on the file system of the state directory, or remove what is in the place of history.jsonl.',
  }) as const;
