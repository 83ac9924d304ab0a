import ssh2, {
  type AnyAuthMethod,
  type BaseAgent,
  type IdentityCallback,
  type ParsedKey,
  type SignCallback,
  type SigningRequestOptions,
} from 'ssh2';
import { type Problem, ProblemError } from '../problem.ts';
import { keyType } from '../util/ssh-formats.ts';
import { acceptsKeyType } from './algorithms.ts';
import { type Ask, type KeyFile, keyFile } from './key-file.ts';
import type { Target } from './target.ts';

/** One proof for the login: a key or a certificate. */
export interface Identity {
  /** The name in messages: `the agent`, `~/.ssh/id_ed25519`. */
  label: string;
  method: AnyAuthMethod;
}

/** The identities to offer, in order, and the reasons for those that cannot be offered. */
export interface Identities {
  offered: Identity[];
  passedOver: string[];
}

/**
 * Returns the keys of the agent, then those in files; only the named keys if that is set. An encrypted key is offered by
 * its public half, so the program asks for its passphrase only after a host accepts it. Rejects with a ProblemError if no
 * named key is usable and there is no password.
 */
export async function identities(
  target: Target,
  ask: Ask | undefined,
  hasPassword = false,
): Promise<Identities> {
  const passedOver: string[] = [];
  const taken = (label: string, type: string) => {
    const accepted = acceptsKeyType(target, type);
    if (!accepted) passedOver.push(`PubkeyAcceptedAlgorithms of ssh_config leaves out ${label} (${type})`);
    return accepted;
  };
  const files = (await Promise.all(target.identityFiles.map(keyFile))).filter(
    ({ label, blob }) => blob === undefined || taken(label, keyType(blob)),
  );
  const agent = target.agent === undefined ? undefined : ssh2.createAgent(target.agent);
  const all =
    agent === undefined
      ? []
      : (
          await keysOf(agent, target.connectTimeoutMs).catch((error: Error) => {
            passedOver.push(`the agent did not answer (${error.message})`);
            return [];
          })
        ).filter(({ type }) => taken('a key of the agent', type));
  const named = files.flatMap(({ blob }) => (blob === undefined ? [] : [blob]));
  const rank = (key: ParsedKey) => named.findIndex(blob => blob.equals(key.getPublicSSH()));
  const first = named.flatMap((_, i) => all.filter(key => rank(key) === i));
  const others = target.identitiesOnly && named.length > 0 ? [] : all.filter(key => rank(key) < 0);
  const held = [...first, ...others];
  const offered: Identity[] = [];
  const username = target.user;
  if (agent !== undefined && held.length > 0)
    offered.push({
      label: 'the agent',
      method: { type: 'agent', username, agent: new Signer(held, (...given) => agent.sign(...given)) },
    });
  for (const file of files) {
    if (file.blob !== undefined && first.some(key => key.getPublicSSH().equals(file.blob!))) continue;
    if (file.certificate !== undefined)
      passedOver.push(`the certificate ${file.certificate} needs "transport: openssh"`);
    const found = await identityOf(file, username, ask);
    if (typeof found !== 'string') offered.push(found);
    else if (file.is !== 'unusable' || !file.missing || target.identitiesOnly) passedOver.push(found);
  }
  if (
    target.identitiesOnly &&
    target.hop === undefined &&
    offered.length === 0 &&
    passedOver.length > 0 &&
    !hasPassword
  )
    throw new ProblemError(unusable(target, passedOver.join('; ')));
  return { offered, passedOver };
}

/** Returns the identity of a key's file, or the reason why it cannot be offered. */
async function identityOf(file: KeyFile, username: string, ask: Ask | undefined): Promise<Identity | string> {
  const { label } = file;
  if (file.is === 'unusable') return file.reason;
  if (file.is === 'ready') return { label, method: { type: 'publickey', username, key: file.key } };
  if (ask === undefined)
    return `${label} is encrypted, and there is no terminal to ask for its passphrase on`;
  if (file.blob !== undefined) {
    const line = `${keyType(file.blob)} ${file.blob.toString('base64')}`;
    const shown = [ssh2.utils.parseKey(line)].flat()[0] as ParsedKey | Error;
    if (!(shown instanceof Error))
      return {
        label,
        method: { type: 'agent', username, agent: new Signer([shown], unlockAndSign(file, ask)) },
      };
  }
  const key = await file.unlock(ask);
  return key === undefined
    ? `the passphrase of ${label} was not given`
    : { label, method: { type: 'publickey', username, key } };
}

/** Returns the public key of a proof that was accepted, in wire form; undefined for a password. */
export function acceptedKey({ method }: Identity): Buffer | undefined {
  if (method.type === 'agent' && method.agent instanceof Signer) return method.agent.signed?.getPublicSSH();
  if (method.type !== 'publickey') return undefined;
  const [parsed] = [ssh2.utils.parseKey(method.key, method.passphrase)].flat();
  return parsed instanceof Error ? undefined : parsed?.getPublicSSH();
}

/** Rejects if the agent does not answer in time. */
function keysOf(agent: BaseAgent, timeoutMs: number): Promise<ParsedKey[]> {
  return new Promise((resolve, reject) => {
    const late = new Error(`no answer within ${timeoutMs / 1000} s`);
    const timer = setTimeout(() => reject(late), timeoutMs);
    agent.getIdentities((error, keys) => {
      clearTimeout(timer);
      if (error) return reject(error);
      const parsed = [...(keys ?? [])].map(key => [ssh2.utils.parseKey(key as Buffer)].flat()[0]!);
      resolve(parsed.filter(key => !(key instanceof Error)) as ParsedKey[]);
    });
  });
}

type Sign = (key: ParsedKey, data: Buffer, options: SigningRequestOptions, done: SignCallback) => void;

/** Keys that are offered by their public halves, and the function that signs with them. */
class Signer extends ssh2.BaseAgent<ParsedKey> {
  readonly #keys: ParsedKey[];
  readonly #sign: Sign;
  /** The key that signed last. */
  signed: ParsedKey | undefined;

  constructor(keys: ParsedKey[], sign: Sign) {
    super();
    this.#keys = keys;
    this.#sign = sign;
  }

  override getIdentities(done: IdentityCallback<ParsedKey>): void {
    done(undefined, this.#keys);
  }

  override sign(...[key, data, options, done]: Parameters<Sign>): void;
  override sign(key: ParsedKey, data: Buffer, done: SignCallback): void;
  override sign(
    key: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    done?: SignCallback,
  ) {
    this.signed = key;
    if (typeof options === 'function') this.#sign(key, data, {}, options);
    else this.#sign(key, data, options, done!);
  }
}

/** Decrypts a key after a host has accepted its public half. */
function unlockAndSign(file: KeyFile & { is: 'locked' }, ask: Ask): Sign {
  return (_, data, { hash }, done) => {
    void file.unlock(ask).then(key => {
      const signed = key?.sign(data, hash) ?? new Error(`the passphrase of ${file.label} was not given`);
      if (signed instanceof Error) done(signed);
      else done(undefined, signed);
    });
  };
}

function unusable(target: Target, reason: string): Problem {
  return {
    code: 'invalid-value',
    message: `"identity_file": ${reason}.`,
    hint: `An encrypted key can be used through the agent:\n    ssh-add ${target.identityFiles[0] ?? 'KEY'}`,
    host: target.name,
  };
}
