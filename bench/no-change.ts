/**
 * How long `reconcile apply playbooks/flask.yml` takes when there is nothing to do, next to `ssh HOST true` on the
 * same host: in one run, taking turns, as medians and as a ratio. `-- MS` puts a line with that round trip between.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, reconcile, workspace } from '../test/e2e/reconcile.ts';
import { must } from '../test/lab/command.ts';
import { openLab } from '../test/lab/lab.ts';
import { startRelay } from '../test/lab/relay.ts';

const rounds = 7;
const roundTripMs = Number(process.argv[2] ?? 0);

async function timed(action: () => Promise<unknown>): Promise<number> {
  const started = process.hrtime.bigint();
  await action();
  return Number(process.hrtime.bigint() - started) / 1e6;
}

const median = (times: number[]) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;

build();
const lab = await openLab({ hosts: { web1: 'bookworm' }, acme: true });
const relay = await startRelay(lab.hosts.web1.address, 22, roundTripMs / 2);
const { directory, caBundle } = lab.hosts.web1.acme;
const groups = { web: { hosts: ['web1'], vars: { acme_server: directory, acme_ca_bundle: caBundle } } };
const folder = workspace(lab, { groups });
try {
  const first = await reconcile(folder, ['apply', 'flask.yml', '--no-diff']);
  if (first.exit !== 0)
    throw new Error(`the first apply exited ${first.exit}\n${first.stdout}${first.stderr}`);
  writeFileSync(
    join(folder, 'relayed.yml'),
    lab
      .inventory({ groups })
      .replace(
        `"address":"${lab.hosts.web1.address}","port":22`,
        `"address":"127.0.0.1","port":${relay.port}`,
      ),
  );
  const ssh = [
    '-F',
    'none',
    '-i',
    lab.identityFile,
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
    '-o',
    'LogLevel=ERROR',
  ];
  const times: Record<'apply' | 'ssh', number[]> = { apply: [], ssh: [] };
  for (let round = 0; round < rounds; round++) {
    times.apply.push(
      await timed(async () => {
        const { exit, stdout } = await reconcile(folder, [
          'apply',
          'flask.yml',
          '-i',
          'relayed.yml',
          '--no-diff',
        ]);
        if (exit !== 0 || !stdout.includes('0 changed')) throw new Error(stdout);
      }),
    );
    times.ssh.push(
      await timed(() => must(['ssh', ...ssh, '-p', String(relay.port), 'deploy@127.0.0.1', 'true'])),
    );
  }
  const [apply, plain] = [median(times.apply), median(times.ssh)];
  console.log(`round trip ${roundTripMs} ms, median of ${rounds}:`);
  console.log(`  reconcile apply flask.yml, nothing to do   ${apply.toFixed(0)} ms`);
  console.log(`  ssh HOST true                              ${plain.toFixed(0)} ms`);
  console.log(`  ratio                                      ${(apply / plain).toFixed(2)}`);
} finally {
  rmSync(folder, { recursive: true });
  await relay.close();
  await lab.close();
}
