/** Records the talk of a controller with a real host, through an SSH server in between. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import ssh2, { type ClientChannel, type Connection, type ServerChannel } from 'ssh2';
import { ed25519Key, publicKey } from '../../test/engine/transport/ssh-server.ts';
import {
  generalOutput,
  generalScript,
  type Piece,
  type RecordedAnswer,
  type Recording,
  RequestReader,
  type SentRequest,
  type Stream,
} from './conversation.ts';

export interface Recorder {
  port: number;
  hostKey: string;
  /** Returns the talk of the last shell. */
  recording(): Recording;
  close(): Promise<void>;
}

/** Starts an SSH server that passes every command on to a host, and keeps what both sides say. */
export async function startRecorder(
  host: string,
  address: string,
  identityFile: string,
  port = 22,
): Promise<Recorder> {
  const key = ed25519Key();
  const talks: Talk[] = [];
  let ident = '';
  const clients = new Set<ssh2.Client>();
  const server = new ssh2.Server({ hostKeys: [key.private] }, near => {
    const far = new ssh2.Client();
    clients.add(far);
    const ready = once(far, 'ready');
    const debug = (line: string) => {
      ident = /^Remote ident: '(?:SSH-2\.0-)?(.*)'$/.exec(line)?.[1] ?? ident;
    };
    far.connect({ host: address, port, username: 'deploy', privateKey: readFileSync(identityFile), debug });
    far.on('error', () => near.end());
    near.on('error', () => {});
    near.on('close', () => far.end());
    near.on('authentication', context => context.accept());
    passOn(
      near,
      ready.then(() => far),
      talks,
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    hostKey: publicKey(key.private),
    recording() {
      return talks.at(-1)!.recording(host, ident);
    },
    async close() {
      for (const client of clients) client.end();
      server.close();
    },
  };
}

function passOn(near: Connection, ready: Promise<ssh2.Client>, talks: Talk[]): void {
  near.on('session', accept => {
    accept().on('exec', (acceptExec, _reject, { command }) => {
      const channel = acceptExec();
      const talk = new Talk(command);
      talks.push(talk);
      void ready.then(far =>
        far.exec(command, (error, other) => {
          if (error) throw error;
          talk.join(channel, other);
        }),
      );
    });
  });
}

/** One shell: the requests of the controller, and the bytes of the host with their times. */
class Talk {
  readonly #command: string;
  readonly #requests: (SentRequest & { atMs: number })[] = [];
  readonly #heard: Record<Stream, { atMs: number; bytes: Buffer }[]> = { stdout: [], stderr: [] };
  readonly #reader = new RequestReader(
    () => {},
    request => this.#requests.push({ ...request, atMs: Date.now() }),
  );

  constructor(command: string) {
    this.#command = command;
  }

  join(near: ServerChannel, far: ClientChannel): void {
    near.on('data', (bytes: Buffer) => {
      this.#reader.push(bytes);
      far.write(bytes);
    });
    near.on('end', () => far.end());
    for (const [stream, from, to] of [
      ['stdout', far, near],
      ['stderr', far.stderr, near.stderr],
    ] as const)
      from.on('data', (bytes: Buffer) => {
        this.#heard[stream].push({ atMs: Date.now(), bytes });
        to.write(bytes);
      });
    far.on('close', (code?: number) => {
      near.exit(code ?? 0);
      near.end();
    });
  }

  recording(host: string, ident: string): Recording {
    const { loop, nonce } = this.#reader;
    const outputs = { stdout: this.#split('stdout', nonce!), stderr: this.#split('stderr', nonce!) };
    const answers: Record<string, RecordedAnswer> = {};
    let endMs = 0;
    for (const { id, script, atMs } of this.#requests) {
      const [out, err] = [outputs.stdout.get(id), outputs.stderr.get(id)];
      if (out === undefined || err === undefined) continue;
      const startMs = Math.max(atMs, endMs);
      endMs = Math.max(...[...out.pieces, ...err.pieces].map(({ afterMs }) => afterMs));
      answers[generalScript(script, host, host)] ??= {
        exit: out.exit,
        stdout: generalOutput(script, out.text),
        stderr: generalOutput(script, err.text),
        pieces: [...out.pieces, ...err.pieces]
          .toSorted((a, b) => a.afterMs - b.afterMs)
          .map(piece => ({ ...piece, afterMs: Math.max(0, piece.afterMs - startMs) })),
      };
    }
    const clockS = Math.floor(Date.now() / 1000);
    return { host, ident, command: this.#command, loop: loop!, clockS, answers };
  }

  /** Returns the output of each request, by its number. The times of its pieces are absolute. */
  #split(stream: Stream, nonce: string): Map<string, { exit: number; text: string; pieces: Piece[] }> {
    const chunks = this.#heard[stream];
    const all = Buffer.concat(chunks.map(({ bytes }) => bytes)).toString('latin1');
    const found = new Map<string, { exit: number; text: string; pieces: Piece[] }>();
    let from = 0;
    for (const mark of all.matchAll(new RegExp(`\n${nonce} (\\d+|start) ?(\\d*)\n`, 'g'))) {
      const to = mark.index + mark[0].length;
      if (mark[1] !== 'start')
        found.set(mark[1]!, {
          exit: Number(mark[2]),
          text: all.slice(from, mark.index),
          pieces: piecesOf(chunks, stream, from, to),
        });
      from = to;
    }
    return found;
  }
}

/** Returns the parts of chunks that lie between two places. */
function piecesOf(
  chunks: readonly { atMs: number; bytes: Buffer }[],
  stream: Stream,
  from: number,
  to: number,
): Piece[] {
  let start = 0;
  return chunks.flatMap(({ atMs, bytes }) => {
    const [first, end] = [Math.max(from, start), Math.min(to, start + bytes.length)];
    start += bytes.length;
    return end > first ? [{ stream, afterMs: atMs, bytes: end - first }] : [];
  });
}
