import { createHash } from 'node:crypto';
import { isIPv6, SocketAddress } from 'node:net';
import { homedir, hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Host } from '../host.ts';
import { type Problem, ProblemError } from '../problem.ts';
import type { ConnectOptions } from './connect-options.ts';
import {
  type ConfigFile,
  expandHome,
  hostNameOf,
  isNone,
  type SshSettings,
  sshSettings,
} from './ssh-config.ts';

/** A host with the settings of its login: from the inventory first, then from ssh_config, then the defaults. */
export interface Target {
  /** The host's name in the inventory. A jump host has the name of the host behind it. */
  name: string;
  /** The name that a person gave to a jump host; undefined for the host itself. */
  hop?: string;
  address: string;
  port: number;
  user: string;
  /** Absolute paths of private keys, in the order to offer them. */
  identityFiles: readonly string[];
  /** Whether only the named keys are offered, and no others of the agent. */
  identitiesOnly: boolean;
  /** The socket of the agent. */
  agent: string | undefined;
  /** The last jump host before the host. */
  jump: Target | undefined;
  /** The host's name in known_hosts: its address and port, or only its HostKeyAlias. */
  knownAs: { name: string; port: number };
  /** An accepted key is recorded in the first one. */
  knownHostsFiles: readonly string[];
  hashKnownHosts: boolean;
  acceptsNew: boolean;
  hostKey: string | undefined;
  connectTimeoutMs: number;
  keepaliveMs: number;
  keepaliveCountMax: number;
  /** The version of IP to look up; undefined = any. */
  family: 4 | 6 | undefined;
  /** The values in ssh_config. */
  algorithms: Readonly<Partial<Record<AlgorithmKeyword, string>>>;
}

const usualKeys = ['id_ed25519', 'id_ecdsa', 'id_rsa', 'id_ed25519_sk', 'id_ecdsa_sk'];
const deepestJump = 8;

/** The keywords of ssh_config that choose algorithms. */
const algorithmKeywords = [
  'Ciphers',
  'KexAlgorithms',
  'MACs',
  'HostKeyAlgorithms',
  'PubkeyAcceptedAlgorithms',
] as const;
export type AlgorithmKeyword = (typeof algorithmKeywords)[number];

/** Keywords that only the ssh command supports. Without them, the connection could reach another host. */
const onlyOpenssh = ['proxycommand', 'knownhostscommand', 'revokedhostkeys', 'canonicalizehostname'];

/**
 * Returns the target of `ssh ADDRESS` with the inventory's user, port, key and jump as its options. Throws a ProblemError
 * if ssh_config is invalid, or sets a keyword that transport ssh does not support.
 */
export function targetOf(host: Host, options: ConnectOptions = {}): Target {
  return resolve(host, options, undefined, 0);
}

/** Returns the host with the port and the account of its login, if the inventory does not set them. Throws as `targetOf`. */
export function loginOf(host: Host): Host {
  const { port, user } = host.transport === 'ssh' ? targetOf(host) : { port: 22, user: userInfo().username };
  return { ...host, port: host.port ?? port, user: host.user ?? user };
}

function resolve(
  host: Host,
  options: ConnectOptions,
  hop: string | undefined,
  depth: number,
  key?: string,
): Target {
  const files = options.sshConfigFiles ?? usualFiles();
  const settings = sshSettings(files, { host: host.address, user: host.user });
  const word = (keyword: string) => settings.words(keyword)[0];
  const throughInventory = host.proxyJump !== undefined && !isNone(host.proxyJump);
  for (const keyword of onlyOpenssh)
    if (keyword !== 'proxycommand' || !throughInventory) refuseForeign(host, keyword, word(keyword));
  const user = host.user ?? word('user') ?? userInfo().username;
  const port = host.port ?? portOf(word('port'), host);
  const address = canonical(hostNameOf(settings, host.address).toLowerCase());
  const alias = word('hostkeyalias');
  const expand = expander({ host, address, port, user, alias });
  const [interval, checking] = [secondsOf(word('serveraliveinterval')), word('stricthostkeychecking')];
  const named = host.identityFile === undefined ? settings.identityFiles : [host.identityFile];
  const jump = host.proxyJump ?? word('proxyjump');
  return {
    name: host.name,
    ...(hop === undefined ? {} : { hop }),
    address,
    port,
    user,
    identityFiles:
      options.identityFiles && named.length === 0 ? options.identityFiles : keyFiles(named, expand),
    identitiesOnly: host.identityFile !== undefined || word('identitiesonly') === 'yes',
    agent: options.agent === undefined ? agentOf(word('identityagent'), expand) : options.agent || undefined,
    jump:
      jump === undefined || isNone(jump)
        ? undefined
        : jumpTarget(jump, host, options, depth, host.identityFile ?? key),
    knownAs: alias === undefined ? { name: address, port } : { name: alias, port: 22 },
    knownHostsFiles: options.knownHostsFiles ?? knownHostsFiles(settings, expand),
    hashKnownHosts: word('hashknownhosts') === 'yes',
    acceptsNew:
      host.hostKeyChecking === undefined
        ? ['accept-new', 'no', 'off', 'false'].includes(checking ?? '')
        : host.hostKeyChecking === 'accept-new',
    hostKey: host.hostKey,
    connectTimeoutMs: options.connectTimeoutMs ?? ms(secondsOf(word('connecttimeout'))) ?? 10_000,
    keepaliveMs: options.keepaliveMs ?? ms(interval) ?? 15_000,
    keepaliveCountMax: Number(word('serveralivecountmax') ?? 3),
    family: ({ inet: 4, inet6: 6 } as const)[word('addressfamily')?.toLowerCase() ?? ''],
    algorithms: algorithmsIn(word),
  };
}

function algorithmsIn(word: (keyword: string) => string | undefined): Target['algorithms'] {
  const written = (keyword: AlgorithmKeyword) =>
    word(keyword.toLowerCase()) ??
    // The name of the keyword before OpenSSH 8.5.
    (keyword === 'PubkeyAcceptedAlgorithms' ? word('pubkeyacceptedkeytypes') : undefined);
  return Object.fromEntries(
    algorithmKeywords.flatMap(keyword => {
      const value = written(keyword);
      return value === undefined ? [] : [[keyword, value]];
    }),
  );
}

/** Returns an IPv6 address in the form of ssh, so that known_hosts has one name for it. */
function canonical(address: string): string {
  const [, bare = address, zone = ''] = /^([\da-f:.]+)(%.*)?$/.exec(address) ?? [];
  return isIPv6(bare) ? new SocketAddress({ address: bare, family: 'ipv6' }).address + zone : address;
}

function usualFiles(): ConfigFile[] {
  return [
    { path: join(homedir(), '.ssh/config'), of: 'user' },
    { path: '/etc/ssh/ssh_config', of: 'system' },
  ];
}

/** Returns the chain of jump hosts `a,b`: b is reached through a. Except for the key, ssh_config has their settings. */
function jumpTarget(jump: string, host: Host, options: ConnectOptions, depth: number, key?: string): Target {
  if (depth >= deepestJump)
    throw new ProblemError(wrong(host, `The way to it has more than ${deepestJump} jump hosts.`));
  const [, before, last] = /^(?:(.*),)?([^,]+)$/.exec(jump) ?? [];
  const found = /^(?:ssh:\/\/)?(?:(.+)@)?(?:\[([^\]]+)\]|([^:@[\]]+))(?::(\d+))?$/.exec(last?.trim() ?? '');
  if (found === null)
    throw new ProblemError(
      wrong(host, `"${jump}" names no jump hosts.`, 'They look like user@bastion:22,other.'),
    );
  const [, user, bracketed, plain, port] = found;
  const via: Host = {
    ...{ name: host.name, address: (bracketed ?? plain)!, transport: 'ssh', groups: [], vars: {} },
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(before === undefined ? {} : { proxyJump: before }),
    ...(host.hostKeyChecking === undefined ? {} : { hostKeyChecking: host.hostKeyChecking }),
  };
  const target = resolve(via, options, last!.trim(), depth + 1, key);
  // Unlike ssh, this also offers the host's own key to a jump host, because there may be no other.
  if (key === undefined) return target;
  return { ...target, identityFiles: [...target.identityFiles, expandHome(key)] };
}

function keyFiles(named: readonly string[], expand: (path: string) => string): string[] {
  if (named.length === 0) return usualKeys.map(name => join(homedir(), '.ssh', name));
  return named.filter(name => !isNone(name)).map(expand);
}

function agentOf(named: string | undefined, expand: (path: string) => string): string | undefined {
  if (named === undefined || named === 'SSH_AUTH_SOCK') return process.env['SSH_AUTH_SOCK'] || undefined;
  if (/^none$/i.test(named)) return undefined;
  return /^\$\w+$/.test(named) ? process.env[named.slice(1)] : expand(named);
}

function knownHostsFiles(settings: SshSettings, expand: (path: string) => string): string[] {
  const files = (keyword: string, usual: readonly string[]) => {
    const named = settings.words(keyword);
    return (named.length === 0 ? usual : named).filter(name => !/^none$/i.test(name)).map(expand);
  };
  return [
    ...files('userknownhostsfile', ['~/.ssh/known_hosts', '~/.ssh/known_hosts2']),
    ...files('globalknownhostsfile', ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2']),
  ];
}

interface TokenSource {
  host: Host;
  address: string;
  port: number;
  user: string;
  alias: string | undefined;
}

/** Replaces `~/`, `${NAME}` and the tokens of ssh_config by their values. */
function expander({ host, address, port, user, alias }: TokenSource): (path: string) => string {
  const [here, own] = [hostname(), userInfo()];
  const tokens: Record<string, string> = {
    ...{ '%': '%', h: address, n: host.address, p: String(port), r: user, k: alias ?? host.address },
    ...{ u: own.username, i: String(own.uid), d: homedir(), l: here, L: here.replace(/\..*/s, '') },
    C: createHash('sha1').update(`${here}${address}${port}${user}`).digest('hex'),
  };
  return path =>
    expandHome(path).replace(/%(.)|\$\{(\w+)\}/g, (whole, token, variable) => {
      const value = token === undefined ? process.env[variable] : tokens[token];
      if (value === undefined)
        throw new ProblemError(wrong(host, `"${path}" in ssh_config has ${whole}, which has no value.`));
      return value;
    });
}

function refuseForeign(host: Host, keyword: string, value: string | undefined): void {
  if (value === undefined || ['none', 'no', 'false'].includes(value.toLowerCase())) return;
  const names: Record<string, string> = {
    proxycommand: 'ProxyCommand',
    knownhostscommand: 'KnownHostsCommand',
    revokedhostkeys: 'RevokedHostKeys',
    canonicalizehostname: 'CanonicalizeHostname',
  };
  const message = `ssh_config sets ${names[keyword]} for "${host.address}", which transport ssh does not support.`;
  throw new ProblemError(wrong(host, message, 'Set "transport: openssh" for this host: it runs ssh itself.'));
}

function portOf(word: string | undefined, host: Host): number {
  const port = Number(word ?? 22);
  if (Number.isInteger(port) && port > 0 && port < 65536) return port;
  throw new ProblemError(wrong(host, `"${word}" in ssh_config is not a port.`));
}

/** Returns the seconds of `90` or `1m30s`, or undefined for any other text. */
function secondsOf(word: string | undefined): number | undefined {
  if (word === undefined || !/^(\d+[smhdw]?)+$/i.test(word)) return undefined;
  const unitS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
  const parts = [...word.matchAll(/(\d+)([smhdw]?)/gi)];
  return parts.reduce((sum, [, n, unit]) => sum + Number(n) * unitS[(unit || 's').toLowerCase()]!, 0);
}

function ms(seconds: number | undefined): number | undefined {
  return seconds ? seconds * 1000 : undefined;
}

function wrong(host: Host, message: string, hint?: string): Problem {
  return { code: 'invalid-value', message, host: host.name, ...(hint === undefined ? {} : { hint }) };
}
