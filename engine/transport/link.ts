import type { Readable, Writable } from 'node:stream';
import type { Become } from '../host.ts';
import { type Problem, ProblemError } from '../problem.ts';

/** The password for another account, and a word that nothing on the host prints by chance. */
export interface Asked {
  password: string;
  nonce: string;
}

/** The end of a shell. Without a code and a signal, its connection was lost. */
export interface Ending {
  code?: number;
  signal?: string;
  /** The error of the connection, such as `read ECONNRESET`. */
  cause?: string;
}

/** The bytes to and from one shell on a host. */
export interface Shell {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** Resolves once, after the last byte of both outputs. */
  ended: Promise<Ending>;
  /** Drops the shell without waiting; `ended` then resolves, too. */
  destroy(): void;
}

/** The host opens no more shells on this connection, but may open some on another. */
export class NoMoreShells extends ProblemError {}

/** A link to a host: one SSH connection, or one program for each shell. */
export interface Link {
  /** The account of a shell without become; undefined if only the host knows it. */
  readonly login: string | undefined;
  readonly hostKeyFingerprint: string | undefined;
  /** `SHA256:…` of the key that logged in; undefined if none did, or if only ssh knows it. */
  readonly loginKey: string | undefined;
  /** Whether becoming another account may ask for a password. */
  readonly asksPasswords: boolean;
  /**
   * Starts the host's half of a session, as another account if `become` is given. With `asked`, it prints a word before it
   * accepts input. Rejects with a ProblemError, which may be a NoMoreShells.
   */
  open(become: Become | undefined, asked?: Asked): Promise<Shell>;
  /** Returns the problem of a shell that ended before its first word, if the ending and the last words tell it. */
  refusal(ending: Ending, words: string): Problem | undefined;
  close(): Promise<void>;
}
