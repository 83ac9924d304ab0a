import type { Ask } from './key-file.ts';
import type { ConfigFile } from './ssh-config.ts';

/** Settings of the connections to hosts. The comment of each names its default. */
export interface ConnectOptions {
  /**
   * Time limit of the TCP connection, and of the login; ssh_config's ConnectTimeout, or 10 000. A shell has three times as
   * long to start.
   */
  connectTimeoutMs?: number;
  /** Pauses before the next attempts after a server refuses or hangs up before its first word; [300, 900, 2700]. */
  retryDelaysMs?: readonly number[];
  /** Time between two signs of life; three missing ones mean a lost host. ssh_config's ServerAliveInterval, or 15 000. */
  keepaliveMs?: number;
  /** The files of known_hosts; those of the user and the system. A missing file is empty. */
  knownHostsFiles?: readonly string[];
  /** The socket of the SSH agent, or false for none; the environment's SSH_AUTH_SOCK. */
  agent?: string | false;
  /** Private keys to try if the host names none; those in ~/.ssh. */
  identityFiles?: readonly string[];
  /** The files of ssh_config, the strongest first; ~/.ssh/config and the system's. */
  sshConfigFiles?: readonly ConfigFile[];
  /** Asks the user, such as for the passphrase of a key; undefined if nobody can answer. */
  ask?: Ask;
  /** The password of the logins, for hosts that take no key. It is not sent to jump hosts. */
  password?: string;
  /** The password that sudo or su may ask for. */
  becomePassword?: string;
  /** Shell functions that every script of a session can call. */
  prelude?: string;
  /** Called at each event of a connection, for measurements. */
  onEvent?: (event: 'authenticated') => void;
}
