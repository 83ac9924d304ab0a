/** The talk of a controller with a host, as `record.ts` keeps it and `hosts.ts` repeats it. */
import type { Writable } from 'node:stream';

export type Stream = 'stdout' | 'stderr';

/** Bytes that arrived together, after milliseconds from the beginning of their script. */
export interface Piece {
  stream: Stream;
  afterMs: number;
  bytes: number;
}

/** The answer to a script: both outputs as latin1, without their last marks, and how they arrived, marks included. */
export interface RecordedAnswer {
  exit: number;
  stdout: string;
  stderr: string;
  pieces: Piece[];
}

/** The talk for one play, in which nonces and the host's name have replacements of the same length. */
export interface Recording {
  /** The name of the recorded host. */
  host: string;
  /** The banner of its sshd, without `SSH-2.0-`. */
  ident: string;
  /** The command of its shell. */
  command: string;
  /** The loop that the controller sends first. */
  loop: string;
  /** The time of the recording in seconds. */
  clockS: number;
  /** The answers by script. */
  answers: Record<string, RecordedAnswer>;
}

/** One script of the controller. */
export interface SentRequest {
  id: string;
  script: string;
  input: string;
}

/** Reads the controller's half of the session protocol: engine/transport/session-loop.ts describes it. */
export class RequestReader {
  loop: string | undefined;
  nonce: string | undefined;
  readonly #onStart: () => void;
  readonly #onRequest: (request: SentRequest) => void;
  #pieces: Buffer[] = [];
  #held = 0;
  #needed = 1;

  constructor(onStart: () => void, onRequest: (request: SentRequest) => void) {
    this.#onStart = onStart;
    this.#onRequest = onRequest;
  }

  push(chunk: Buffer): void {
    this.#pieces.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#needed) return;
    let bytes = this.#pieces.length === 1 ? chunk : Buffer.concat(this.#pieces);
    for (;;) {
      const used = this.#take(bytes);
      if (used === 0) break;
      bytes = bytes.subarray(used);
    }
    this.#pieces = bytes.length === 0 ? [] : [bytes];
    this.#held = bytes.length;
  }

  /** Returns the number of bytes of the whole message at the beginning, or 0 if there is none. */
  #take(bytes: Buffer): number {
    this.#needed = bytes.length + 1;
    const end = bytes.indexOf('\n');
    if (end < 0) return 0;
    const line = bytes.toString('latin1', 0, end);
    if (this.loop === undefined) return this.#hello(bytes, end + 1, Number(line));
    if (this.nonce === undefined) {
      this.nonce = line;
      this.#onStart();
      return end + 1;
    }
    const [id, size, inputSize] = line.split(' ');
    const [script, input] = [Number(size), Number(inputSize)];
    const whole = end + 1 + script + (input === 0 ? 0 : input + this.nonce.length + 1);
    if (bytes.length < whole) {
      this.#needed = whole;
      return 0;
    }
    const at = end + 1 + script;
    this.#onRequest({
      id: id!,
      script: bytes.toString('latin1', end + 1, at - `\n#${this.nonce}`.length),
      input: bytes.toString('latin1', at, at + input),
    });
    return whole;
  }

  #hello(bytes: Buffer, from: number, length: number): number {
    this.#needed = from + length;
    if (bytes.length < this.#needed) return 0;
    this.loop = bytes.toString('latin1', from, from + length);
    return from + length;
  }
}

const readingNonce = /^r_k=([0-9a-f]+)$/m;
const zeros = (nonce: string) => '0'.repeat(nonce.length);

/** Returns a script without what differs between runs and hosts. */
export function generalScript(script: string, host: string, recorded: string): string {
  const nonce = readingNonce.exec(script)?.[1];
  const general = nonce === undefined ? script : script.replaceAll(nonce, zeros(nonce));
  return general.replaceAll(host, recorded);
}

/** Returns an output of a script without what differs between runs. */
export function generalOutput(script: string, output: string): string {
  const nonce = readingNonce.exec(script)?.[1];
  return nonce === undefined ? output : output.replaceAll(nonce, zeros(nonce));
}

/** Returns a recorded output as the output of another host, for another run, at another time. */
export function ownOutput(
  script: string,
  output: string,
  host: string,
  { host: recorded, clockS }: Pick<Recording, 'host' | 'clockS'>,
): string {
  const nonce = readingNonce.exec(script)?.[1];
  const own = nonce === undefined ? output : output.replaceAll(zeros(nonce), nonce);
  // A line with the time of the host's clock.
  const nowS = Math.floor(Date.now() / 1000);
  return own
    .replaceAll(recorded, host)
    .replace(/(?<![^\n])\d{10}(?![^\n])/g, at => (Math.abs(Number(at) - clockS) < 600 ? String(nowS) : at));
}

/** Returns the mark behind a request on both outputs. */
export const markOf = (nonce: string, id: string, exit: number | undefined): string =>
  `\n${nonce} ${id}${exit === undefined ? '' : ` ${exit}`}\n`;

/** The outputs of a shell. */
export type Outputs = Record<Stream, Writable>;
