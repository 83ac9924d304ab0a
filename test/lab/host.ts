import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { killCgroup, labCgroup, processesIn, startIn } from './cgroup.ts';
import { mustNow, type Outcome, removeTree, run, runNow, waitFor } from './command.ts';
import { hostAddress, machineName, tcpAnswers, unplug } from './network.ts';
import type { HostRecord, LabRecord } from './registry.ts';

const hostDir = (lab: LabRecord, host: HostRecord) => join(lab.dir, 'hosts', host.name);
const cgroupOf = (lab: LabRecord, host: HostRecord) => join(labCgroup(lab.id), host.name);

/** A host's file system as the controller sees it, whether the host runs or not. */
export const rootDir = (lab: LabRecord, host: HostRecord) => join(hostDir(lab, host), 'root');

/** Lays a host's file system: its own empty layer over its read-only ones. */
export function mountHost(lab: LabRecord, host: HostRecord): void {
  const dir = hostDir(lab, host);
  for (const part of ['upper', 'work', 'root']) mkdirSync(join(dir, part), { recursive: true });
  // `volatile` leaves out waiting for the disk, which is most of what dpkg does; a kill of the host loses nothing.
  const layers = `lowerdir=${host.layers.join(':')},upperdir=${dir}/upper,workdir=${dir}/work`;
  mustNow(['mount', '-t', 'overlay', 'overlay', '-o', `${layers},volatile`, `${dir}/root`]);
}

/** Takes a host that is off apart, and returns the layer that holds what was written to it. */
function unmountHost(lab: LabRecord, host: HostRecord): string {
  const dir = hostDir(lab, host);
  mustNow(['umount', `${dir}/root`]);
  removeTree(`${dir}/work`);
  return `${dir}/upper`;
}

/** The ids, as the controller counts, of all processes of a host; none when it is off. */
export const processesOf = (lab: LabRecord, host: HostRecord) => processesIn(cgroupOf(lab, host));

/** The id of the host's first process as the controller counts, or undefined when the host is off. */
export function initProcess(lab: LabRecord, host: HostRecord): number | undefined {
  return processesOf(lab, host).find(pid => {
    try {
      return /^NSpid:\t\d+\t1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return false; // it has just ended
    }
  });
}

/**
 * Starts a container again whenever it restarts itself: nspawn then exits with 133. The next start may fail, because the
 * kernel takes the old cable away only some time later, so it is tried for ten seconds.
 */
const restarting = `left=0
while :; do
  "$0" "$@"
  case $? in
    0) break ;;
    133) left=10 ;;
    *) [ "$left" -gt 0 ] || break; left=$((left - 1)) ;;
  esac
  sleep 1
done`;

/** Starts a host and waits until one can log in. Throws with the end of its console after three minutes. */
export async function bootHost(lab: LabRecord, host: HostRecord): Promise<void> {
  if (initProcess(lab, host)) return;
  const root = rootDir(lab, host);
  const log = join(hostDir(lab, host), 'console.log');
  const nspawn = [
    'systemd-nspawn',
    '--quiet',
    `--directory=${root}`,
    `--machine=${machineName(lab.id, host.index)}`,
    `--hostname=${host.name}`,
    '--register=no',
    '--keep-unit',
    `--network-bridge=rl${lab.id}`,
    '--resolv-conf=off',
    '--timezone=off',
    '--link-journal=no',
    '--boot',
  ] as const;
  // Debian 13's systemd needs the unified hierarchy; nspawn alone would hand over what this machine has.
  startIn(cgroupOf(lab, host), ['sh', '-c', restarting, ...nspawn], log, {
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1',
  });
  try {
    await waitFor(`${host.name} boots`, 180_000, async () => {
      const init = initProcess(lab, host);
      // sshd answers before /run/nologin is gone, and would turn everybody but root away.
      const ready = init && (await tcpAnswers(hostAddress(lab.id, host.index), 22, true));
      return ready && !existsSync(`/proc/${init}/root/run/nologin`) ? true : undefined;
    });
  } catch (error) {
    throw new Error(`${String(error)}\n${readFileSync(log, 'utf8').slice(-2000)}`);
  }
}

/** Ends every process of a host at once. What it wrote stays. */
export function powerCut(lab: LabRecord, host: HostRecord): void {
  killCgroup(cgroupOf(lab, host));
  unplug(lab.id, host.index); // the kernel takes the cable away too, but only some time later
}

/** Shuts a host down in good order, as `systemctl poweroff` does; cuts its power after 30 s. */
export async function shutDown(lab: LabRecord, host: HostRecord): Promise<void> {
  const init = initProcess(lab, host);
  if (init) {
    runNow(['kill', '-s', 'RTMIN+4', String(init)]);
    await waitFor('shutdown', 30_000, () => (existsSync(`/proc/${init}`) ? undefined : true)).catch(() => {});
  }
  powerCut(lab, host);
}

/** Runs a shell text as root inside a running host, past its network and its sshd. */
export async function execIn(
  lab: LabRecord,
  host: HostRecord,
  script: string,
  options: { input?: string; timeoutMs?: number } = {},
): Promise<Outcome> {
  const init = initProcess(lab, host);
  if (!init) throw new Error(`${host.name} is off`);
  const spaces = ['--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup'];
  const env = [
    'env',
    '-i',
    '--chdir=/root',
    'HOME=/root',
    'USER=root',
    'LANG=C.UTF-8',
    'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
  ];
  return run(['nsenter', `--target=${init}`, ...spaces, ...env, 'sh', '-c', script], options);
}

/** Moves what was written to a host that is off to `layer`, and lays the host anew on top of it. */
export function freezeHost(lab: LabRecord, host: HostRecord, layer: string): void {
  renameSync(unmountHost(lab, host), layer);
  host.layers = [layer, ...host.layers];
  mountHost(lab, host);
}

/** Throws away what was written to a host that is off, and lays it anew from other layers. */
export function resetHost(lab: LabRecord, host: HostRecord, layers: string[]): void {
  removeTree(unmountHost(lab, host));
  host.layers = layers;
  mountHost(lab, host);
}
