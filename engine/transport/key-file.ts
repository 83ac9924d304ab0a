import { createPrivateKey } from 'node:crypto';
import { readFile as readText, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import ssh2, { type ParsedKey } from 'ssh2';
import { readFile } from '../util/read-file.ts';
import { keyType } from '../util/ssh-formats.ts';

/** Asks the user. Returns undefined without an answer. The terminal shows the answer only if `shown`. */
export type Ask = (question: string, shown?: boolean) => Promise<string | undefined>;

/** The file of a private key. `blob` is its public half in wire form, if known; `certificate` is the one beside the file. */
export type KeyFile = { label: string; blob: Buffer | undefined; certificate?: string } & (
  | { is: 'ready'; key: ParsedKey }
  /** Asks for the passphrase once in the life of the program, when the key is first needed. */
  | { is: 'locked'; unlock(ask: Ask | undefined): Promise<ParsedKey | undefined> }
  | { is: 'unusable'; reason: string; missing: boolean }
);

const attempts = 3;
const known = new Map<string, Promise<KeyFile>>();

/** Reads a key once for all hosts, because decrypting takes a third of a second. */
export async function keyFile(path: string): Promise<KeyFile> {
  const found = await stat(path).catch(() => undefined);
  const version = `${path} ${found?.mtimeMs} ${found?.size} ${found?.ino}`;
  const entry = known.get(version) ?? withCertificate(path);
  known.set(version, entry);
  return entry;
}

/** Returns the certificate beside a key, where ssh looks for it. */
async function withCertificate(path: string): Promise<KeyFile> {
  const [file, found] = await Promise.all([read(path), stat(`${path}-cert.pub`).catch(() => undefined)]);
  return found === undefined ? file : { ...file, certificate: `${file.label}-cert.pub` };
}

async function read(path: string): Promise<KeyFile> {
  const label = path.replace(homedir(), '~');
  const beside = await publicBlob(`${path}.pub`);
  let text: string;
  try {
    text = readFile(path).toString();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = `${label} cannot be read (${code ?? message})`;
    return { is: 'unusable', label, blob: beside, reason, missing: code === 'ENOENT' };
  }
  const blob = embeddedBlob(text) ?? beside;
  const unusable = (reason: string, of = blob): KeyFile => ({
    ...{ is: 'unusable', label, blob: of, reason: `${label} ${reason}`, missing: false },
  });
  if (keyType(blob ?? Buffer.alloc(0)).startsWith('sk-'))
    return unusable('is a key of a hardware token, which needs "transport: openssh"');
  const key = parse(text);
  if (key === 'encrypted') return locked(text, label, blob);
  if (key === 'unknown') return unusable('is not a key that can be used');
  if (!key.isPrivateKey()) return unusable('is a public key', key.getPublicSSH());
  return { is: 'ready', label, blob: key.getPublicSSH(), key };
}

function locked(text: string, label: string, blob: Buffer | undefined): KeyFile {
  let unlocked: Promise<ParsedKey | undefined> | undefined;
  const open = async (ask: Ask) => {
    for (let i = 0; i < attempts; i++) {
      const again = i === 0 ? '' : 'That was another one. ';
      const passphrase = await ask(`${again}Passphrase of ${label}: `);
      if (!passphrase) return undefined;
      const key = parse(text, passphrase);
      if (typeof key !== 'string') return key;
    }
    return undefined;
  };
  return {
    ...{ is: 'locked', label, blob },
    unlock: async ask => {
      if (ask === undefined) return undefined;
      unlocked ??= open(ask);
      return unlocked;
    },
  };
}

function parse(text: string, passphrase?: string): ParsedKey | 'encrypted' | 'unknown' {
  // For some formats, ssh2 returns a list, contrary to its types.
  const parsed = [ssh2.utils.parseKey(pem(text, passphrase) ?? text, passphrase)].flat()[0] as
    | ParsedKey
    | Error;
  if (!(parsed instanceof Error)) return parsed;
  const encrypted = /encrypted/i.test(parsed.message) || text.includes('BEGIN ENCRYPTED PRIVATE KEY');
  return encrypted || passphrase !== undefined ? 'encrypted' : 'unknown';
}

/** Converts a key in PKCS#8, which ssh2 does not read, to an older form that it does. */
function pem(text: string, passphrase: string | undefined): string | undefined {
  if (!/^-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/.test(text)) return undefined;
  try {
    const key = createPrivateKey({ key: text, ...(passphrase === undefined ? {} : { passphrase }) });
    const form = key.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1';
    return key.export({ type: form, format: 'pem' }).toString();
  } catch {
    return undefined;
  }
}

/** Returns the public half, which OpenSSH's format holds in clear even for an encrypted key. */
function embeddedBlob(text: string): Buffer | undefined {
  const base64 = /^-----BEGIN OPENSSH PRIVATE KEY-----\s+([\w+/=\s]+)-----END/.exec(text)?.[1];
  const bytes = Buffer.from(base64 ?? '', 'base64');
  const magic = 'openssh-key-v1\0';
  if (!bytes.subarray(0, magic.length).equals(Buffer.from(magic))) return undefined;
  try {
    let at = magic.length;
    const take = () => bytes.subarray(at + 4, (at += 4 + bytes.readUInt32BE(at)));
    for (let i = 0; i < 3; i++) take(); // cipher, key derivation, its options
    at += 4; // how many keys: always one
    return take();
  } catch {
    return undefined;
  }
}

async function publicBlob(path: string): Promise<Buffer | undefined> {
  const text = await readText(path, 'utf8').catch(() => '');
  const blob = Buffer.from(text.trim().split(/\s+/)[1] ?? '', 'base64');
  return keyType(blob) === '' ? undefined : blob;
}
