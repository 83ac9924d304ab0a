import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { AnyAuthMethod, ParsedKey, utils } from 'ssh2';
import type { Host } from '../host.ts';
import { type Problem, ProblemError } from '../problem.ts';

/** One way to prove who is logging in. */
export interface Identity {
  /** As people call it: `the agent`, `~/.ssh/id_ed25519`. */
  label: string;
  method: AnyAuthMethod;
}

/** What can be offered, in the order to offer it, and what cannot, with the reason. */
export interface Identities {
  offered: Identity[];
  passedOver: string[];
}

interface Sources {
  agent?: string | false;
  identityFiles?: readonly string[];
}

const defaultNames = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

/**
 * The host's own identity file alone, or else the agent and the usual files. Keys are parsed here, once: ssh2 would
 * do it at each attempt. Rejects with a ProblemError when the host's own file is of no use and there is no agent.
 */
export async function identities(
  host: Host,
  sources: Sources,
  parse: typeof utils.parseKey,
): Promise<Identities> {
  const socket = sources.agent ?? process.env['SSH_AUTH_SOCK'];
  const agent: Identity[] = socket
    ? [{ label: 'the agent', method: { type: 'agent', username: host.user, agent: socket } }]
    : [];
  const own = host.identityFile === undefined ? undefined : expandHome(host.identityFile);
  const files = own !== undefined ? [own] : (sources.identityFiles ?? defaultNames.map(inSshFolder));
  const read = await Promise.all(files.map(file => identityOf(file, host.user, parse)));
  const fromFiles = read.flatMap(each => ('method' in each ? [each] : []));
  const refused = read.flatMap(each => ('reason' in each ? [each] : []));
  if (own !== undefined && fromFiles.length > 0) return { offered: fromFiles, passedOver: [] };
  if (own !== undefined && agent.length === 0) throw new ProblemError(unusable(host, refused[0]!.reason));
  const passedOver = refused.filter(each => own !== undefined || !each.missing).map(each => each.reason);
  return { offered: [...agent, ...fromFiles], passedOver };
}

async function identityOf(
  file: string,
  username: string,
  parse: typeof utils.parseKey,
): Promise<Identity | { reason: string; missing: boolean }> {
  const label = file.replace(homedir(), '~');
  let text: Buffer;
  try {
    text = await readFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { reason: `${label} cannot be read (${code})`, missing: code === 'ENOENT' };
  }
  // For some formats ssh2 gives a list, whatever its types say.
  const parsed = [parse(text)].flat()[0] as ParsedKey | Error;
  if (parsed instanceof Error) {
    const encrypted = /encrypted/i.test(parsed.message);
    return {
      reason: `${label} ${encrypted ? 'is encrypted' : 'is not a key that can be used'}`,
      missing: false,
    };
  }
  if (!parsed.isPrivateKey()) return { reason: `${label} is a public key`, missing: false };
  return { label, method: { type: 'publickey', username, key: parsed } };
}

function unusable(host: Host, reason: string): Problem {
  return {
    code: 'invalid-value',
    message: `"identity_file": ${reason}.`,
    hint: `An encrypted key can be used through the agent:\n    ssh-add ${host.identityFile}`,
    host: host.name,
  };
}

function expandHome(path: string): string {
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;
}

function inSshFolder(name: string): string {
  return join(homedir(), '.ssh', name);
}
