import type { Readable, Writable } from 'node:stream';
import type { Become } from '../host.ts';
import { type Problem, ProblemError } from '../problem.ts';

/** A password that another account is become with, and a word that nothing on the host says by chance. */
export interface Asked {
  password: string;
  nonce: string;
}

/** How a shell came to its end. Neither a code nor a signal: the connection under it was lost. */
export interface Ending {
  code?: number;
  signal?: string;
  /** What the connection had to say, such as `read ECONNRESET`. */
  cause?: string;
}

/** The bytes to and from one shell on a host. */
export interface Shell {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** Resolves once, after the last byte of both outputs. */
  ended: Promise<Ending>;
  /** Lets go of the shell without waiting for anything; `ended` resolves then, too. */
  destroy(): void;
}

/** The host opens no more shells on this connection, and may on another one. */
export class NoMoreShells extends ProblemError {}

/** A way to a host: one SSH connection, or programs that are started one a shell. */
export interface Link {
  /** The account a shell has without become; undefined when only the host knows. */
  readonly login: string | undefined;
  readonly hostKeyFingerprint: string | undefined;
  /** Whether becoming another account may ask for a password. */
  readonly asksPasswords: boolean;
  /**
   * Starts the host's half of a session, as another account when `become` is given; with `asked` it says a word before
   * anything may be sent. Rejects with a ProblemError, a NoMoreShells among them.
   */
  open(become: Become | undefined, asked?: Asked): Promise<Shell>;
  /** Why a shell ended before it said a word, if this link knows it from the ending and its last words. */
  refusal(ending: Ending, words: string): Problem | undefined;
  close(): Promise<void>;
}
