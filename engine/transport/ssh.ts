import type { Client, ClientChannel } from 'ssh2';
import type { Become, Host } from '../host.ts';
import { ProblemError } from '../problem.ts';
import { shellCommand } from '../quote.ts';
import { startingWords } from './become.ts';
import type { ConnectOptions } from './connect-options.ts';
import { type Asked, type Ending, type Link, NoMoreShells, type Shell } from './link.ts';
import { type LoggedIn, logIn } from './login.ts';
import { withResolvers } from './process.ts';
import { type Target, targetOf } from './target.ts';

/** Connects and logs in. Rejects as `connect` does. */
export async function connectSsh(host: Host, options: ConnectOptions): Promise<Link> {
  const target = targetOf(host, options);
  return new SshLink(target, await logIn(target, options));
}

class SshLink implements Link {
  readonly asksPasswords = true;
  readonly login: string;
  readonly hostKeyFingerprint: string;
  readonly loginKey: string | undefined;
  readonly #host: Target;
  readonly #client: Client;
  readonly #timeoutMs: number;
  readonly #closed: Promise<void>;
  #cause: string | undefined;

  constructor(host: Target, { client, hostKeyFingerprint, loginKey }: LoggedIn) {
    this.#host = host;
    this.#client = client;
    this.#timeoutMs = host.connectTimeoutMs;
    this.login = host.user;
    this.hostKeyFingerprint = hostKeyFingerprint;
    this.loginKey = loginKey;
    client.removeAllListeners('error');
    client.on('error', error => {
      this.#cause ??= error.message;
    });
    this.#closed = new Promise(resolve => client.once('close', () => resolve()));
  }

  async open(become: Become | undefined, asked?: Asked): Promise<Shell> {
    const channel = await this.#exec(`exec ${shellCommand(startingWords(become, asked))}`);
    const { promise: ended, resolve: end } = withResolvers<Ending>();
    // There is a code only if the shell has ended by itself, and none after a lost connection.
    channel.once('close', (code?: number | null, signal?: string) =>
      end({
        ...(typeof code === 'number' ? { code } : {}),
        ...(signal ? { signal } : {}),
        ...(this.#cause === undefined ? {} : { cause: this.#cause }),
      }),
    );
    const destroy = () => {
      channel.destroy();
      end({});
    };
    return { stdin: channel, stdout: channel, stderr: channel.stderr, ended, destroy };
  }

  refusal(): undefined {
    return undefined;
  }

  async close(): Promise<void> {
    this.#client.end();
    const timer = setTimeout(() => this.#client.destroy(), 1000);
    await this.#closed;
    clearTimeout(timer);
  }

  async #exec(command: string): Promise<ClientChannel> {
    const seconds = this.#timeoutMs / 1000;
    let timer: NodeJS.Timeout | undefined;
    let refused = false;
    // On a half-open connection, ssh2 never calls back.
    const silence = new Promise<string>(resolve => {
      timer = setTimeout(() => resolve(`The host opened no shell within ${seconds} s.`), this.#timeoutMs);
    });
    const lost = this.#closed.then(() => 'The connection ended before a shell was there.');
    const opened = new Promise<ClientChannel>((resolve, reject) => {
      this.#client.exec(command, (error, channel) => (error ? reject(error) : resolve(channel)));
    }).catch((error: Error) => {
      this.#cause ??= error.message;
      refused = true;
      return 'The host refused to open a shell; its MaxSessions may be too low.';
    });
    const outcome = await Promise.race([opened, lost, silence]);
    clearTimeout(timer);
    if (typeof outcome !== 'string') return outcome;
    const problem = { code: 'unreachable', message: outcome, host: this.#host.name } as const;
    throw new (refused ? NoMoreShells : ProblemError)(
      this.#cause === undefined ? problem : { ...problem, cause: this.#cause },
    );
  }
}
