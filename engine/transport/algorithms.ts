import type { ConnectConfig } from 'ssh2';
import constants from 'ssh2/lib/protocol/constants.js';
import { ProblemError } from '../problem.ts';
import { hostKeyAlgorithms, type KnownKey } from './known-hosts.ts';
import { matchesPattern } from './name-patterns.ts';
import type { AlgorithmKeyword, Target } from './target.ts';

/** Algorithms that OpenSSH 9.2 refuses by default, but ssh2 offers: SHA-1, CBC, and groups unknown to OpenSSH. */
const refused = /sha1|cbc|group1[57]-sha512/;
const rsa = ['rsa-sha2-512', 'rsa-sha2-256'];
const keyTypes = [
  ...['ssh-ed25519', 'sk-ssh-ed25519@openssh.com', 'sk-ecdsa-sha2-nistp256@openssh.com'],
  ...['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', ...rsa],
];

/** The default algorithms of transport ssh, and all that it supports. */
const lists: Record<AlgorithmKeyword, { usual: readonly string[]; all: readonly string[] }> = {
  Ciphers: { usual: usual(constants.DEFAULT_CIPHER), all: constants.SUPPORTED_CIPHER },
  KexAlgorithms: { usual: usual(constants.DEFAULT_KEX), all: constants.SUPPORTED_KEX },
  MACs: { usual: usual(constants.DEFAULT_MAC), all: constants.SUPPORTED_MAC },
  HostKeyAlgorithms: { usual: hostKeyAlgorithms([]), all: constants.SUPPORTED_SERVER_HOST_KEY },
  PubkeyAcceptedAlgorithms: { usual: keyTypes, all: [...keyTypes, 'ssh-rsa'] },
};

function usual(names: readonly string[]): string[] {
  return names.filter(name => !refused.test(name));
}

/**
 * Returns the algorithms to offer to a host: those of ssh_config, as ssh reads it, that ssh2 supports. Throws a
 * ProblemError if none is left.
 */
export function offeredAlgorithms(
  target: Target,
  keys: readonly KnownKey[],
): NonNullable<ConnectConfig['algorithms']> {
  const hostKeys = chosen(target, 'HostKeyAlgorithms');
  // An order in ssh_config stays; otherwise the recorded types come first.
  const isOrdered = /^[^+-]/.test(target.algorithms.HostKeyAlgorithms ?? '+');
  return {
    cipher: chosen(target, 'Ciphers') as never,
    kex: chosen(target, 'KexAlgorithms') as never,
    hmac: chosen(target, 'MACs') as never,
    serverHostKey: (isOrdered ? hostKeys : hostKeyAlgorithms(keys, hostKeys)) as never,
    compress: ['none'],
  };
}

/** Whether a key of this type may be offered to a host. For RSA, the host chooses between the two signatures. */
export function acceptsKeyType(target: Target, type: string): boolean {
  const accepted = chosen(target, 'PubkeyAcceptedAlgorithms');
  return (type === 'ssh-rsa' ? rsa : [type]).every(name => accepted.includes(name));
}

/** `a,b` is the whole list; `+a`, `-a` and `^a` add to, remove from or reorder the defaults. Names may be patterns. */
function chosen(target: Target, keyword: AlgorithmKeyword): string[] {
  const text = target.algorithms[keyword];
  const { usual, all } = lists[keyword];
  if (text === undefined) return [...usual];
  const patterns = text.replace(/^[+^-]/, '').split(',');
  const named = (from: readonly string[]) => [
    ...new Set(patterns.flatMap(pattern => from.filter(name => matchesPattern(pattern, name)))),
  ];
  const without = (names: readonly string[]) => usual.filter(name => !names.includes(name));
  const result = text.startsWith('+')
    ? [...usual, ...named(all).filter(name => !usual.includes(name))]
    : text.startsWith('-')
      ? without(named(usual))
      : text.startsWith('^')
        ? [...named(all), ...without(named(all))]
        : named(all);
  if (result.length > 0) return result;
  throw new ProblemError({
    code: 'invalid-value',
    message: `ssh_config sets ${keyword} "${text}" for "${target.address}", none of which transport ssh supports.`,
    hint: 'Set "transport: openssh" for this host: it runs ssh itself.',
    host: target.name,
  });
}
