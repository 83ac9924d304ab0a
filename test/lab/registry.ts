import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { killCgroup, labCgroup } from './cgroup.ts';
import { mustNow, removeTree, runNow, withLock } from './command.ts';
import { labDir } from './machine.ts';
import { freeSubnet, removeNetwork } from './network.ts';
import type { Release } from './releases.ts';

/** A host as it is remembered: what is needed to find, boot or remove it. */
export interface HostRecord {
  name: string;
  release: Release;
  /** Counts from 1 within the lab; address, ports and interface follow from it. */
  index: number;
  /** Read-only trees below the host's own writes, uppermost first; the last one is the base. */
  layers: string[];
}

/** A lab as it is remembered in the machine's registry, so that another process can enter it or clean up after it. */
export interface LabRecord {
  /** 1 to 250, unique on this machine; bridge, subnet and cgroup follow from it. */
  id: number;
  /** The folder with keys, hosts and logs; removed with the lab. */
  dir: string;
  /** The process whose end is the lab's end; null for a lab that stays until it is taken down. */
  owner: { pid: number; startTime: string } | null;
  acme: boolean;
  hosts: HostRecord[];
  /** Label → the layers that hold the state of a host when it was taken. */
  snapshots: Record<string, string[]>;
}

const registryDir = '/run/reconcile-lab';
const recordFile = (id: number) => join(registryDir, `${id}.json`);

/** When a live process started, in the kernel's ticks: tells it from a later one with the same id. */
export function startTime(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[0] === 'Z' ? undefined : fields[19]; // a zombie only waits for its parent to look
  } catch {
    return undefined;
  }
}

/** Every lab in the registry, whether its owner still lives or not. */
export function listLabs(): LabRecord[] {
  if (!existsSync(registryDir)) return [];
  const names = readdirSync(registryDir).filter(name => /^\d+\.json$/.test(name));
  return names.flatMap(name => {
    try {
      return [JSON.parse(readFileSync(join(registryDir, name), 'utf8')) as LabRecord];
    } catch {
      return []; // its owner has just closed it
    }
  });
}

/** Writes a changed record back. */
export function saveLab(lab: LabRecord): void {
  const unfinished = `${recordFile(lab.id)}.unfinished`;
  writeFileSync(unfinished, JSON.stringify(lab, null, 2));
  renameSync(unfinished, recordFile(lab.id));
}

/**
 * Cleans up after labs whose owner is gone, takes the first free number, and registers it for this process, whose end
 * then is the lab's end, or (detached) for nobody.
 */
export function claimLab(detached: boolean, acme: boolean): Promise<LabRecord> {
  mkdirSync(registryDir, { recursive: true });
  return withLock(join(registryDir, 'lock'), async () => {
    removeStaleLabs();
    return register(detached, acme);
  });
}

function register(detached: boolean, acme: boolean): LabRecord {
  // Labs of tests start elsewhere for each process, so that a number is not used again at once by another one.
  const first = detached ? 0 : process.pid;
  for (let attempt = 0; attempt < 250; attempt += 1) {
    const id = 1 + ((first + attempt) % 250);
    if (existsSync(recordFile(id)) || !freeSubnet(id)) continue;
    const dir = join(labDir(), 'labs', String(id));
    const owner = detached ? null : { pid: process.pid, startTime: startTime(process.pid)! };
    const lab: LabRecord = { id, dir, owner, acme, hosts: [], snapshots: {} };
    mkdirSync(labCgroup(id), { recursive: true }); // before the record: a detached lab without it counts as gone
    saveLab(lab);
    closeOnExit(lab);
    removeTree(dir); // of a lab that a reboot ended
    mkdirSync(dir, { recursive: true, mode: 0o755 });
    return lab;
  }
  throw new Error('all 250 lab numbers are taken; `npm run lab -- list` shows by whom');
}

// Also detached labs that a reboot ended: their cgroup is gone.
function removeStaleLabs(): void {
  for (const lab of listLabs()) {
    const alive = lab.owner
      ? startTime(lab.owner.pid) === lab.owner.startTime
      : existsSync(labCgroup(lab.id));
    if (!alive) removeOrTell(lab);
  }
}

const attached = new Set<LabRecord>();
const removed = new WeakSet<LabRecord>();
const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

function closeAttached(): void {
  for (const lab of attached) removeOrTell(lab);
}

/** Removes a lab; what cannot be removed yet is for the next lab to start. */
function removeOrTell(lab: LabRecord): void {
  try {
    removeLab(lab);
  } catch (error) {
    console.error(`lab ${lab.id} could not be removed: ${String(error)}`);
  }
}

function closeOnExit(lab: LabRecord): void {
  if (!lab.owner) return;
  attached.add(lab);
  if (process.listeners('exit').includes(closeAttached)) return;
  process.on('exit', closeAttached);
  for (const [signal, code] of Object.entries(signals)) process.once(signal, () => process.exit(code));
}

/** Removes everything a lab made: processes, mounts, interfaces, rules, files. Safe to repeat. */
export function removeLab(lab: LabRecord): void {
  if (removed.has(lab)) return; // its number may be another lab's by now
  attached.delete(lab);
  killCgroup(labCgroup(lab.id));
  for (const mount of mountsUnder(lab.dir))
    if (runNow(['umount', mount]).code !== 0) mustNow(['umount', '--lazy', mount]); // a test holds a file of it open
  removeNetwork(lab.id);
  removeTree(lab.dir);
  rmSync(recordFile(lab.id), { force: true });
  removed.add(lab);
}

function mountsUnder(dir: string): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const points = mounts.map(line => line.split(' ')[1] ?? '');
  return points.filter(point => point.startsWith(`${dir}/`)).reverse();
}
