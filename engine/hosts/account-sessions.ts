import { setTimeout as sleep } from 'node:timers/promises';
import { accountKey, type Become, type Host } from '../host.ts';
import type { Lease } from '../lease.ts';
import { type Problem, ProblemError } from '../problem.ts';
import { type Answer, type Connection, connect, type Request, type Session } from '../transport/connect.ts';
import type { ConnectOptions } from '../transport/connect-options.ts';
import { Greeting } from './greeting.ts';
import { decodeLease } from './host-lease.ts';
import { cutOff, decodeOutcome, isLoss, outcomeScript } from './kept-outcome.ts';
import { preludeFor } from './prelude.ts';

/** Pauses before the attempts to reconnect. A restarted host needs some time. */
const reconnectDelaysS = [1, 2, 4, 8, 16];

/** Time limit of the new connection that proves that a host can still be entered. */
const proofTimeoutMs = 6000;

/** Most seconds between two attempts to enter a host that restarts. */
const bootPauseS = 5;

/** Time limit of the first answer of a host that restarts: its old shells may hang. */
const bootTimeoutMs = 15_000;

/** A change that was sent and has no answer yet. */
export interface Flight {
  become: Become | false;
  run: string;
  /** The number of the change in its run. */
  number: number;
  request: Request;
  /** The outcome of the change, collected from the host after a reconnection. */
  collected?: Promise<Answer>;
}

/** One shell for each account over one connection to a host. A lost connection is restored. */
export class AccountSessions {
  readonly greeting = new Greeting();
  readonly #host: Host;
  readonly #options: ConnectOptions;
  readonly #sessions = new Map<string, Session>();
  #connection: Connection;
  #recovers: boolean;
  #flight: Flight | undefined;
  #restoring: Promise<void> | undefined;
  /** Ends when a host that restarts is entered anew. */
  #entering: Promise<void> | undefined;
  #closed = false;
  /** Called after a reconnection, with the reason of the loss. */
  onReconnect: (why: Problem) => void = () => {};
  /** Called while the last step of a dead run goes on. */
  onWait: (lease: Lease) => void = () => {};

  private constructor(host: Host, options: ConnectOptions, connection: Connection, recovers: boolean) {
    this.#host = host;
    this.#options = options;
    this.#connection = connection;
    this.#recovers = recovers;
  }

  /** Whether the run has a password for sudo. */
  get hasBecomePassword(): boolean {
    return (this.#options.becomePassword ?? this.#host.becomePassword) !== undefined;
  }

  /** With `recovers`, each shell first restores the unfinished changes of an earlier run. */
  static async start(host: Host, options: ConnectOptions, recovers: boolean): Promise<AccountSessions> {
    const own = { ...options, prelude: preludeFor(host) };
    return new AccountSessions(host, own, await connect(host, own), recovers);
  }

  /** `SHA256:…` of the host's key; undefined for transports without one. */
  get hostKey(): string | undefined {
    return this.#connection.hostKeyFingerprint;
  }

  /** The account of the login; undefined if only the host knows it. */
  get login(): string | undefined {
    return this.#connection.login;
  }

  /** `SHA256:…` of the key that logged in; undefined if none did, or if only ssh knows it. */
  get loginKey(): string | undefined {
    return this.#connection.loginKey;
  }

  /** Restores the unfinished changes of an earlier run, also in the shells that are already open. */
  recover(): void {
    this.#recovers = true;
    for (const session of this.#sessions.values()) this.#recover(session);
  }

  /**
   * Sends a request to the shell of an account and returns its answer. Requests to an open shell go out in the order of
   * the calls, without waiting for answers. After a lost connection, a request without an answer is sent again. The
   * outcome of a change is collected from the host instead.
   */
  async run(become: Become | false, request: Request, flight?: Flight): Promise<Answer> {
    const account = accountKey(become);
    if (this.#entering !== undefined) await this.#entering;
    if (flight !== undefined) this.#flight = flight;
    const session = this.#sessions.get(account) ?? (await this.#open(become));
    try {
      return await session.run(request);
    } catch (thrown) {
      if (!isLoss(thrown) || this.#closed) throw thrown;
      if (this.#sessions.get(account) === session) await this.#restore(thrown);
      if (flight?.collected !== undefined) return flight.collected;
      return (this.#sessions.get(account) ?? (await this.#open(become))).run(request);
    } finally {
      if (this.#flight === flight) this.#flight = undefined;
    }
  }

  /** Enters the host over a new connection, as an account. Returns the problem, or undefined if that succeeds. */
  async tryToEnter(become: Become | false): Promise<Problem | undefined> {
    try {
      const connection = await connect(this.#host, { ...this.#options, connectTimeoutMs: proofTimeoutMs });
      try {
        const session = await connection.session(become);
        await session.run({ script: ':', what: 'entering the host anew', timeoutMs: proofTimeoutMs });
      } finally {
        void connection.close().catch(() => {});
      }
      return undefined;
    } catch (thrown) {
      if (thrown instanceof ProblemError) return thrown.problems[0];
      throw thrown;
    }
  }

  /**
   * Leaves a host that restarts, and enters it once it has left `boot` (see `r_boot`). Rejects with a ProblemError,
   * reboot-failed, after `withinS` seconds. Other requests wait for that.
   */
  enterNextBoot(become: Become | false, boot: string, withinS: number): Promise<void> {
    this.#entering = this.#enterNextBoot(become, boot, Date.now() + withinS * 1000).finally(() => {
      this.#entering = undefined;
    });
    return this.#entering;
  }

  async #enterNextBoot(become: Become | false, boot: string, untilMs: number): Promise<void> {
    const accounts = [...this.#sessions.keys()].map(key => JSON.parse(key) as Become | false);
    this.#sessions.clear();
    void this.#connection.close().catch(() => {});
    let last = 'The host has not left its boot.';
    for (let pauseS = 1; ; pauseS = Math.min(pauseS * 2, bootPauseS)) {
      if (this.#closed || Date.now() + pauseS * 1000 > untilMs) break;
      await sleep(pauseS * 1000);
      const found = await this.#bootOf(become);
      // Early in a boot, another sshd, with another key, may answer, and accounts may be turned away.
      if ('code' in found) last = found.message;
      else if (found.boot !== boot) return this.#adopt(found.connection, accounts);
      else void found.connection.close().catch(() => {});
    }
    this.#closed = true;
    throw new ProblemError({
      code: 'reboot-failed',
      message: `${this.#host.name} was told to restart, and could not be entered again in time.`,
      cause: last,
      hint: 'Its console shows the reason. Once it is up, apply again.',
    });
  }

  /** Connects anew, and asks for the boot of the host. Returns the problem if that fails. */
  async #bootOf(become: Become | false): Promise<{ boot: string; connection: Connection } | Problem> {
    try {
      const connection = await connect(this.#host, this.#options);
      try {
        const request = { script: 'r_boot', what: 'waiting for the restart', timeoutMs: bootTimeoutMs };
        const answer = await (await connection.session(become)).run(request);
        return { boot: answer.stdout.toString().trim(), connection };
      } catch (thrown) {
        void connection.close().catch(() => {});
        throw thrown;
      }
    } catch (thrown) {
      if (thrown instanceof ProblemError) return thrown.problems[0]!;
      throw thrown;
    }
  }

  /** Opens the shells of the accounts in a new boot. Their journals are no longer those of a dead session. */
  async #adopt(connection: Connection, accounts: readonly (Become | false)[]): Promise<void> {
    this.#connection = connection;
    for (const become of accounts) {
      const session = await connection.session(become);
      this.#sessions.set(accountKey(become), session);
      session.run({ script: 'r_adopt; r_recover', what: 'recovering' }).catch(() => {});
    }
    this.onReconnect({ code: 'host-restarted', message: 'The host was restarted.' });
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.#connection.close();
  }

  async #open(become: Become | false): Promise<Session> {
    const session = await this.#connection.session(become);
    this.#sessions.set(accountKey(become), session);
    // These go out together with the first request and cost no round trip.
    if (this.#recovers) this.#recover(session);
    this.greeting.ask(session);
    return session;
  }

  /** All requests without an answer wait for the same new connection. */
  #restore(lost: ProblemError): Promise<void> {
    this.#restoring ??= this.#reconnect(lost).finally(() => {
      this.#restoring = undefined;
    });
    return this.#restoring;
  }

  async #reconnect(lost: ProblemError): Promise<void> {
    void this.#connection.close().catch(() => {});
    try {
      this.#connection = await this.#connectAgain(lost);
    } catch (thrown) {
      this.#closed = true;
      throw thrown;
    }
    this.#sessions.clear();
    this.onReconnect(lost.problems[0]!);
    if (this.#flight !== undefined) await this.#collect(this.#flight);
  }

  /** Collects the outcome of a change over the new connection, or sends the change again if the host never began it. */
  async #collect(flight: Flight): Promise<void> {
    const session = await this.#connection.session(flight.become);
    const collecting = {
      script: outcomeScript(flight.run, flight.number),
      what: flight.request.what ?? 'a change',
    };
    const found = decodeOutcome(
      await session.run({ ...flight.request, input: Buffer.alloc(0), ...collecting }),
    );
    this.#sessions.set(accountKey(flight.become), session);
    const later = session.run({ script: 'r_adopt; r_recover', what: 'recovering' });
    if (found === 'never') flight.collected = session.run(flight.request);
    else if (typeof found === 'object') flight.collected = Promise.resolve(found);
    else flight.collected = later.then(() => Promise.reject(cutOff(found, flight.request.what)));
    flight.collected.catch(() => {});
    later.catch(() => {});
  }

  /** Does not wait for the end. The next request to the session reports its problems. */
  #recover(session: Session): void {
    const onOutput = (stream: string, bytes: Buffer) => {
      // The session holds back the end of the line, because it could be the beginning of a mark.
      const lease = stream === 'stdout' ? decodeLease(`${bytes.toString().trimEnd()}\n`) : undefined;
      if (lease !== undefined) this.onWait(lease);
    };
    session.run({ script: 'r_recover', what: 'recovering', onOutput }).catch(() => {});
  }

  async #connectAgain(lost: ProblemError): Promise<Connection> {
    for (const delayS of reconnectDelaysS) {
      if (this.#closed) throw lost;
      await sleep(delayS * 1000);
      try {
        return await connect(this.#host, this.#options);
      } catch (thrown) {
        if (!(thrown instanceof ProblemError) || thrown.problems[0]?.code !== 'unreachable') throw thrown;
      }
    }
    throw lost;
  }
}
