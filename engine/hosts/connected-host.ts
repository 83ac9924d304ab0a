import type { Become, Host } from '../host.ts';
import type { Context } from '../module.ts';
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
import { type Holder, isLost, leased, leaseHeldProblem, leaseS, release } from './host-lease.ts';
import { recorded } from './kept-outcome.ts';

/** Seconds for a reading besides what its own commands may take. */
const readTimeoutS = 120;
const releaseTimeoutS = 60;

/** How many seconds a reading counts in an apply: before its first change on a host, and after that. */
const readingAgeS = { before: 5, after: 1 };

/** Of what a change prints its beginning is kept and its end, which tells how it ended. */
const changeKeeps = { capBytes: 512 * 1024, tailBytes: 512 * 1024 };

/** A host that a run is connected to, and what was read of it as long as nothing changed on it since. */
export class ConnectedHost {
  readonly host: Host;
  readonly sessions: AccountSessions;
  /** By account. */
  readonly #observed = new Map<string, Observed>();
  /** Accounts that something was changed as. */
  readonly #changed = new Map<string, Become | false>();
  #changes = 0;
  #renewal: NodeJS.Timeout | undefined;
  #skewS = 0;
  /** When the host was read last, by its clock. */
  #readS = 0;
  #recovered: boolean;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(host: Host, sessions: AccountSessions, recovered: boolean) {
    this.host = host;
    this.sessions = sessions;
    this.#recovered = recovered;
  }

  /** `recovers` finishes what an earlier run was cut off in before anything is read: not for one that only reads. */
  static async start(host: Host, options: ConnectOptions, recovers = false): Promise<ConnectedHost> {
    return new ConnectedHost(host, await AccountSessions.start(host, options, recovers), recovers);
  }

  /** Has the host alone: all others of this run that read or change it wait for the end of `work`. */
  turn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => {});
    return mine;
  }

  /** The account that logs in; undefined = not known. */
  get login(): string | undefined {
    return this.sessions.login ?? this.host.user;
  }

  /** What was read of a resource; `ensure` must have been awaited. */
  observed({ become }: Resource): Observed {
    return this.#observed.get(JSON.stringify(become ?? false)) ?? new Observed();
  }

  /** Whether what was read of `resource` still holds and answers all that its module asks. */
  knows(resource: Resource): boolean {
    const observed = this.observed(resource);
    return Object.values(probesOf(resource)).every(probe => observed.of(probe) !== undefined);
  }

  /** What a module needs to know of the time, by the host's clock; `createdS` is when a saved plan was made, by ours. */
  times(createdS?: number): Pick<Context, 'nowS' | 'plannedS'> {
    const nowS = Math.floor(Date.now() / 1000) + this.#skewS;
    return { nowS, ...(createdS !== undefined && { plannedS: createdS + this.#skewS }) };
  }

  /** Forgets what was read, because something changed on the host or may have. */
  forget(): void {
    this.#observed.clear();
  }

  /** For one entered only to be read: finishes what was cut off, and has everything read anew. */
  recover(): void {
    if (this.#recovered) return;
    this.#recovered = true;
    this.sessions.recover();
    this.forget();
  }

  /**
   * Reads `resource` if it is not known, and `others` with it: one round trip for each account. What was read too long
   * ago does not count: this process may have stood still, or the line, and others have changed the host meanwhile. That is
   * told by the host's clock, since an answer may have waited for long.
   */
  async ensure(resource: Resource, others: readonly Resource[]): Promise<void> {
    const ageS = this.#changes === 0 ? readingAgeS.before : readingAgeS.after;
    if (this.times().nowS - this.#readS > ageS) this.forget();
    if (!this.knows(resource)) await this.read(others.filter(other => !this.knows(other)));
  }

  /** Reads resources, and gives the facts that are asked for: one round trip for each account. */
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

  /** Reads single probes, each as the account of its resource: one round trip for each account. */
  async readProbes(probes: readonly { resource: Resource; probe: Probe }[]): Promise<void> {
    await this.#ask(probes, 'what the plan rests on', new Set());
  }

  async #ask(
    asked: readonly { resource: Resource; probe: Probe }[],
    what: string,
    facts: ReadonlySet<string>,
  ): Promise<Readonly<Record<string, Plain>>> {
    let found: Readonly<Record<string, Plain>> = {};
    const accounts = grouped(asked, ({ resource: { become } }) => JSON.stringify(become ?? false));
    if (accounts.size === 0 && facts.size > 0) accounts.set('false', []);
    const [first] = accounts.keys();
    await Promise.all(
      [...accounts].map(async ([account, group]) => {
        const probes = group.map(({ probe }) => probe);
        const request = reader(probes, account === first ? facts : new Set());
        const waitS = probes.reduce(
          (total, probe) => total + (probe.kind === 'command' ? probe.timeoutS : 0),
          readTimeoutS,
        );
        const answer = await this.sessions.run(JSON.parse(account), {
          script: request.script,
          what: `reading ${what}`,
          timeoutMs: waitS * 1000,
        });
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
   * Runs the steps of a resource under the host's lease; everything that was read before no longer counts. When the
   * connection is lost meanwhile it is made again once, and the outcome is collected from the host. Rejects with a
   * ProblemError: `cut-off` or `host-restarted` when the steps are known not to have come to their end, `lease-lost`
   * when they were not begun, because another run may have had the lease since the change before.
   */
  async change(
    resource: Resource,
    holder: Holder,
    request: Request & { timeoutMs: number },
  ): Promise<Answer> {
    const become = resource.become ?? false;
    this.forget();
    const number = ++this.#changes;
    const account = JSON.stringify(become);
    const recording = recorded(request.script, holder.run, number);
    const script = leased(recording, holder, request.timeoutMs / 1000, this.#changed.has(account));
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

  /** A check that waits, or many resources that are as declared, must not let the lease expire. */
  #renew(holder: Holder): void {
    for (const become of this.#changed.values())
      this.tell(become, leased(':', holder, leaseS, true), 'renewing the lease').catch(() => {});
  }

  /** Runs a script as an account, for what is neither a reading nor a change that a plan shows. */
  tell(become: Become | false, script: string, what: string): Promise<Answer> {
    return this.sessions.run(become, { script, what, timeoutMs: releaseTimeoutS * 1000 });
  }

  /**
   * Gives back the lease of each account that changed something, and adds lines to its history. Resolves to what is wrong
   * when one of them was lost before.
   */
  async release(holder: Holder, history: readonly string[]): Promise<Problem | undefined> {
    clearInterval(this.#renewal);
    const script = release(holder, history.join('\n'));
    const request = { what: 'giving back the lease', timeoutMs: releaseTimeoutS * 1000, script };
    const accounts = [...this.#changed.values()];
    const answers = await Promise.all(accounts.map(become => this.sessions.run(become, request)));
    this.#changed.clear();
    return answers.some(isLost) ? leaseLost(this.host.name) : undefined;
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
    hint: 'Apply again: what is on the host is read anew.',
  }) as const;
