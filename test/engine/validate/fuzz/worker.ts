/** Tries one mutation after the other in a thread of its own, which whoever started it can end. Its steps are counted. */
import childProcess from 'node:child_process';
import dgram from 'node:dgram';
import dns from 'node:dns';
import { EventEmitter } from 'node:events';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { parentPort, workerData } from 'node:worker_threads';
import type { Steps } from '../../../steps.ts';
import { outcome } from './outcome.ts';
import { attemptOf, copyScenes, type Read, readsOf, textsIn } from './scenes.ts';

export interface Work {
  /** Where the tree is, and where a copy of it is changed. */
  root: string;
  folder: string;
  /** The first seed, and behind the last. */
  from: number;
  to: number;
  /** Maximum number of steps of each. */
  limit: number;
  /** Found out when empty. */
  reads: readonly Read[];
  /** Where the seed that is being tried is told. */
  now: Int32Array;
}

export type Message = { reads: readonly Read[] } | { seed: number; why: string } | 'done';

const { root, folder, from, to, limit, now, ...given } = workerData as Work;
const { steps } = globalThis as unknown as { steps: Steps };
const tell = (message: Message) => parentPort!.postMessage(message);

// Reading has no business with other programs, or with other computers.
const forbidden = (what: string) => () => {
  throw new Error(`${what} while reading`);
};
for (const name of ['spawnSync', 'exec', 'execSync', 'execFile', 'execFileSync', 'fork'] as const)
  childProcess[name] = forbidden('a program was started') as never;
// But a playbook may name programs that give it secrets. Here all of them print the same, and none is started.
childProcess.spawn = (() => {
  const [stdout, stderr] = [Readable.from([Buffer.from('token\n')]), Readable.from([])];
  const child = Object.assign(new EventEmitter(), { stdout, stderr });
  stdout.once('end', () => child.emit('close', 0, null));
  return child;
}) as never;
net.Socket.prototype.connect = forbidden('a connection was opened') as never;
dgram.createSocket = forbidden('a socket was opened') as never;
for (const name of ['lookup', 'resolve'] as const) dns[name] = forbidden('a name was looked up') as never;

async function tryAll(): Promise<void> {
  // The files that an ended thread left are written again.
  const entries = copyScenes(root, folder);
  const reads = given.reads.length > 0 ? given.reads : await readsOf(folder, entries, outcome);
  tell({ reads });
  const texts = textsIn(folder);
  for (let seed = from; seed < to; seed++) {
    const { file, entry, text } = attemptOf(seed, reads, texts);
    writeFileSync(join(folder, file), text, 'latin1');
    Atomics.store(now, 0, seed);
    steps.begin(limit);
    let why: string | undefined;
    try {
      await outcome(join(folder, entry));
    } catch (thrown) {
      why = String((thrown as Error).stack ?? thrown);
    }
    // The code may have caught the error of the limit.
    const taken = steps.count();
    steps.begin();
    if (taken > limit) why = `It takes more than ${limit} steps.`;
    if (why !== undefined) tell({ seed, why });
    writeFileSync(join(folder, file), texts.get(file)!, 'latin1');
  }
  Atomics.store(now, 0, -1);
  tell('done');
}

void tryAll();
