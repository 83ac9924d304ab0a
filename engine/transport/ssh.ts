import type { Client, ClientChannel, ConnectConfig } from 'ssh2';
import ssh2 from 'ssh2';
import type { Become, Host } from '../host.ts';
import { type Problem, ProblemError } from '../problem.ts';
import { shellCommand } from '../quote.ts';
import { becomeWords } from './become.ts';
import { hostKeyProblem, recordedKeys } from './host-key.ts';
import { type Identities, identities } from './identities.ts';
import type { ConnectOptions } from './index.ts';
import { fingerprint, hostKeyAlgorithms, type KnownKey } from './known-hosts.ts';
import type { Ending, Link, Shell } from './link.ts';
import { bootstrap } from './loop.ts';
import { withResolvers } from './process.ts';
import { openSocket } from './socket.ts';

const unansweredSigns = 3;

/** What OpenSSH 9.2 accepts by default and ssh2 can do: no SHA-1, no CBC. */
const algorithms: NonNullable<ConnectConfig['algorithms']> = {
  kex: {
    append: [],
    prepend: [],
    remove: [
      'diffie-hellman-group-exchange-sha1',
      'diffie-hellman-group14-sha1',
      'diffie-hellman-group1-sha1',
    ],
  },
  hmac: { append: [], prepend: [], remove: ['hmac-sha1', 'hmac-sha1-etm@openssh.com'] },
  compress: ['none'],
};

/** Connects and logs in. Rejects as `connect` does. */
export async function connectSsh(host: Host, options: ConnectOptions): Promise<Link> {
  if (host.proxyJump !== undefined) throw new ProblemError(noJump(host));
  const [keys, proofs] = await Promise.all([
    recordedKeys(host, options.knownHostsFiles),
    identities(host, options, ssh2.utils.parseKey),
  ]);
  const login = new Login(host, options, keys, proofs);
  return login.run();
}

/** One attempt to log in, and what was learnt on the way for the sentence that explains a failure. */
class Login {
  readonly #host: Host;
  readonly #options: ConnectOptions;
  readonly #keys: readonly KnownKey[];
  readonly #proofs: Identities;
  readonly #offered: string[] = [];
  #accepted: readonly string[] = [];
  #hostKey: Buffer | undefined;
  #hostKeyProblem: Problem | undefined;

  constructor(host: Host, options: ConnectOptions, keys: readonly KnownKey[], proofs: Identities) {
    this.#host = host;
    this.#options = options;
    this.#keys = keys;
    this.#proofs = proofs;
  }

  async run(): Promise<Link> {
    const timeoutMs = this.#options.connectTimeoutMs ?? 10_000;
    const sock = await openSocket(this.#host, timeoutMs);
    const client = new ssh2.Client();
    await new Promise<void>((resolve, reject) => {
      const fail = (error: Error & { level?: string }) => {
        // An agent that does not answer is passed over.
        if (error.level !== 'agent') reject(new ProblemError(this.#problem(error)));
        else this.#proofs.passedOver.push(`the agent did not answer (${error.message})`);
      };
      client.on('error', fail);
      client.once('close', () => fail(new Error('the connection was closed')));
      client.once('ready', resolve);
      client.connect({ ...this.#config(timeoutMs), sock });
    }).catch(thrown => {
      client.destroy();
      throw thrown;
    });
    this.#options.onEvent?.('authenticated');
    return new SshLink(this.#host, client, fingerprint(this.#hostKey!), timeoutMs);
  }

  #config(timeoutMs: number): ConnectConfig {
    const proofs = this.#proofs.offered.values();
    return {
      username: this.#host.user,
      ident: 'reconcile',
      readyTimeout: timeoutMs,
      keepaliveInterval: this.#options.keepaliveMs ?? 15_000,
      keepaliveCountMax: unansweredSigns,
      algorithms: { ...algorithms, serverHostKey: hostKeyAlgorithms(this.#keys) as never },
      // Called again at each re-keying.
      hostVerifier: (key: Buffer) => {
        this.#hostKey = key;
        this.#hostKeyProblem = hostKeyProblem(
          this.#host,
          this.#keys,
          key,
          this.#options.strictHostKeys !== false,
        );
        return this.#hostKeyProblem === undefined;
      },
      authHandler: (accepted, _partial, next) => {
        if (accepted !== null) this.#accepted = accepted;
        const proof = proofs.next().value;
        if (proof === undefined) return next(false as never);
        this.#offered.push(proof.label);
        next(proof.method);
      },
    };
  }

  #problem(error: Error & { level?: string }): Problem {
    if (this.#hostKeyProblem !== undefined) return this.#hostKeyProblem;
    const { address, port, user, name: host } = this.#host;
    const problem = { host, cause: error.message };
    // That all methods have failed is said better here.
    if (error.level === 'client-authentication')
      return { host, code: 'auth-failed', message: this.#refusedLogin(user), ...this.#loginHint() };
    if (/too many authentication failures/i.test(error.message))
      return { ...problem, code: 'auth-failed', message: this.#refusedLogin(user), ...this.#loginHint() };
    if (/no matching/.test(error.message))
      return {
        ...problem,
        code: 'unreachable',
        message: `Transport ssh and the SSH server of ${address} have no algorithm in common.`,
        hint: 'Set "transport: openssh" for this host.',
      };
    const stage = this.#hostKey === undefined ? 'No SSH server answered' : 'The login was not finished';
    return { ...problem, code: 'unreachable', message: `${stage} at ${address} port ${port}.` };
  }

  #refusedLogin(user: string): string {
    const offered =
      this.#offered.length === 0
        ? 'there was no key to offer'
        : `it accepted none of the keys of ${list(this.#offered)}`;
    const passedOver = this.#proofs.passedOver.length === 0 ? '' : `; ${list(this.#proofs.passedOver)}`;
    return `The host did not let "${user}" in: ${offered}${passedOver}.`;
  }

  #loginHint(): { hint?: string } {
    if (this.#accepted.length > 0 && !this.#accepted.includes('publickey'))
      return {
        hint: `The host lets people in by ${list(this.#accepted)} only, and passwords are not supported.`,
      };
    const target = shellCommand([
      'ssh',
      '-p',
      String(this.#host.port),
      `${this.#host.user}@${this.#host.address}`,
    ]);
    return { hint: `A key has to let you in without a question, as in:\n    ${target} true` };
  }
}

class SshLink implements Link {
  readonly login: string;
  readonly hostKeyFingerprint: string;
  readonly #host: Host;
  readonly #client: Client;
  readonly #timeoutMs: number;
  readonly #closed: Promise<void>;
  #cause: string | undefined;

  constructor(host: Host, client: Client, hostKeyFingerprint: string, timeoutMs: number) {
    this.#host = host;
    this.#client = client;
    this.#timeoutMs = timeoutMs;
    this.login = host.user;
    this.hostKeyFingerprint = hostKeyFingerprint;
    client.removeAllListeners('error');
    client.on('error', error => {
      this.#cause ??= error.message;
    });
    this.#closed = new Promise(resolve => client.once('close', () => resolve()));
  }

  async open(become: Become | undefined): Promise<Shell> {
    const words = become === undefined ? bootstrap() : becomeWords(become, bootstrap());
    const channel = await this.#exec(`exec ${shellCommand(words)}`);
    const { promise: ended, resolve: end } = withResolvers<Ending>();
    // A code comes only when the shell has ended by itself; a lost connection leaves nothing.
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
    // On a half-open connection ssh2 never calls back.
    const silence = new Promise<string>(resolve => {
      timer = setTimeout(() => resolve(`The host opened no shell within ${seconds} s.`), this.#timeoutMs);
    });
    const lost = this.#closed.then(() => 'The connection ended before a shell was there.');
    const opened = new Promise<ClientChannel>((resolve, reject) => {
      this.#client.exec(command, (error, channel) => (error ? reject(error) : resolve(channel)));
    }).catch((error: Error) => {
      this.#cause ??= error.message;
      return 'The host refused to open a shell; its MaxSessions may be too low.';
    });
    const outcome = await Promise.race([opened, lost, silence]);
    clearTimeout(timer);
    if (typeof outcome !== 'string') return outcome;
    const problem = { code: 'unreachable', message: outcome, host: this.#host.name } as const;
    throw new ProblemError(this.#cause === undefined ? problem : { ...problem, cause: this.#cause });
  }
}

function noJump(host: Host): Problem {
  return {
    code: 'invalid-value',
    message: `proxy_jump "${host.proxyJump}" is not supported by transport ssh yet.`,
    hint: 'Set "transport: openssh" for this host.',
    host: host.name,
  };
}

function list(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
