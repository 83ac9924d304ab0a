/**
 * Measures `reconcile apply playbooks/flask.yml` without changes against `ssh HOST true` on the same host, in turns, as
 * medians and as a ratio. `npx tsx bench/no-change.ts [MS [BUNDLE]]`: MS adds a line with that round trip, BUNDLE is the
 * dist/reconcile.cjs of another build to measure, too.
 */
import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build, reconcile, workspace } from '../test/e2e/reconcile.ts';
import { must } from '../test/lab/command.ts';
import { openLab } from '../test/lab/lab.ts';
import { startRelay } from '../test/lab/relay.ts';

const rounds = 21;
const roundTripMs = Number(process.argv[2] ?? 0);
const other = process.argv[3];
const own = join(import.meta.dirname, '../dist/reconcile.cjs');

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
  const applied = async (bundle: string) => {
    const args = [bundle, 'apply', 'flask.yml', '-i', 'relayed.yml', '--no-diff'];
    // Each build keeps its compiled code.
    const env = {
      ...process.env,
      XDG_CACHE_HOME: join(folder, bundle === own ? 'own-cache' : 'other-cache'),
    };
    return (await promisify(execFile)(process.execPath, args, { cwd: folder, env })).stdout;
  };
  const apply = async (bundle: string) => {
    const stdout = await applied(bundle);
    if (!stdout.includes('0 changed')) throw new Error(stdout);
  };
  const programs: Record<string, () => Promise<unknown>> = {
    'ssh HOST true': () => must(['ssh', ...ssh, '-p', String(relay.port), 'deploy@127.0.0.1', 'true']),
    'reconcile apply flask.yml, nothing to do': () => apply(own),
    ...(other !== undefined && { 'the same by the other build': () => apply(other) }),
  };
  await applied(own);
  // The first apply of another build may have changes.
  if (other !== undefined) await applied(other);
  const times = new Map<string, number[]>(Object.keys(programs).map(name => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const [name, program] of Object.entries(programs)) times.get(name)!.push(await timed(program));
  const medians = [...times].map(([name, all]) => [name, median(all)] as const);
  const [[, plain]] = medians as [readonly [string, number]];
  console.log(`round trip ${roundTripMs} ms, median of ${rounds}:`);
  for (const [name, ms] of medians)
    console.log(`  ${name.padEnd(42)} ${ms.toFixed(0).padStart(5)} ms  ${(ms / plain).toFixed(2)}`);
} finally {
  rmSync(folder, { recursive: true });
  await relay.close();
  await lab.close();
}
