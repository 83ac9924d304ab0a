import { existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startAcme } from './acme.ts';
import { baseTree, recipeKey } from './base.ts';
import { labCgroup, startIn } from './cgroup.ts';
import { waitFor, withLock } from './command.ts';
import { enterLab, type Lab } from './enter.ts';
import * as machine from './host.ts';
import { makeIdentity, writeIdentity } from './identity.ts';
import { allowManyHosts, aptProxy, ensureLabPackages, labDir, labImpossible } from './machine.ts';
import { archivePort, gatewayAddress, makeNetwork, tcpAnswers } from './network.ts';
import { claimLab, type LabRecord, removeLab, saveLab } from './registry.ts';
import type { Release } from './releases.ts';

export type { HostAcme, HttpsAnswer } from './acme.ts';
export type { Outcome } from './command.ts';
export type { Lab, LabHost } from './enter.ts';
export { ensureLabPackages, labAvailable } from './machine.ts';
export type { Release } from './releases.ts';

/** The start of a host: a fresh release, or one on which a script has run as root, kept for later labs. */
export type HostStart = Release | { release: Release; prepared: string };

/** The parts of a lab. A detached lab outlives this process, until `npm run lab -- down`. */
export interface LabPlan<Name extends string> {
  hosts: Record<Name, HostStart>;
  /** Label → a start that any host of the lab can be restored to, as if it had been a snapshot of the lab's own. */
  states?: Readonly<Record<string, HostStart>>;
  acme?: boolean;
  detached?: boolean;
}

/** Installs what is missing, cleans up after killed labs, and boots the hosts. Leaves nothing when it fails. */
export async function openLab<Name extends string>(plan: LabPlan<Name>): Promise<Lab<Name>> {
  return enterLab<Name>(await openRecord(plan));
}

async function openRecord<Name extends string>(plan: LabPlan<Name>): Promise<LabRecord> {
  const impossible = labImpossible();
  if (impossible) throw new Error(impossible);
  await ensureLabPackages();
  allowManyHosts();
  const starts = Object.entries(plan.hosts) as [Name, HostStart][];
  const layers = await Promise.all(starts.map(([, start]) => layersOf(start)));
  const states = Object.entries(plan.states ?? {}).map(async ([label, start]) => [
    label,
    await layersOf(start),
  ]);
  const snapshots = Object.fromEntries(await Promise.all(states));
  const lab = await claimLab(plan.detached ?? false, plan.acme ?? false);
  try {
    lab.hosts = starts.map(([name, start], at) => ({
      name,
      release: releaseOf(start),
      index: at + 1,
      layers: layers[at]!,
    }));
    lab.snapshots = snapshots;
    await startLab(lab);
    return lab;
  } catch (error) {
    removeLab(lab);
    throw error;
  }
}

async function startLab(lab: LabRecord): Promise<void> {
  makeNetwork(lab.id);
  makeIdentity(lab);
  saveLab(lab);
  for (const host of lab.hosts) {
    machine.mountHost(lab, host);
    writeIdentity(lab, host, machine.rootDir(lab, host));
  }
  const acme = lab.acme ? lab.hosts.map(host => startAcme(lab, host)) : [];
  await Promise.all([startArchive(lab), ...acme, ...lab.hosts.map(host => machine.bootHost(lab, host))]);
}

async function startArchive(lab: LabRecord): Promise<void> {
  const program = fileURLToPath(new URL('./archive.ts', import.meta.url));
  const folder = join(labDir(), 'archive');
  mkdirSync(folder, { recursive: true });
  const address = gatewayAddress(lab.id);
  const proxy = aptProxy();
  const server = [program, address, `${archivePort}`, folder, ...(proxy ? [proxy] : [])];
  const node = [process.execPath, '--import', import.meta.resolve('tsx')] as const;
  startIn(join(labCgroup(lab.id), 'archive'), [...node, ...server], join(lab.dir, 'archive.log'));
  await waitFor(
    'the package archive answers',
    30_000,
    async () => (await tcpAnswers(address, archivePort, false)) || undefined,
  );
}

const releaseOf = (start: HostStart): Release => (typeof start === 'string' ? start : start.release);

async function layersOf(start: HostStart): Promise<string[]> {
  const base = await baseTree(releaseOf(start));
  if (typeof start === 'string') return [base];
  const month = new Date().toISOString().slice(0, 7); // after which mirrors no longer hold what was current then
  const layer = join(labDir(), 'layers', `${basename(base)}-${recipeKey(start.prepared, month)}`);
  mkdirSync(join(labDir(), 'layers'), { recursive: true });
  await withLock(`${layer}.lock`, async () => {
    if (!existsSync(layer)) await prepareLayer(start.release, start.prepared, layer);
  });
  return [layer, base];
}

async function prepareLayer(release: Release, script: string, layer: string): Promise<void> {
  const lab = await openRecord({ hosts: { prepared: release } });
  try {
    const host = lab.hosts[0]!;
    const outcome = await machine.execIn(lab, host, `set -e\n${script}`, { timeoutMs: 1_800_000 });
    if (outcome.code !== 0) throw new Error(`preparing ${release} exited ${outcome.code}: ${outcome.stderr}`);
    await machine.shutDown(lab, host);
    machine.freezeHost(lab, host, layer);
  } finally {
    removeLab(lab);
  }
}
