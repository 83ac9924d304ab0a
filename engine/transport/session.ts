import { randomBytes } from 'node:crypto';
import { type Problem, ProblemError } from '../problem.ts';
import { deadline } from '../util/deadline.ts';
import type { Input } from '../util/file-content.ts';
import { CappedOutput } from './capped-output.ts';
import type { Ending, Shell } from './link.ts';
import { MarkReader } from './mark-reader.ts';
import { Sender } from './sender.ts';
import { frame, hello, preludeId } from './session-loop.ts';

/** A script for a host, with its input and limits. */
export interface Request {
  /** POSIX sh without NUL. It runs in a subshell of its own, in `/`, with umask 022, in the C.UTF-8 locale. */
  script: string;
  /** The bytes of its stdin; default `/dev/null`. */
  input?: Input;
  /** The purpose of the script for messages, without secrets: `Reading package nginx`. */
  what?: string;
  /** Time limit, from the start of the script; default none. */
  timeoutMs?: number;
  /** Bytes to keep from the beginning of stdout and of stderr; default 32 MiB. */
  capBytes?: number;
  /** Bytes to keep from the end, in addition; default none. A line in between tells the number of missing bytes. */
  tailBytes?: number;
  /** Receives the output while the script runs. */
  onOutput?: (stream: 'stdout' | 'stderr', bytes: Buffer) => void;
}

/** The end of a script. The caller judges an exit code other than 0. */
export interface Answer {
  exit: number;
  stdout: Buffer;
  stderr: Buffer;
  /** Whether a part of the output is missing. */
  truncated: boolean;
  /** The problem of an input that could not be read to its end. The script got other bytes in its place, and has failed. */
  unsent?: Problem;
}

/** One shell on a host, as one account, for the whole run. */
export interface Session {
  /** Runs a script after all earlier ones. Sends it without waiting for their answers. Rejects with a ProblemError. */
  run(request: Request): Promise<Answer>;
  /** Number of scripts so far. */
  readonly requests: number;
  /** The account of the scripts; empty if only the host knows it. */
  readonly account: string;
  /** Resolves at the end of the shell, for any reason. */
  readonly closed: Promise<void>;
  /** Lets the shell end by itself, and drops it if it does not. */
  close(): Promise<void>;
}

export interface SessionOptions {
  host: string;
  account: string;
  /** Time limit until the first word of the shell. */
  startTimeoutMs: number;
  prelude?: string | undefined;
  /** Returns the problem of a shell that ended before its first word; `words` are the end of its output. */
  refusal(ending: Ending, words: string): Problem;
}

type Stream = 'stdout' | 'stderr';

interface Pending {
  request: Request;
  kept: Record<Stream, CappedOutput>;
  unsent?: Problem | undefined;
  /** Cancels its time limit. */
  cancel?: () => void;
  resolve(answer: Answer): void;
  reject(error: ProblemError): void;
}

const defaultCapBytes = 32 * 1024 * 1024;
const preambleBytes = 64 * 1024;
const closeTimeoutMs = 2000;
const notStarted = -1;

/** The controller's half of the session protocol, on a shell that `bootstrap` has started. */
export function startSession(shell: Shell, options: SessionOptions): Session {
  return new ShellSession(shell, options);
}

class ShellSession implements Session {
  readonly account: string;
  readonly closed: Promise<void>;
  readonly #shell: Shell;
  readonly #sender: Sender;
  readonly #options: SessionOptions;
  readonly #nonce = randomBytes(16).toString('hex');
  readonly #pending = new Map<number, Pending>();
  readonly #startTimer: NodeJS.Timeout;
  /** The request whose output each stream carries now. */
  readonly #current: Record<Stream, number> = { stdout: notStarted, stderr: notStarted };
  readonly #firstId: number;
  #nextId: number;
  #requests = 0;
  #preamble = '';
  #over: Problem | undefined;

  constructor(shell: Shell, options: SessionOptions) {
    this.#shell = shell;
    this.#sender = new Sender(shell.stdin);
    this.#options = options;
    this.account = options.account;
    this.#firstId = options.prelude === undefined ? preludeId + 1 : preludeId;
    this.#nextId = this.#firstId;
    for (const stream of ['stdout', 'stderr'] as const) {
      const reader = new MarkReader(
        this.#nonce,
        bytes => this.#take(stream, bytes),
        words => this.#mark(stream, words),
      );
      shell[stream].on('data', (chunk: Buffer) => reader.push(chunk));
      shell[stream].on('error', () => {});
    }
    // The end of the shell tells about errors of writing.
    shell.stdin.on('error', () => {});
    this.closed = shell.ended.then(ending => this.#ended(ending));
    this.#startTimer = setTimeout(() => this.#fail(this.#silence()), options.startTimeoutMs);
    void this.#sender.send([Buffer.from(hello(this.#nonce))]);
    // Its answer is not awaited: after a prelude that breaks the shell, the next request fails.
    if (options.prelude !== undefined) void this.#send({ script: options.prelude });
  }

  get requests(): number {
    return this.#requests;
  }

  run(request: Request): Promise<Answer> {
    this.#requests++;
    return this.#send(request);
  }

  async close(): Promise<void> {
    this.#over ??= this.#problem('connection-lost', 'The session was closed.');
    this.#sender.end();
    const timer = setTimeout(() => this.#shell.destroy(), closeTimeoutMs);
    await this.closed;
    clearTimeout(timer);
  }

  #send(request: Request): Promise<Answer> {
    if (this.#over !== undefined) return Promise.reject(new ProblemError(this.#over));
    if (request.script.includes('\0'))
      return Promise.reject(new ProblemError(this.#problem('bug', 'A script contains a NUL.')));
    const id = this.#nextId++;
    const answer = new Promise<Answer>((resolve, reject) => {
      const { capBytes = defaultCapBytes, tailBytes = 0 } = request;
      const kept = {
        stdout: new CappedOutput(capBytes, tailBytes),
        stderr: new CappedOutput(capBytes, tailBytes),
      };
      const pending: Pending = { request, kept, resolve, reject };
      this.#pending.set(id, pending);
      const parts = frame(this.#nonce, id, request.script, request.input ?? Buffer.alloc(0));
      void this.#sender.send(parts).then(problem => {
        pending.unsent = problem;
      });
    });
    // A caller that awaits requests one after the other handles the later rejections too late for Node.
    answer.catch(() => {});
    this.#startClock();
    return answer;
  }

  #take(stream: Stream, bytes: Buffer): void {
    if (this.#current[stream] === notStarted) {
      this.#preamble = (this.#preamble + bytes.toString()).slice(-preambleBytes);
      return;
    }
    const pending = this.#pending.get(this.#current[stream]);
    if (pending === undefined) return;
    pending.kept[stream].add(bytes);
    pending.request.onOutput?.(stream, bytes);
  }

  #mark(stream: Stream, [id, exit]: readonly string[]): void {
    const over = this.#current[stream];
    this.#current[stream] = over === notStarted ? this.#firstId : over + 1;
    if (over === notStarted) clearTimeout(this.#startTimer);
    else if (id === 'start') this.#fail(this.#joined());
    else if (id !== String(over)) this.#fail(this.#problem('bug', `The shell answered ${id}, not ${over}.`));
    else if (this.#slowest() > over) this.#finish(over, Number(exit));
    this.#startClock();
  }

  /** The oldest request that has not ended on both streams. */
  #slowest(): number {
    return Math.min(this.#current.stdout, this.#current.stderr);
  }

  #finish(id: number, exit: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    pending.cancel?.();
    const { stdout, stderr } = pending.kept;
    pending.resolve({
      exit,
      stdout: stdout.bytes(),
      stderr: stderr.bytes(),
      truncated: stdout.droppedBytes + stderr.droppedBytes > 0,
      ...(pending.unsent && { unsent: pending.unsent }),
    });
  }

  #startClock(): void {
    const pending = this.#pending.get(this.#slowest());
    const timeoutMs = pending?.request.timeoutMs;
    if (pending === undefined || timeoutMs === undefined || pending.cancel !== undefined) return;
    const message = `${what(pending.request)} exceeded its time limit of ${timeoutMs / 1000} s.`;
    const hint = 'It may still be running on the host: its connection was closed, it was not killed.';
    pending.cancel = deadline(Math.min(timeoutMs, 2 ** 31 - 1), () =>
      this.#fail({ ...this.#problem('timeout', message), hint }),
    );
  }

  #ended(ending: Ending): void {
    clearTimeout(this.#startTimer);
    const started = this.#slowest() !== notStarted;
    this.#fail(started ? this.#lost(ending) : this.#options.refusal(ending, this.#preamble.trim()));
  }

  #lost(ending: Ending): Problem {
    const pending = this.#pending.get(this.#slowest());
    const during = pending === undefined ? '' : ` during: ${what(pending.request)}`;
    const words = pending?.kept.stderr.bytes().toString().trim() ?? '';
    // A shell that ended by itself may have printed the reason.
    const own = ending.code !== undefined || ending.signal !== undefined;
    const cause = ending.cause ?? (own && words !== '' ? words.slice(-preambleBytes) : undefined);
    const problem = this.#problem('connection-lost', `The connection ended${during}.`);
    return cause === undefined ? problem : { ...problem, cause };
  }

  /** Both outputs arrive on one stream, so the ends of their requests cannot be told apart. */
  #joined(): Problem {
    const message = "A start-up file of the account's shell joins its errors to its output.";
    const hint =
      'Look for "exec 2>&1" or the like in ~/.bashrc on the host, and keep it to interactive shells.';
    return { ...this.#problem('unreachable', message), hint };
  }

  #silence(): Problem {
    const seconds = this.#options.startTimeoutMs / 1000;
    const problem = this.#problem('timeout', `The login worked, but no shell answered within ${seconds} s.`);
    const cause = this.#preamble.trim();
    return cause === '' ? problem : { ...problem, cause };
  }

  #problem(code: Problem['code'], message: string): Problem {
    return { code, message, host: this.#options.host };
  }

  /** Ends the session. All pending requests fail with the first reason. */
  #fail(problem: Problem): void {
    this.#over ??= problem;
    for (const { cancel, reject } of this.#pending.values()) {
      cancel?.();
      reject(new ProblemError(this.#over));
    }
    this.#pending.clear();
    this.#shell.destroy();
    this.#sender.stop();
  }
}

function what(request: Request): string {
  return request.what ?? 'A script';
}
