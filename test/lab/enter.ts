import { type HostAcme, type HttpsAnswer, hostAcme, httpsGet, trustAcme } from './acme.ts';
import type { Outcome } from './command.ts';
import * as machine from './host.ts';
import { hostKey, identityFile, knownHostsFile, writeIdentity } from './identity.ts';
import { hostAddress, hostAddress6, setLink } from './network.ts';
import { type HostRecord, type LabRecord, removeLab, saveLab } from './registry.ts';
import type { Release } from './releases.ts';

/** A host of a lab. */
export interface LabHost {
  name: string;
  release: Release;
  address: string;
  /** Undefined on a machine without IPv6. */
  address6: string | undefined;
  port: number;
  /** The account with sudo and no password; root is let in by the same key. */
  user: string;
  /** The host's file system as the controller sees it, also while the host is off. */
  rootDir: string;
  /** The host's public key, as `ssh-ed25519 AAAA…`. */
  hostKey: string;
  acme: HostAcme;
}

/** Real Debian hosts on a network of their own. Names are the ones given to `openLab`. */
export interface Lab<Name extends string = string> {
  id: number;
  hosts: Record<Name, LabHost>;
  /** The private key that lets `deploy` and root in. */
  identityFile: string;
  /** A known_hosts file with the keys of all hosts. */
  knownHosts: string;
  /** The text of an inventory with all hosts; `extra` adds top-level keys such as `groups`. */
  inventory(extra?: Record<string, unknown>): string;
  /** Runs a shell text as root on a running host, past its network and sshd. A failure is an exit code. */
  exec(name: Name, script: string, options?: { input?: string; timeoutMs?: number }): Promise<Outcome>;
  /** The processes of a running host, by the ids that this machine knows them by. */
  processes(name: Name): number[];
  /** A directory of this machine that is the root of a running host, with all that is mounted there. */
  root(name: Name): string;
  /** Ends every process of a host at once. What it wrote stays. */
  powerCut(name: Name): void;
  /** Shuts a host down in good order. */
  shutDown(name: Name): Promise<void>;
  /** Starts a host that is off and waits until one can log in. */
  boot(name: Name): Promise<void>;
  /** Takes a host's network away; connections are not closed, they fall silent. */
  cut(name: Name): void;
  /** Gives a cut host its network back. */
  mend(name: Name): void;
  /** Shuts a host down, keeps its state under a label for this lab's life, and boots it again. */
  snapshot(name: Name, label: string): Promise<void>;
  /** Brings a host to a kept state, also that of another host, and boots it. It keeps its keys and address. */
  restore(name: Name, label: string): Promise<void>;
  /** Fetches a URL from a host, whatever DNS says, trusting only certificates of that host's ACME server. */
  https(name: Name, url: string): Promise<HttpsAnswer>;
  /** Removes everything the lab made. Also happens by itself when the process ends. */
  close(): Promise<void>;
}

/** The handle on a lab that runs, also on one that another process opened. */
export function enterLab<Name extends string>(lab: LabRecord): Lab<Name> {
  const find = (name: Name): HostRecord => {
    const host = lab.hosts.find(each => each.name === name);
    if (!host) throw new Error(`lab ${lab.id} has no host ${name}`);
    return host;
  };
  const hosts = Object.fromEntries(
    lab.hosts.map(host => [host.name, describeHost(lab, host)]),
  ) as Lab<Name>['hosts'];
  return {
    id: lab.id,
    hosts,
    identityFile: identityFile(lab),
    knownHosts: knownHostsFile(lab),
    inventory: (extra = {}) => inventory(lab, Object.values(hosts), extra),
    exec: (name, script, options) => machine.execIn(lab, find(name), script, options),
    processes: name => machine.processesOf(lab, find(name)),
    root: name => `/proc/${machine.initProcess(lab, find(name))}/root`,
    powerCut: name => machine.powerCut(lab, find(name)),
    shutDown: name => machine.shutDown(lab, find(name)),
    boot: name => machine.bootHost(lab, find(name)),
    cut: name => setLink(lab.id, find(name).index, 'down'),
    mend: name => setLink(lab.id, find(name).index, 'up'),
    snapshot: (name, label) => snapshot(lab, find(name), label),
    restore: (name, label) => restore(lab, find(name), label),
    https: async (name, url) => httpsGet(url, hosts[name].address, await hosts[name].acme.rootPem()),
    close: async () => removeLab(lab),
  };
}

function describeHost(lab: LabRecord, host: HostRecord): LabHost {
  return {
    name: host.name,
    release: host.release,
    address: hostAddress(lab.id, host.index),
    address6: hostAddress6(lab.id, host.index),
    port: 22,
    user: 'deploy',
    rootDir: machine.rootDir(lab, host),
    hostKey: hostKey(machine.rootDir(lab, host)),
    acme: hostAcme(lab, host),
  };
}

// JSON is YAML: every line of the inventory is a key and its value in flow style.
function inventory(lab: LabRecord, hosts: LabHost[], extra: Record<string, unknown>): string {
  const lines = hosts.map(host => {
    const { name, address, port, user, hostKey } = host;
    return `  ${name}: ${JSON.stringify({ address, port, user, identity_file: identityFile(lab), host_key: hostKey })}`;
  });
  const others = Object.entries(extra).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  return ['hosts:', ...lines, ...others, ''].join('\n');
}

async function snapshot(lab: LabRecord, host: HostRecord, label: string): Promise<void> {
  if (lab.snapshots[label]) throw new Error(`lab ${lab.id} already has a snapshot ${label}`);
  await machine.shutDown(lab, host);
  machine.freezeHost(lab, host, `${lab.dir}/snapshot-${label}`);
  lab.snapshots[label] = host.layers;
  saveLab(lab);
  await machine.bootHost(lab, host);
}

async function restore(lab: LabRecord, host: HostRecord, label: string): Promise<void> {
  const layers = lab.snapshots[label];
  if (!layers) throw new Error(`lab ${lab.id} has no snapshot ${label}`);
  machine.powerCut(lab, host);
  machine.resetHost(lab, host, layers);
  writeIdentity(lab, host, machine.rootDir(lab, host));
  if (lab.acme) await trustAcme(lab, host);
  saveLab(lab);
  await machine.bootHost(lab, host);
}
