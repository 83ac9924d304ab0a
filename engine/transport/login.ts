import { homedir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuthenticationType, Client, ConnectConfig, Prompt } from 'ssh2';
import ssh2 from 'ssh2';
import { type Problem, ProblemError } from '../problem.ts';
import { fingerprint } from '../util/ssh-formats.ts';
import { offeredAlgorithms } from './algorithms.ts';
import type { ConnectOptions } from './connect-options.ts';
import { hostKeyProblem, login as loginCommand, record, recordedKeys } from './host-key.ts';
import { acceptedKey, type Identities, type Identity, identities } from './identities.ts';
import { streamThrough } from './jumps.ts';
import type { Ask } from './key-file.ts';
import { judge, type KnownKey } from './known-hosts.ts';
import { NotYet, openSocket } from './socket.ts';
import type { Target } from './target.ts';

/** Pauses before the next attempts: a server that refuses, or hangs up at once, may only have too many logins. */
const retriesMs = [300, 900, 2700];

/** A connection after the login, and the fingerprint of the host's key. */
export interface LoggedIn {
  client: Client;
  hostKeyFingerprint: string;
  /** The fingerprint of the key that logged in; undefined for a password. */
  loginKey: string | undefined;
}

/** Connects, if necessary through jump hosts, and logs in. Rejects as `connect` does. */
export async function logIn(target: Target, options: ConnectOptions): Promise<LoggedIn> {
  for (const delayMs of [...(options.retryDelaysMs ?? retriesMs), undefined]) {
    try {
      return await new Login(target, options, await recordedKeys(target)).run();
    } catch (thrown) {
      if (delayMs === undefined || !(thrown instanceof NotYet)) throw thrown;
      // A random part, so that logins that were refused together do not return together.
      await sleep(delayMs * (0.5 + Math.random()));
    }
  }
  throw new Error('unreachable code');
}

/** One attempt to log in, which records the facts that the message about a failure needs. */
class Login {
  readonly #target: Target;
  readonly #options: ConnectOptions;
  readonly #keys: readonly KnownKey[];
  readonly #client = new ssh2.Client();
  readonly #offered: string[] = [];
  #proofs: Identities = { offered: [], passedOver: [] };
  #accepted: readonly string[] = [];
  readonly #taken: string[] = [];
  #hostKey: Buffer | undefined;
  /** The last proof that was offered. */
  #proof: Identity | undefined;
  #hostKeyProblem: Problem | undefined;
  #timer: NodeJS.Timeout | undefined;
  #fail: (error: Error & { level?: string }) => void = () => {};

  constructor(target: Target, options: ConnectOptions, keys: readonly KnownKey[]) {
    this.#target = target;
    this.#options = options;
    this.#keys = keys;
  }

  async run(): Promise<LoggedIn> {
    const client = this.#client;
    try {
      // Before the contact with the host: there may be no identities.
      const algorithms = offeredAlgorithms(this.#target, this.#keys);
      this.#proofs = await this.#proofsOf(this.#target);
      const { jump } = this.#target;
      const sock =
        jump === undefined
          ? await openSocket(this.#target)
          : await streamThrough(jump, this.#target, async hop => (await logIn(hop, this.#options)).client);
      await new Promise<void>((resolve, reject) => {
        this.#fail = error => {
          // A key that cannot sign, or an agent that does not answer, is skipped.
          if (error.level === 'agent') this.#proofs.passedOver.push(error.message);
          else reject(this.#refusal(error));
        };
        client.on('error', error => this.#fail(error));
        client.once('close', () => this.#fail(new Error('the connection was closed')));
        client.once('ready', resolve);
        this.#startClock();
        client.connect({ ...this.#config(algorithms), sock: sock as never });
      });
      if (judge(this.#keys, this.#hostKey!).is === 'unknown') await record(this.#target, this.#hostKey!);
      this.#options.onEvent?.('authenticated');
      const key = this.#proof && acceptedKey(this.#proof);
      return { client, hostKeyFingerprint: fingerprint(this.#hostKey!), loginKey: key && fingerprint(key) };
    } catch (thrown) {
      client.on('error', () => {});
      client.destroy();
      throw thrown;
    } finally {
      clearTimeout(this.#timer);
    }
  }

  /** Returns the keys, and for the host itself the typed password, which a jump host does not get. */
  async #proofsOf({ user: username, hop }: Target): Promise<Identities> {
    const { password } = this.#options;
    const ask = this.#options.ask === undefined ? undefined : this.#patiently(this.#options.ask);
    const proofs = await identities(this.#target, ask, password !== undefined);
    if (password === undefined || hop !== undefined) return proofs;
    const prompt = answers(password, this.#target.name, ask);
    const offered: Identity[] = [
      ...proofs.offered,
      { label: thePassword, method: { type: 'password', username, password } },
      { label: thePassword, method: { type: 'keyboard-interactive', username, prompt: prompt as never } },
    ];
    return { ...proofs, offered };
  }

  /** The time limit excludes the time that the user takes to answer. */
  #patiently(ask: Ask): Ask {
    return async (question, shown) => {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      try {
        return await ask(question, shown);
      } finally {
        this.#startClock();
      }
    };
  }

  #startClock(): void {
    clearTimeout(this.#timer);
    const late = new Error('Timed out while waiting for handshake');
    this.#timer = setTimeout(() => this.#fail(late), this.#target.connectTimeoutMs);
  }

  #config(algorithms: NonNullable<ConnectConfig['algorithms']>): ConnectConfig {
    const left = [...this.#proofs.offered];
    return {
      username: this.#target.user,
      ident: 'reconcile',
      readyTimeout: 0,
      keepaliveInterval: this.#target.keepaliveMs,
      keepaliveCountMax: this.#target.keepaliveCountMax,
      algorithms,
      // ssh2 calls this again at each re-keying.
      hostVerifier: (key: Buffer) => {
        this.#hostKey = key;
        this.#hostKeyProblem = hostKeyProblem(this.#target, this.#keys, key);
        return this.#hostKeyProblem === undefined;
      },
      authHandler: (accepted, partial, next) => {
        // The host accepted this proof and wants another one.
        if (partial) this.#taken.push(...this.#offered.splice(-1));
        if (accepted !== null) this.#accepted = accepted;
        // A host that wants two proofs names the kind of the second after the first.
        const at = left.findIndex(
          ({ method }) => accepted === null || accepted.includes(kindOf(method.type)),
        );
        const [proof] = at < 0 ? [] : left.splice(at, 1);
        // Without any proof, asking is the way to learn the methods of the host.
        if (proof === undefined && accepted === null)
          return next({ type: 'none', username: this.#target.user });
        if (proof === undefined) return next(false as never);
        if (!this.#offered.includes(proof.label)) this.#offered.push(proof.label);
        this.#proof = proof;
        next(proof.method);
      },
    };
  }

  #refusal(error: Error & { level?: string; code?: string }): ProblemError {
    const problem = this.#problem(error);
    const early =
      this.#hostKey === undefined && (/before handshake/.test(error.message) || error.code === 'ECONNRESET');
    return early ? new NotYet(problem) : new ProblemError(problem);
  }

  #problem(error: Error & { level?: string }): Problem {
    if (this.#hostKeyProblem !== undefined) return this.#hostKeyProblem;
    const { address, port, user, name: host } = this.#target;
    const problem = { host, cause: error.message };
    // This message is better than ssh2's.
    if (error.level === 'client-authentication')
      return { host, code: 'auth-failed', message: this.#refusedLogin(user), hint: this.#loginHint() };
    if (/too many authentication failures/i.test(error.message))
      return { ...problem, code: 'auth-failed', message: this.#refusedLogin(user), hint: this.#loginHint() };
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
    const passedOver = this.#proofs.passedOver.length === 0 ? '' : `; ${list(this.#proofs.passedOver)}`;
    return `The host did not let "${user}" in: ${this.#refusedProofs()}${passedOver}.`;
  }

  #refusedProofs(): string {
    const keys = list(this.#offered.filter(label => label !== thePassword));
    if (this.#offered.length === 0 && this.#taken.length > 0)
      return `it accepted ${list(this.#taken)}, and asks for ${list(this.#accepted)} besides`;
    if (!this.#offered.includes(thePassword))
      return keys === ''
        ? `there was no key to offer in ${this.#places()}`
        : `it accepted none of the keys of ${keys}`;
    return keys === ''
      ? 'it did not accept the password'
      : `it accepted neither a key of ${keys} nor the password`;
  }

  /** Returns the places that were searched for keys. */
  #places(): string {
    const files = this.#target.identityFiles.map(file => file.replace(homedir(), '~'));
    return list([this.#target.agent === undefined ? '$SSH_AUTH_SOCK (no agent)' : 'the agent', ...files]);
  }

  #loginHint(): string {
    const byHand = loginCommand(this.#target);
    if (this.#offered.includes(thePassword))
      return `The password is that of "${this.#target.user}" on the host, as in:\n    ${byHand}`;
    const canType =
      this.#options.password === undefined &&
      this.#accepted.some(kind => kind === 'password' || kind === 'keyboard-interactive');
    if (canType && !this.#accepted.includes('publickey'))
      return `The host lets people in by ${list(this.#accepted)} only. Give the password with --ask-pass.`;
    const typed = canType ? '\nor give the password with --ask-pass.' : '';
    const other =
      this.#offered.length === 0
        ? 'If the key is in another file, name it with `identity_file` in the inventory. '
        : '';
    return `${other}A key has to let you in without a question, as in:\n    ${byHand} true${typed}`;
  }
}

const thePassword = 'the password';

function kindOf(type: string): AuthenticationType {
  return (type === 'agent' ? 'publickey' : type) as AuthenticationType;
}

/** Answers the questions of a host: once with the password, and otherwise with the user's answer, such as a token's code. */
function answers(password: string, host: string, ask: Ask | undefined) {
  let used = false;
  return (
    _name: string,
    _words: string,
    _language: string,
    prompts: Prompt[],
    done: (answers: string[]) => void,
  ) => {
    void (async () => {
      const given: string[] = [];
      for (const { prompt, echo } of prompts) {
        const isPassword = !echo && !used && (prompts.length === 1 || /pass/i.test(prompt));
        if (isPassword) used = true;
        given.push(isPassword ? password : ((await ask?.(`${host}: ${prompt}`, echo)) ?? ''));
      }
      done(given);
    })();
  };
}

function list(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
