import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Lab, type Outcome, openLab, type Release } from '../lab/lab.ts';
import type { Layer } from './case.ts';

/** A host of the lab that cases are run on, one at a time, and the folder that the program is started in. */
export interface TruthHost {
  release: Release;
  /**
   * Holds `inventory.yml` with this host alone, called `web1`, `nowhere.yml` with one that no connection reaches, and the
   * files that generated resources name. As the home of the program, it makes the program wait for a busy machine.
   */
  folder: string;
  /** The root of the host's file system as this machine sees it. */
  rootDir: string;
  /** Throws away everything that was done to the host, boots it on a layer and waits until its units are at rest. */
  reset(layer: Layer): Promise<void>;
  /** Runs a shell text as root; a failure is an exit code. */
  exec(script: string): Promise<Outcome>;
}

const quiet = 'DEBIAN_FRONTEND=noninteractive apt-get -o Dpkg::Use-Pty=0 -qy';

/** The additions of each layer to a fresh release. In all layers, apt has its lists and knows packages to install. */
const preparations: Readonly<Record<Layer, string>> = {
  blank: 'apt-get -q update',
  servers: `apt-get -q update
    ${quiet} install --no-install-recommends nginx-light redis-server memcached rsync python3-venv \\
      certbot python3-certbot-nginx curl
    apt-get clean`,
  postgres: `apt-get -q update
    ${quiet} install --no-install-recommends postgresql nginx-light
    apt-get clean`,
};

/** Opens a lab with at least one host for each layer, of which `close` leaves nothing. */
export async function openHosts(
  release: Release,
  count: number,
): Promise<{ hosts: TruthHost[]; close(): Promise<void> }> {
  const layers = Object.keys(preparations) as Layer[];
  // One host of each layer is needed to make the layers known to all.
  const names = Array.from({ length: Math.max(count, layers.length) }, (_, at) => `host${at + 1}`);
  const start = (at: number) => ({ release, prepared: preparations[layers[at % layers.length]!] });
  const lab = await openLab({
    hosts: Object.fromEntries(names.map((name, at) => [name, start(at)])),
    acme: true,
  });
  try {
    // Taken after a first boot, so that no later one has to make what only a first boot makes.
    await Promise.all(layers.map((layer, at) => lab.snapshot(names[at]!, layer)));
  } catch (error) {
    await lab.close();
    throw error;
  }
  const hosts = names.slice(0, count).map(name => truthHost(lab, name, release));
  const close = async () => {
    for (const { folder } of hosts) rmSync(folder, { recursive: true, force: true });
    await lab.close();
  };
  return { hosts, close };
}

function truthHost(lab: Lab, name: string, release: Release): TruthHost {
  const { address, port, user, hostKey, rootDir, acme } = lab.hosts[name]!;
  const folder = mkdtempSync(join(tmpdir(), 'reconcile-truth-'));
  cpSync(join(import.meta.dirname, 'project'), folder, { recursive: true });
  const vars = { acme_server: acme.directory, acme_ca_bundle: acme.caBundle };
  const host = { address, port, user, identity_file: lab.identityFile, host_key: hostKey, vars };
  writeFileSync(join(folder, 'inventory.yml'), JSON.stringify({ hosts: { web1: host } }));
  const nowhere = { address: '127.0.0.1', port: 1, user, vars };
  writeFileSync(join(folder, 'nowhere.yml'), JSON.stringify({ hosts: { web1: nowhere } }));
  mkdirSync(join(folder, '.ssh'));
  writeFileSync(join(folder, '.ssh/config'), 'Host *\n  ConnectTimeout 120\n');
  const exec = (script: string) => lab.exec(name, script, { timeoutMs: 300_000 });
  const reset = async (layer: Layer) => {
    await lab.restore(name, layer);
    const { code, stderr } = await exec(atRest);
    if (code !== 0) throw new Error(`${name} does not come to rest: ${stderr}`);
  };
  return { release, folder, rootDir: join(dirname(rootDir), 'root'), reset, exec };
}

/** Waits until systemd has no job left: what is still starting would look like a change. */
export const atRest = `for i in $(seq 600); do
    case $(systemctl is-system-running 2>/dev/null) in running|degraded) [ -z "$(systemctl list-jobs --no-legend)" ] && exit 0 ;; esac
    sleep 0.1
  done
  systemctl list-jobs >&2; exit 1`;
