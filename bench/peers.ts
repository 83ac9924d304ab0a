/**
 * Compares reconcile with `ssh HOST true`, a shell script, pyinfra, Ansible with Mitogen and Ansible: the same stack on
 * hosts with Debian 12, in turns. Then measures reconcile with many hosts, as bench/fleet.ts does. Writes
 * docs/benchmarks.md. `npx tsx bench/peers.ts [ROUNDS [FIRST-RUNS]]`, both odd.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from '../test/e2e/reconcile.ts';
import { run } from '../test/lab/command.ts';
import { type HostStart, type Lab, openLab } from '../test/lab/lab.ts';
import { type Relay, startRelay } from '../test/lab/relay.ts';
import { measureFleet, record } from './fleet/measure.ts';
import { fleetSection, sectionIn, withSection } from './fleet/section.ts';
import { type Column, page } from './peers/page.ts';
import {
  bringPeers,
  closeConnections,
  type Fleet,
  inventories,
  script,
  type Tool,
  tools,
} from './peers/tools.ts';

const rounds = Number(process.argv[2] ?? 3);
const firstRuns = Number(process.argv[3] ?? 3);
const names = ['web1', 'web2', 'web3', 'web4'] as const;
type Name = (typeof names)[number];

/** Peers need Python on the hosts, which servers with Debian usually have. */
const host: HostStart = {
  release: 'bookworm',
  prepared: 'apt-get update -qq; apt-get install -qqy python3 python3-apt </dev/null >/dev/null',
};

const file = join(import.meta.dirname, '../docs/benchmarks.md');
const loadNow = () => loadavg()[0]!.toFixed(1);
const loadBefore = loadNow();
build();
const missing = await bringPeers();
const present = tools.filter(({ packages }) => !packages.some(each => missing.has(each)));
const lab = await openLab({ hosts: { web1: host, web2: host, web3: host, web4: host } });
const relays: Relay[] = [];
const scratch = mkdtempSync(join(tmpdir(), 'peers-'));
const faults = new Set<string>();
try {
  const distances = { 0: await relayed(lab, 0), 100: await relayed(lab, 100) };
  const columns = ([0, 100] as const).flatMap(ms =>
    [1, 4].map(hosts => ({
      hosts,
      ms,
      fleet: fleet(lab, distances[ms].slice(0, hosts)),
      results: new Map(),
    })),
  ) satisfies (Column & { fleet: Fleet })[];
  const first: Column & { fleet: Fleet } = { ...columns[1]!, results: new Map() };
  const changing = present.slice(1);
  for (let round = 0; round < firstRuns; round++)
    for (const tool of changing) {
      await onAll('undo.sh');
      await measure(tool, first);
      const left = await onAll('stack.sh');
      if (left.some(output => !output.includes('changed 0\n')))
        faults.add(`The state that ${tool.name} leaves is another one than that of the shell script.`);
    }
  for (let round = 0; round < rounds; round++) {
    for (const column of columns)
      for (const tool of present)
        if (!tool.isSilent(await measure(tool, column), column.hosts))
          faults.add(`${tool.name} reports changes although there is nothing to do.`);
    // After each round, so that an interruption loses one round only.
    const load = [loadBefore, loadNow()] as const;
    const fleetBefore = sectionIn(readFileSync(file, 'utf8'));
    writeFileSync(file, withSection(await page({ columns, first, faults, missing, load }), fleetBefore));
  }
  const many = await measureFleet(await record(lab.hosts.web1.address, lab.identityFile), 1000, rounds);
  writeFileSync(file, withSection(readFileSync(file, 'utf8'), fleetSection(many)));
} finally {
  rmSync(scratch, { recursive: true });
  for (const relay of relays) await relay.close();
  await lab.close();
}

async function relayed({ hosts }: Lab<Name>, ms: number): Promise<Fleet['targets']> {
  return Promise.all(
    names.map(async name => {
      const relay = await startRelay(hosts[name].address, 22, ms / 2);
      relays.push(relay);
      return { name, port: relay.port, hostKey: hosts[name].hostKey };
    }),
  );
}

function fleet({ identityFile }: Lab<Name>, targets: Fleet['targets']): Fleet {
  const made = { targets, identityFile, folder: join(scratch, `${targets[0]!.port}-${targets.length}`) };
  mkdirSync(made.folder);
  for (const [name, text] of Object.entries(inventories(made))) writeFileSync(join(made.folder, name), text);
  return made;
}

/** Runs a tool, keeps its times and returns its output. Throws if it fails. */
async function measure(
  tool: Tool,
  { fleet, hosts, ms, results }: Column & { fleet: Fleet },
): Promise<string> {
  const timed = 'TIMEFORMAT="%R %U %S"; time "$@" 2>&1';
  const { code, stdout, stderr } = await run(['bash', '-c', timed, 'bash', ...tool.argv(fleet)], {
    input: tool.input?.(fleet) ?? '',
  });
  await closeConnections(fleet);
  if (code !== 0) throw new Error(`${tool.name} exited ${code}: ${stdout}${stderr}`);
  const [seconds, user, system] = stderr.trim().split(' ').map(Number) as [number, number, number];
  console.log(`${hosts} hosts, ${ms} ms, ${tool.name}: ${seconds} s`);
  results.set(tool.name, [...(results.get(tool.name) ?? []), { seconds, processor: user + system }]);
  return stdout;
}

/** Runs one of the shell scripts on all hosts, past their network. Returns its outputs. */
async function onAll(name: 'stack.sh' | 'undo.sh'): Promise<string[]> {
  return Promise.all(
    names.map(async each => {
      const { code, stdout, stderr } = await lab.exec(each, script(name));
      if (code !== 0) throw new Error(`${name} exited ${code}: ${stderr}`);
      return stdout;
    }),
  );
}
