import type { Plain, Secret } from './value.ts';

/** Becoming another account after the login. */
export interface Become {
  user: string;
  method: 'sudo' | 'doas' | 'su';
}

/** A host as the inventory resolves it. */
export interface Host {
  name: string;
  address: string;
  /** As the inventory says, which is stronger than ssh_config; then 22. */
  port?: number;
  /** The login as the inventory says, which is stronger than ssh_config; then the controller's own account name. */
  user?: string;
  identityFile?: string;
  /** The password of the login as an inventory of Ansible has it; stronger than one that is typed for all hosts. */
  password?: Secret;
  /** Likewise what sudo or su may ask for. */
  becomePassword?: Secret;
  proxyJump?: string;
  transport: 'ssh' | 'openssh' | 'local' | 'docker' | 'podman' | 'nspawn';
  /** Set by the inventory; a play's or resource's own `become` is stronger. */
  become?: Become | false;
  /** A pinned public key, `ssh-ed25519 AAAA…`: nothing else is accepted and known_hosts is not asked. */
  hostKey?: string;
  /** Whether a key that nobody has recorded is recorded; ssh_config's StrictHostKeyChecking when left out. */
  hostKeyChecking?: 'strict' | 'accept-new';
  /** All groups, also by way of other groups, without `all`. */
  groups: readonly string[];
  /** Merged by level: group all, groups (child over parent), host. */
  vars: Readonly<Record<string, Plain>>;
}

/** An address in front of a port: one of IPv6 has brackets there. */
export function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
