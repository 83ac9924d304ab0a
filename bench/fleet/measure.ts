/** Measures the controller's process while it works on many simulated hosts. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { build as bundle } from 'esbuild';
import { ed25519Key, publicKey } from '../../test/engine/transport/ssh-server.ts';
import { type Fleet, inventories, own } from '../peers/tools.ts';
import type { Recording } from './conversation.ts';
import type { Simulation, Told } from './hosts.ts';
import { startRecorder } from './record.ts';

/** The use of one process: its time, that of the processors for it, and the peak of its resident memory. */
export interface Use {
  seconds: number;
  processor: number;
  memoryMB: number;
}

/** The number of resources of the stack. */
const resources = 9;

/** As long as the names of the simulated hosts, which take its place in the recording. */
const recordedName = nameOf(0);

function nameOf(number: number): string {
  return `web${String(number).padStart(4, '0')}`;
}

/** Applies the stack to a real host, and records a second apply, which changes nothing. */
export async function record(address: string, identityFile: string): Promise<Recording> {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-'));
  const recorder = await startRecorder(recordedName, address, identityFile);
  try {
    const { port, hostKey } = recorder;
    const fleet = { identityFile, folder, targets: [{ name: recordedName, port, hostKey }] };
    writeFileSync(join(folder, 'inventory.yml'), inventories(fleet)['inventory.yml']!);
    await apply(folder);
    await reconcile(folder, 1);
    return recorder.recording();
  } finally {
    await recorder.close();
    rmSync(folder, { recursive: true });
  }
}

/** The uses in all rounds: of the program, and of the logins alone. */
export interface MeasuredFleet {
  hosts: number;
  /** The day of the measurement. */
  date: string;
  own: Use[];
  logins: Use[];
}

/** Measures both in turns on simulated hosts. */
export async function measureFleet(
  recording: Recording,
  hosts: number,
  rounds: number,
): Promise<MeasuredFleet> {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-'));
  const measured: MeasuredFleet = { hosts, date: new Date().toISOString().slice(0, 10), own: [], logins: [] };
  const fleet = await simulate(hosts, recording, folder);
  try {
    // The first run keeps the compiled code of the program.
    await apply(folder, ['--limit', nameOf(1)]);
    for (let round = 0; round < rounds; round++) {
      measured.own.push(await reconcile(folder, hosts));
      measured.logins.push(await handshakes(folder));
      for (const use of [measured.own.at(-1)!, measured.logins.at(-1)!]) console.log(shownUse(use, hosts));
    }
    return measured;
  } finally {
    fleet.close();
    rmSync(folder, { recursive: true });
  }
}

const shownUse = ({ seconds, processor, memoryMB }: Use, hosts: number) =>
  `${((processor / hosts) * 1000).toFixed(1)} ms a host, ${memoryMB.toFixed(0)} MB, ${seconds.toFixed(1)} s`;

/** Starts simulated hosts, in processes of their own. `folder` gets the inventory and the program for logins. */
export async function simulate(
  count: number,
  recording: Recording,
  folder: string,
): Promise<{ close(): void }> {
  const processes = Math.min(count, availableParallelism());
  const names = Array.from({ length: count }, (_, i) => nameOf(i + 1));
  const identityFile = join(folder, 'id_ed25519');
  const key = ed25519Key();
  writeFileSync(identityFile, key.private, { mode: 0o600 });
  const [, allowed] = publicKey(key.private).split(' ') as [string, string];
  const children: ChildProcess[] = [];
  const targets = await Promise.all(
    Array.from({ length: processes }, (_, process) => {
      const child = fork(join(import.meta.dirname, 'hosts.ts'), {
        execArgv: ['--import', import.meta.resolve('tsx')],
      });
      children.push(child);
      const own = names.filter((_, i) => i % processes === process);
      return startHosts(child, { recording, names: own, allowed });
    }),
  );
  const fleet = { targets: targets.flat().toSorted(byName), identityFile, folder };
  for (const [name, text] of Object.entries(inventories(fleet))) writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, 'targets.json'), JSON.stringify(fleet));
  await bundle({
    entryPoints: [join(import.meta.dirname, 'handshakes.ts')],
    outfile: join(folder, 'handshakes.cjs'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    minify: true,
    external: ['cpu-features', '*.node'],
    logLevel: 'warning',
  });
  return {
    close() {
      for (const child of children) child.disconnect();
    },
  };
}

const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);

function startHosts(child: ChildProcess, simulation: Simulation): Promise<Fleet['targets']> {
  child.send(simulation);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('message', (told: Told) => {
      if ('hosts' in told) return resolve(told.hosts);
      console.error(`A script is not in the recording, so no simulated host can answer it:\n${told.unknown}`);
      process.exitCode = 1;
    });
  });
}

/** Applies the stack to the hosts in a folder, which must already be in its state. */
async function reconcile(folder: string, hosts: number): Promise<Use> {
  const { use, stdout } = await apply(folder);
  if (!isSilent(stdout, hosts)) throw new Error(`Not every host was unchanged:\n${stdout}`);
  return use;
}

const apply = (folder: string, more: readonly string[] = []) => {
  const [program, ...words] = own.argv({ folder, targets: [], identityFile: '' });
  return used(folder, program, [...words, ...more]);
};

/** Of more than 12 hosts, the output has one line for all of them. */
const isSilent = (output: string, hosts: number) =>
  hosts > 12
    ? output.includes(`${hosts} hosts: 0 changed, ${hosts * resources} unchanged, 0 failed\n`)
    : own.isSilent(output, hosts);

/** Logs in to the hosts in a folder and runs `true`, as many at the same time as the engine does. */
async function handshakes(folder: string): Promise<Use> {
  const words = [join(folder, 'handshakes.cjs'), join(folder, 'targets.json'), '50'];
  return (await used(folder, process.execPath, words)).use;
}

/** Runs a program of Node, and returns its use and its output. Throws if it fails. */
async function used(
  folder: string,
  program: string,
  words: readonly string[],
): Promise<{ use: Use; stdout: string }> {
  const [hook, file] = [join(folder, 'use.cjs'), join(folder, 'use.json')];
  const written = `require('fs').writeFileSync(${JSON.stringify(file)}, JSON.stringify(process.resourceUsage()))`;
  writeFileSync(hook, `process.on('exit', () => ${written});\n`);
  const env = { ...process.env, NODE_OPTIONS: `--require ${hook}`, XDG_CACHE_HOME: folder };
  const started = performance.now();
  const child = spawn(program, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', bytes => (stdout += bytes));
  child.stderr.on('data', bytes => (stderr += bytes));
  const exit = await new Promise(resolve => child.on('close', resolve));
  const seconds = (performance.now() - started) / 1000;
  if (exit !== 0) throw new Error(`${words.join(' ')} exited ${exit}\n${stdout}${stderr}`);
  const { maxRSS, userCPUTime, systemCPUTime } = JSON.parse(readFileSync(file, 'utf8'));
  const use = { seconds, processor: (userCPUTime + systemCPUTime) / 1e6, memoryMB: (maxRSS * 1024) / 1e6 };
  return { use, stdout };
}
