import type { Become, Host } from '../host.ts';
import type { Problem } from '../problem.ts';
import type { Ending, Link } from './link.ts';
import { processLink } from './process.ts';
import { type Session, startSession } from './session.ts';

export type { Answer, Request, Session } from './session.ts';

/** How hosts are connected to. What is left out has the default that is named. */
export interface ConnectOptions {
  /** For the TCP connection, and again for the login; 10 000. The first word of a shell may take three times as long. */
  connectTimeoutMs?: number;
  /** Time between two signs of life; a host that owes three is lost. 15 000. */
  keepaliveMs?: number;
  /** The user's and the system's known_hosts. Files that do not exist are empty. */
  knownHostsFiles?: readonly string[];
  /** The socket of the SSH agent, or false for none; the environment's SSH_AUTH_SOCK. */
  agent?: string | false;
  /** Private keys to try when the host names none; those in ~/.ssh. */
  identityFiles?: readonly string[];
  /** False accepts a key that nobody has recorded (for throw-away hosts), but never a changed one. True. */
  strictHostKeys?: boolean;
  /** Shell functions that every script of a session can call. */
  prelude?: string;
  /** For measurements: what has just happened. */
  onEvent?: (event: 'authenticated') => void;
}

/** A way to a host that all sessions of a run share, whatever account they have. */
export interface Connection {
  /** The session of an account: the open one if there is one, else a new shell on the same connection. */
  session(become: Become | false): Promise<Session>;
  /** `SHA256:…` of the key that the host showed; undefined for transports without one. */
  readonly hostKeyFingerprint: string | undefined;
  /** Closes all sessions, then the connection. */
  close(): Promise<void>;
}

/**
 * Connects to a host and logs in. Rejects with a ProblemError: unreachable, auth-failed, host-key-unknown,
 * host-key-changed, or invalid-value for what this transport cannot do.
 */
export async function connect(host: Host, options: ConnectOptions = {}): Promise<Connection> {
  const link = host.transport === 'ssh' ? await sshLink(host, options) : processLink(host, options);
  return new LinkConnection(host, link, options);
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

// ssh2 takes 90 ms to load, so that only who connects pays for it.
async function sshLink(host: Host, options: ConnectOptions): Promise<Link> {
  const { connectSsh } = await import('./ssh.ts');
  return connectSsh(host, options);
}

class LinkConnection implements Connection {
  readonly hostKeyFingerprint: string | undefined;
  readonly #host: Host;
  readonly #link: Link;
  readonly #options: ConnectOptions;
  readonly #sessions = new Map<string, Promise<Session>>();

  constructor(host: Host, link: Link, options: ConnectOptions) {
    this.#host = host;
    this.#link = link;
    this.#options = options;
    this.hostKeyFingerprint = link.hostKeyFingerprint;
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
    await this.#link.close();
  }

  async #open(become: Become | undefined, account: string): Promise<Session> {
    const shell = await this.#link.open(become);
    return startSession(shell, {
      host: this.#host.name,
      account,
      startTimeoutMs: 3 * (this.#options.connectTimeoutMs ?? 10_000),
      prelude: this.#options.prelude,
      refusal: (ending, words) =>
        this.#link.refusal(ending, words) ?? shellRefusal(this.#host, become, ending, words),
    });
  }
}

/** Why a shell ended before its first word, when the link itself has no reason. */
function shellRefusal(host: Host, become: Become | undefined, ending: Ending, words: string): Problem {
  const cause = words || ending.cause;
  const problem = { host: host.name, ...(cause === undefined ? {} : { cause }) };
  const status = ending.signal ?? ending.code;
  if (status === undefined)
    return { ...problem, code: 'unreachable', message: 'The connection ended before a shell answered.' };
  if (become === undefined)
    return {
      ...problem,
      code: 'unreachable',
      message: `The login worked, but its shell ended with ${status}.`,
    };
  // A login shell such as nologin, or a start-up file that exits, does not even get there.
  if (!new RegExp(`\\b${become.method}\\b|^sorry`, 'im').test(words)) {
    const message = `The login worked, but the shell of "${host.user}" ended with ${status} before ${become.method} said a word.`;
    return { ...problem, code: 'become-failed', message };
  }
  const message = `The login worked, but ${become.method} did not make "${host.user}" into "${become.user}".`;
  return { ...problem, code: 'become-failed', message, ...becomeHint(host, become) };
}

function becomeHint(host: Host, become: Become): { hint?: string } {
  if (become.method === 'su') return {};
  const rule =
    become.method === 'sudo'
      ? `${host.user} ALL=(${become.user}) NOPASSWD: ALL`
      : `permit nopass ${host.user} as ${become.user}`;
  const file = become.method === 'sudo' ? '/etc/sudoers.d' : '/etc/doas.conf';
  return { hint: `It has to work without a password. On the host, as root, add to ${file}:\n    ${rule}` };
}
