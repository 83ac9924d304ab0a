import type { Plain, Secret } from './value.ts';

/** Becoming another account after the login. */
export interface Become {
  user: string;
  method: 'sudo' | 'doas' | 'su';
}

/** Returns a key for an account of a host. Both `false` and undefined are the account that logs in. */
export function accountKey(become: Become | false | undefined): string {
  return JSON.stringify(become ?? false);
}

/** A host as the inventory resolves it. */
export interface Host {
  name: string;
  address: string;
  /** The port in the inventory; undefined = that of ssh_config, or 22. */
  port?: number;
  /** The login in the inventory; undefined = that of ssh_config, or the name of the controller's account. */
  user?: string;
  identityFile?: string;
  /** The password of the login in an inventory of Ansible. It precedes the password typed for all hosts. */
  password?: Secret;
  /** The password that sudo or su may ask for, with the same precedence. */
  becomePassword?: Secret;
  proxyJump?: string;
  transport: 'ssh' | 'openssh' | 'local' | 'docker' | 'podman' | 'nspawn';
  /** The account in the inventory. The `become` of a play or a resource precedes it. */
  become?: Become | false;
  /** A pinned public key, `ssh-ed25519 AAAA…`: no other key is accepted, and known_hosts is not read. */
  hostKey?: string;
  /** Whether an unrecorded key is recorded; undefined = as StrictHostKeyChecking of ssh_config says. */
  hostKeyChecking?: 'strict' | 'accept-new';
  /** All groups, including groups of groups, without `all`. */
  groups: readonly string[];
  /** Merged by level: group all, groups (child over parent), host. */
  vars: Readonly<Record<string, Plain>>;
}

/** Returns an address as it precedes a port: an IPv6 address in brackets. */
export function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
