import { shownKey, sshKey } from '../engine/module-kit/ssh-key.ts';
import type { CommandResult } from '../engine/probe.ts';

/** One line of a file of authorized keys, as sshd(8) describes it. */
export interface KeyLine {
  /** The line itself. */
  line: string;
  /** The type and the key in base64: what identifies it. */
  key: string;
  /** The options, the type, the fingerprint and the comment. */
  shown: string;
}

const keyTypes =
  /^(ssh-ed25519|ssh-rsa|ssh-dss|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)$/;

/** Returns the key in a line, or undefined for an empty line, a comment, and anything that is no key. */
export function keyIn(line: string): KeyLine | undefined {
  const text = line.trim();
  const options = keyTypes.test(text.split(/\s/)[0]!)
    ? undefined
    : /^((?:"(?:[^"\\]|\\.)*"|[^\s"])+)\s+/.exec(text)?.[1];
  const rest = text.slice(options?.length ?? 0);
  const [, type = '', base64 = '', comment] = /^\s*(\S+)\s+([A-Za-z0-9+/]+=*)(?:\s+(.*))?$/.exec(rest) ?? [];
  if (!keyTypes.test(type)) return undefined;
  const found = sshKey(type, base64);
  if (found === undefined) return undefined;
  const shown = [options, shownKey(found), comment].filter(Boolean).join(' ');
  return { line: text, key: `${type} ${found.base64}`, shown };
}

/** A thing on the way to a file of keys. */
export interface Place {
  type: string;
  owner: string;
  mode: string;
}

/** The authorized keys of an account and their place. */
export interface AuthorizedKeys {
  group: string;
  path: string;
  home: Place | undefined;
  folder: Place | undefined;
  file: Place | undefined;
  lines: string[];
}

/** Returns where authorized-keys.sh says the keys are, or undefined if there is no such account. */
export function placeOfKeys({
  exit,
  stdout,
}: CommandResult): Pick<AuthorizedKeys, 'group' | 'path' | 'home'> | undefined {
  const [group = '', path = '', home = '-'] = stdout.split('\n');
  return exit === 0 ? { group, path, home: placeIn(home) } : undefined;
}

/** Returns what authorized-keys.sh says is there. */
export function keysThere({ stdout }: CommandResult): Pick<AuthorizedKeys, 'folder' | 'file' | 'lines'> {
  const [folder = '-', file = '-', ...lines] = stdout.split('\n');
  return {
    folder: placeIn(folder),
    file: placeIn(file),
    lines: lines.at(-1) === '' ? lines.slice(0, -1) : lines,
  };
}

function placeIn(line: string): Place | undefined {
  const [, type = '', owner = '', mode = ''] = /^(.*) (\S+) (\d+)$/.exec(line) ?? [];
  return line === '-' ? undefined : { type, owner, mode: mode.padStart(4, '0') };
}
