/**
 * A process of simulated hosts, which `simulate.ts` starts. Each is an SSH server with a key of its own. Its shell answers
 * the scripts of the engine as a real host did: the same bytes after the same times, with its own name in place of the
 * recorded one. It answers no other script.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import ssh2, { type ServerChannel } from 'ssh2';
import { ed25519Key, publicKey } from '../../test/engine/transport/ssh-server.ts';
import {
  generalScript,
  markOf,
  ownOutput,
  type Recording,
  RequestReader,
  type SentRequest,
} from './conversation.ts';

/** The first message to the process. */
export interface Simulation {
  recording: Recording;
  names: string[];
  /** The public key that may log in, in base64. */
  allowed: string;
}

/** A message of the process: its hosts, or a script that no host was asked for in the recording. */
export type Told = { hosts: { name: string; port: number; hostKey: string }[] } | { unknown: string };

const tell = (told: Told) => process.send!(told);

process.once('message', (simulation: Simulation) => {
  void Promise.all(simulation.names.map(name => startHost(name, simulation))).then(hosts => tell({ hosts }));
});
process.once('disconnect', () => process.exit());

async function startHost(name: string, { recording, allowed }: Simulation) {
  const key = ed25519Key();
  const server = new ssh2.Server({ hostKeys: [key.private], ident: recording.ident }, client => {
    client.on('error', () => {});
    client.on('authentication', context => {
      const isAllowed = context.method === 'publickey' && context.key.data.toString('base64') === allowed;
      if (!isAllowed || (context.signature && context.key.algo !== 'ssh-ed25519'))
        return context.reject(['publickey']);
      if (!context.signature) return context.accept();
      const own = ssh2.utils.parseKey(`ssh-ed25519 ${allowed}`);
      if (own instanceof Error) throw own;
      if (own.verify(context.blob!, context.signature, context.hashAlgo) === true) context.accept();
      else context.reject(['publickey']);
    });
    client.on('request', (_accept, reject) => reject?.());
    client.on('session', accept =>
      accept().on('exec', (acceptExec, _reject, { command }) => {
        const channel = acceptExec();
        channel.on('error', () => {});
        if (command === recording.command) new Shell(name, recording, channel);
        else end(channel, command === 'true' ? 0 : 127);
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { name, port: (server.address() as AddressInfo).port, hostKey: publicKey(key.private) };
}

function end(channel: ServerChannel, exit: number): void {
  channel.exit(exit);
  channel.end();
}

/** The host's half of the session protocol. */
class Shell {
  readonly #name: string;
  readonly #recording: Recording;
  readonly #channel: ServerChannel;
  readonly #reader: RequestReader;
  /** Ends with the last request. */
  #last: Promise<void> = Promise.resolve();

  constructor(name: string, recording: Recording, channel: ServerChannel) {
    this.#name = name;
    this.#recording = recording;
    this.#channel = channel;
    this.#reader = new RequestReader(
      () => this.#start(),
      request => {
        this.#last = this.#last.then(() => this.#answer(request));
      },
    );
    channel.on('data', (bytes: Buffer) => this.#reader.push(bytes));
    channel.on('end', () => void this.#last.then(() => end(channel, 0)));
  }

  #start(): void {
    if (this.#reader.loop !== this.#recording.loop) tell({ unknown: this.#reader.loop! });
    const mark = markOf(this.#reader.nonce!, 'start', undefined);
    this.#channel.write(mark);
    this.#channel.stderr.write(mark);
  }

  async #answer({ id, script, input }: SentRequest): Promise<void> {
    const { host, answers } = this.#recording;
    const known = answers[generalScript(script, this.#name, host)];
    if (known === undefined || input !== '') {
      tell({ unknown: script });
      this.#channel.destroy();
      return;
    }
    const mark = markOf(this.#reader.nonce!, id, known.exit);
    const own = (output: string) => ownOutput(script, output, this.#name, this.#recording) + mark;
    const left = { stdout: own(known.stdout), stderr: own(known.stderr) };
    let atMs = 0;
    for (const { stream, afterMs, bytes } of known.pieces) {
      if (afterMs > atMs) await sleep(afterMs - atMs);
      atMs = Math.max(atMs, afterMs);
      const text = left[stream];
      // The last piece of a stream takes the rest, as numbers of requests may have another length.
      const taken = text.length - bytes < mark.length ? text : text.slice(0, bytes);
      left[stream] = text.slice(taken.length);
      const to = stream === 'stdout' ? this.#channel : this.#channel.stderr;
      if (taken !== '') to.write(Buffer.from(taken, 'latin1'));
    }
  }
}
