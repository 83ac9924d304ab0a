import { setTimeout as sleep } from 'node:timers/promises';
import type { Become, Host } from '../host.ts';
import type { Lease } from '../lease.ts';
import { type Problem, ProblemError } from '../problem.ts';
import { type Answer, type Connection, connect, type Request, type Session } from '../transport/connect.ts';
import type { ConnectOptions } from '../transport/connect-options.ts';
import { Greeting } from './greeting.ts';
import { decodeLease } from './host-lease.ts';
import { cutOff, decodeOutcome, isLoss, outcome } from './kept-outcome.ts';
import { preludeFor } from './prelude.ts';

/** Pauses before each attempt to make a lost connection again: a host that was restarted needs some time. */
const reconnectDelaysS = [1, 2, 4, 8, 16];

/** A new connection that shows that a host can still be entered may take this long. */
const proofTimeoutMs = 6000;

/** A change that was sent and not answered yet. */
export interface Flight {
  become: Become | false;
  run: string;
  /** Of the change in its run. */
  number: number;
  request: Request;
  /** What was found of it after the connection was made again. */
  collected?: Promise<Answer>;
}

/** A shell for each account over one connection to a host, which is made again when it is lost. */
export class AccountSessions {
  readonly greeting = new Greeting();
  readonly #host: Host;
  readonly #options: ConnectOptions;
  readonly #sessions = new Map<string, Session>();
  #connection: Connection;
  #recovers: boolean;
  #flight: Flight | undefined;
  #restoring: Promise<void> | undefined;
  #closed = false;
  /** Told when a lost connection was made again, and why it was lost. */
  onReconnect: (why: Problem) => void = () => {};
  /** Told when something goes on that a run without a controller has begun: its end is waited for. */
  onWait: (lease: Lease) => void = () => {};

  private constructor(host: Host, options: ConnectOptions, connection: Connection, recovers: boolean) {
    this.#host = host;
    this.#options = options;
    this.#connection = connection;
    this.#recovers = recovers;
  }

  /** `recovers` finishes what an earlier run was cut off in before anything else is done. */
  static async start(host: Host, options: ConnectOptions, recovers: boolean): Promise<AccountSessions> {
    const own = { ...options, prelude: preludeFor(host) };
    return new AccountSessions(host, own, await connect(host, own), recovers);
  }

  /** `SHA256:…` of the key that the host showed; undefined for transports without one. */
  get hostKey(): string | undefined {
    return this.#connection.hostKeyFingerprint;
  }

  /** The account that is logged in; undefined when only the host knows. */
  get login(): string | undefined {
    return this.#connection.login;
  }

  /** For shells that began as ones that only read: finishes what was cut off. */
  recover(): void {
    this.#recovers = true;
    for (const session of this.#sessions.values()) this.#recover(session);
  }

  /**
   * Requests of an account whose shell is there go out in the order of the calls, without waiting for answers. One
   * that a lost connection took the answer from is sent again, or, for a change, its outcome is collected.
   */
  async run(become: Become | false, request: Request, flight?: Flight): Promise<Answer> {
    const account = JSON.stringify(become);
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

  /** What keeps one from entering the host anew and becoming an account; undefined = nothing. */
  async obstacle(become: Become | false): Promise<Problem | undefined> {
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

  close(): Promise<void> {
    this.#closed = true;
    return this.#connection.close();
  }

  async #open(become: Become | false): Promise<Session> {
    const session = await this.#connection.session(become);
    this.#sessions.set(JSON.stringify(become), session);
    // Sent together with the first request: it costs no round trip.
    if (this.#recovers) this.#recover(session);
    this.greeting.ask(session);
    return session;
  }

  /** All that the lost connection leaves without an answer waits for the same new one. */
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
    const flight = this.#flight;
    if (flight === undefined) return;
    const session = await this.#connection.session(flight.become);
    const collecting = {
      script: outcome(flight.run, flight.number),
      what: flight.request.what ?? 'a change',
    };
    const found = decodeOutcome(
      await session.run({ ...flight.request, input: Buffer.alloc(0), ...collecting }),
    );
    this.#sessions.set(JSON.stringify(flight.become), session);
    const later = session.run({ script: 'r_adopt; r_recover', what: 'recovering' });
    if (found === 'never') flight.collected = session.run(flight.request);
    else if (typeof found === 'object') flight.collected = Promise.resolve(found);
    else flight.collected = later.then(() => Promise.reject(cutOff(found, flight.request.what)));
    flight.collected.catch(() => {});
    later.catch(() => {});
  }

  /** Does not wait. The next request to the session reports its problems. */
  #recover(session: Session): void {
    const onOutput = (stream: string, bytes: Buffer) => {
      // The end of the line is held back: it could be the beginning of a mark.
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
