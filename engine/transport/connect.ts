import type { Become, Host } from '../host.ts';
import type { Problem } from '../problem.ts';
import { answerQuestion, askedBy, becomeRefusal } from './become.ts';
import type { ConnectOptions } from './connect-options.ts';
import { type Asked, type Ending, type Link, NoMoreShells, type Shell } from './link.ts';
import { processLink } from './process.ts';
import { type Session, startSession } from './session.ts';

export type { Ask } from './key-file.ts';
export type { Answer, Request, Session } from './session.ts';

/** A connection to a host, shared by the sessions of all accounts of a run. */
export interface Connection {
  /** Returns the open session of an account, or starts a new shell on the same connection. */
  session(become: Become | false): Promise<Session>;
  /** `SHA256:…` of the host's key; undefined for transports without one. */
  readonly hostKeyFingerprint: string | undefined;
  /** The account of the login; undefined if only the host knows it. */
  readonly login: string | undefined;
  /** `SHA256:…` of the key that logged in; undefined if none did, or if only ssh knows it. */
  readonly loginKey: string | undefined;
  /** Closes all sessions, then the connection. */
  close(): Promise<void>;
}

/**
 * Connects to a host and logs in. Rejects with a ProblemError: unreachable, auth-failed, host-key-unknown,
 * host-key-changed, host-key-revoked, or invalid-value for a setting that this transport does not support.
 */
export async function connect(host: Host, given: ConnectOptions = {}): Promise<Connection> {
  const [password, becomePassword] = [host.password?.reveal(), host.becomePassword?.reveal()];
  const options = {
    ...given,
    ...(password !== undefined && { password }),
    ...(becomePassword !== undefined && { becomePassword }),
  };
  return new LinkConnection(host, await dial(host, options), options);
}

async function dial(host: Host, options: ConnectOptions): Promise<Link> {
  return host.transport === 'ssh' ? sshLink(host, options) : processLink(host, options);
}

/** Opens one session on a connection of its own; closing the session closes both. Rejects as `connect` does. */
export async function openSession(
  host: Host,
  become: Become | false,
  options: ConnectOptions = {},
): Promise<Session> {
  const connection = await connect(host, options);
  try {
    const session = await connection.session(become);
    const close = session.close.bind(session);
    session.close = () => close().finally(() => connection.close());
    return session;
  } catch (thrown) {
    await connection.close();
    throw thrown;
  }
}

// ssh2 takes 90 ms to load, so only a command that connects loads it.
async function sshLink(host: Host, options: ConnectOptions): Promise<Link> {
  const { connectSsh } = await import('./ssh.ts');
  return connectSsh(host, options);
}

class LinkConnection implements Connection {
  readonly hostKeyFingerprint: string | undefined;
  readonly login: string | undefined;
  readonly loginKey: string | undefined;
  readonly #host: Host;
  readonly #link: Link;
  readonly #options: ConnectOptions;
  readonly #sessions = new Map<string, Promise<Session>>();
  /** Another connection, for a host that opens no more shells on the first. */
  readonly #more: Link[] = [];

  constructor(host: Host, link: Link, options: ConnectOptions) {
    this.#host = host;
    this.#link = link;
    this.#options = options;
    this.hostKeyFingerprint = link.hostKeyFingerprint;
    this.login = link.login;
    this.loginKey = link.loginKey;
  }

  session(wanted: Become | false): Promise<Session> {
    const become = wanted === false || wanted.user === this.#link.login ? undefined : wanted;
    const account = become?.user ?? this.#link.login ?? '';
    const open = this.#sessions.get(account);
    if (open !== undefined) return open;
    const session = this.#open(become, account);
    const forget = () => this.#sessions.get(account) === session && this.#sessions.delete(account);
    session.then(({ closed }) => closed).then(forget, forget);
    this.#sessions.set(account, session);
    return session;
  }

  async close(): Promise<void> {
    const sessions = await Promise.allSettled(this.#sessions.values());
    await Promise.all(sessions.map(each => each.status === 'fulfilled' && each.value.close()));
    await Promise.all([this.#link, ...this.#more].map(link => link.close()));
  }

  async #open(become: Become | undefined, account: string): Promise<Session> {
    const { name: host } = this.#host;
    const startTimeoutMs = 3 * (this.#options.connectTimeoutMs ?? 10_000);
    const asked = this.#link.asksPasswords ? askedBy(become, this.#options.becomePassword) : undefined;
    const refusal = (ending: Ending, words: string) =>
      this.#link.refusal(ending, words) ??
      shellRefusal(host, this.#link.login ?? '', become, asked, ending, words);
    const shell = await this.#shell(become, asked);
    if (become !== undefined && asked !== undefined) {
      const message = `The login worked, but ${become.method} neither asked for the password nor started a shell within ${startTimeoutMs / 1000} s.`;
      const problem = (cause: string) => ({
        code: 'timeout' as const,
        message,
        host,
        ...(cause && { cause }),
      });
      await answerQuestion(shell, become, asked, refusal, { ms: startTimeoutMs, problem });
    }
    return startSession(shell, { host, account, startTimeoutMs, prelude: this.#options.prelude, refusal });
  }

  /** If sshd allows too few sessions on a connection, the next account gets a connection of its own. */
  async #shell(become: Become | undefined, asked: Asked | undefined): Promise<Shell> {
    try {
      return await this.#link.open(become, asked);
    } catch (thrown) {
      if (!(thrown instanceof NoMoreShells) || this.#sessions.size < 2) throw thrown;
      const link = await dial(this.#host, this.#options);
      this.#more.push(link);
      return link.open(become, asked);
    }
  }
}

/** Returns the problem of a shell that ended before its first word, if the link itself has no reason. */
function shellRefusal(
  host: string,
  login: string,
  become: Become | undefined,
  asked: Asked | undefined,
  ending: Ending,
  words: string,
): Problem {
  const cause = words || ending.cause;
  const problem = { host, ...(cause === undefined ? {} : { cause }) };
  const status = ending.signal ?? ending.code;
  if (status === undefined)
    return { ...problem, code: 'unreachable', message: 'The connection ended before a shell answered.' };
  if (become === undefined)
    return {
      ...problem,
      code: 'unreachable',
      message: `The login worked, but its shell ended with ${status}.`,
    };
  return { ...becomeRefusal(login, become, asked, ending, words), host };
}
