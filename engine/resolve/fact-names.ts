import type { FactUse } from '../resource.ts';
import { type Plain, PossiblyMissing, Unknown, type Value } from '../value.ts';

/** The facts of a host: the name under `facts.`, and its meaning. */
export const factNames = {
  hostname: 'The host’s own name, without its domain.',
  fqdn: 'The full name with its domain.',
  'os.id': '`debian` or `ubuntu`.',
  'os.version': 'The release as text, such as "12" or "24.04".',
  'os.codename': 'The name of the release, such as `bookworm`.',
  arch: 'The architecture by dpkg’s name, such as `amd64`.',
  kernel: 'The release of the running kernel.',
  machine: 'The kind of processor by the kernel’s name, such as `x86_64`.',
  virtualization: 'The virtual machine or container, such as `kvm` or `docker`; null on hardware.',
  container: 'The kind of container, such as `lxc` or `docker`; null outside one.',
  cpus: 'Number of usable processors.',
  memory_mb: 'Memory in mebibytes.',
  swap_mb: 'Swap space in mebibytes.',
  ipv4: 'The addresses of IP version 4, as a list.',
  ipv6: 'The addresses of IP version 6, as a list.',
  default_interface: 'The network interface of the default route; null without one.',
  default_gateway: 'The gateway of the default route; null without one.',
  disks: 'The mounted file systems, as a list of maps: mount, device, type, size_mb, available_mb.',
  systemd: 'The version of systemd as a number; null without it.',
  timezone: 'The time zone by its name in tzdata, such as `Europe/Berlin`.',
  time: 'Seconds since 1970 on the host.',
  packages: 'The installed packages by name, each with its `version`.',
  services: 'The services by name without `.service`, each with `active` and `enabled`, true or false.',
  users: 'The accounts of /etc/passwd by name, each with `uid`, `gid`, `home` and `shell`.',
} as const satisfies Record<string, string>;

/** The facts that are maps of names, such as `facts.packages.nginx`, and that resources of a play can change. */
export const changingFacts: readonly FactUse['of'][] = ['packages', 'services', 'users'];

export type FactName = keyof typeof factNames;

/** Facts of one host, nested as in expressions: `{ hostname, os: { id, … }, … }`. */
export type Facts = Readonly<Record<string, Plain>>;

let unknown: { [key: string]: Value } | undefined;

/** Returns all facts as unknown values, the same object for all hosts. */
export function unknownFacts(): { [key: string]: Value } {
  return (unknown ??= madeUnknown());
}

function madeUnknown(): { [key: string]: Value } {
  const facts: { [key: string]: Value } = {};
  for (const name of Object.keys(factNames)) {
    const [top, inner] = name.split('.') as [string, string?];
    const isMap = (changingFacts as readonly string[]).includes(name);
    if (isMap) facts[top] = new PossiblyMissing(`facts.${name}`);
    else if (inner === undefined) facts[top] = new Unknown(`facts.${name}`);
    else facts[top] = { ...(facts[top] as object), [inner]: new Unknown(`facts.${name}`) };
  }
  return facts;
}

/** Returns the facts that a reference such as `facts.os.id` or `facts.os` needs; none if there is no such fact. */
export function factsOf(path: readonly string[]): FactName[] {
  const wanted = path.slice(1).join('.');
  return (Object.keys(factNames) as FactName[]).filter(
    name =>
      wanted === '' || wanted === name || name.startsWith(`${wanted}.`) || wanted.startsWith(`${name}.`),
  );
}
