import type { Ask } from './key-file.ts';
import type { ConfigFile } from './ssh-config.ts';

/** How hosts are connected to. What is left out has the default that is named. */
export interface ConnectOptions {
  /** For the TCP connection, and again for the login; ssh_config's ConnectTimeout, or 10 000. The first word of a shell may take three times as long. */
  connectTimeoutMs?: number;
  /** Pauses before another attempt when a server refuses or hangs up before it says a word; [300, 900, 2700]. */
  retryDelaysMs?: readonly number[];
  /** Time between two signs of life; a host that owes three is lost. ssh_config's ServerAliveInterval, or 15 000. */
  keepaliveMs?: number;
  /** Instead of the user's and the system's known_hosts. Files that do not exist are empty. */
  knownHostsFiles?: readonly string[];
  /** The socket of the SSH agent, or false for none; the environment's SSH_AUTH_SOCK. */
  agent?: string | false;
  /** Private keys to try when the host names none; those in ~/.ssh. */
  identityFiles?: readonly string[];
  /** The files of ssh_config, the strongest first; ~/.ssh/config and the system's. */
  sshConfigFiles?: readonly ConfigFile[];
  /** Asks a person, such as for the passphrase of a key; left out where nobody can answer. */
  ask?: Ask;
  /** The password of the logins, for hosts that take no key. Jump hosts are not given it. */
  password?: string;
  /** What sudo or su may ask for. */
  becomePassword?: string;
  /** Shell functions that every script of a session can call. */
  prelude?: string;
  /** For measurements: what has just happened. */
  onEvent?: (event: 'authenticated') => void;
}
