/**
 * Logs in to hosts, runs `true` on each and ends: the part of a run that any controller with this SSH library has. It
 * offers the algorithms of the engine. `node handshakes.cjs TARGETS.json PARALLEL`.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import ssh2 from 'ssh2';
import { offeredAlgorithms } from '../../engine/transport/algorithms.ts';
import type { Target } from '../../engine/transport/target.ts';

interface Targets {
  identityFile: string;
  targets: { port: number; hostKey: string }[];
}

const { targets, identityFile }: Targets = JSON.parse(readFileSync(process.argv[2]!, 'utf8'));
const parallel = Number(process.argv[3]);
const privateKey = readFileSync(identityFile);
const algorithms = offeredAlgorithms({ algorithms: {} } as Target, []);

function logIn({ port, hostKey }: Targets['targets'][number]): Promise<void> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    const expected = Buffer.from(hostKey.split(' ')[1]!, 'base64');
    client.on('error', reject);
    client.on('close', () => resolve());
    client.on('ready', () =>
      client.exec('true', (error, channel) => {
        if (error) return reject(error);
        channel.resume().on('close', () => client.end());
      }),
    );
    client.connect({
      sock: connect({ host: '127.0.0.1', port, noDelay: true }) as never,
      username: 'deploy',
      privateKey,
      authHandler: ['publickey'],
      algorithms,
      hostVerifier: (key: Buffer) => key.equals(expected),
    });
  });
}

async function work(): Promise<void> {
  for (let target = targets.pop(); target !== undefined; target = targets.pop()) await logIn(target);
}

for (let i = 0; i < parallel; i++) void work();
