import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { baseTree } from '../lab/base.ts';
import { must, mustNow, removeTree, runNow, waitFor } from '../lab/command.ts';
import { ensurePackages, labDir } from '../lab/machine.ts';

/** A container of podman on a Debian of the lab, with nothing in it but what the base tree has. */
export interface Container {
  name: string;
  /** A folder to put first in PATH: its `podman` knows the container. */
  path: string;
  /** For Docker's own client, which podman answers as an engine of Docker would. */
  dockerHost: string;
  close(): void;
}

const name = 'reconcile-test';

function processesNaming(folder: string): number[] {
  const names = (pid: number) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${folder}/`);
    } catch {
      return false; // it has just ended
    }
  };
  return readdirSync('/proc')
    .map(Number)
    .filter(pid => pid > 0 && names(pid));
}

/** Installs podman where it is missing, and starts the container. Throws with podman's last words when it cannot. */
export async function openContainer(): Promise<Container> {
  await ensurePackages(['podman', 'crun']);
  const folder = mkdtempSync(join(labDir(), 'container-'));
  const at = (part: string) => join(folder, part);
  for (const part of ['upper', 'work', 'tree', 'cgroup']) mkdirSync(at(part));
  const layers = `lowerdir=${await baseTree('bookworm')},upperdir=${at('upper')},workdir=${at('work')}`;
  mustNow(['mount', '-t', 'overlay', 'overlay', '-o', layers, at('tree')]);
  // Its own storage, and the unified cgroup hierarchy alone: crun refuses a machine that has the old one beside it.
  const own = `--root ${at('storage')} --runroot ${at('run')} --storage-driver vfs --cgroup-manager cgroupfs`;
  const unify = `mount --bind "$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)" ${at('cgroup')} &&
umount -R /sys/fs/cgroup && mount --bind ${at('cgroup')} /sys/fs/cgroup`;
  const script = `#!/bin/sh
[ -n "$UNIFIED" ] || UNIFIED=1 exec unshare -m sh -c '${unify.replaceAll("'", "'\\''")} && exec "$0" "$@"' "$0" "$@"
exec /usr/bin/podman ${own} "$@"
`;
  writeFileSync(at('podman'), script, { mode: 0o755 });
  const podman = (...words: string[]) => [at('podman'), ...words] as const;
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4000:4000'];
  let engine: ChildProcess | undefined;
  const close = () => {
    engine?.kill();
    runNow(podman('rm', '--force', '--time', '0', name));
    // podman keeps a record of each program of Docker's client for five minutes.
    runNow(['kill', '-KILL', ...processesNaming(folder).map(String)]);
    runNow(['umount', at('tree')]);
    runNow(['umount', '-R', at('storage')]);
    removeTree(folder);
  };
  try {
    const alone = ['--network=host', '--cgroups=disabled', ...limits];
    await must(podman('run', '--detach', '--rootfs', ...alone, '--name', name, at('tree'), 'sleep', '3600'));
    engine = spawn(at('podman'), ['system', 'service', '--time=0', `unix://${at('socket')}`], {
      stdio: 'ignore',
    });
    await waitFor('podman answers', 30_000, () => existsSync(at('socket')) || undefined);
    return { name, path: folder, dockerHost: `unix://${at('socket')}`, close };
  } catch (error) {
    close();
    throw error;
  }
}
