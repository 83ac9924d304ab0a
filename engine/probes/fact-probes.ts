import type { Plain } from '../value.ts';

/** The sources of the facts: shell that prints a text, and its parser. Built-in commands are preferred. */
const sources: Readonly<Record<string, { script: string; parse?: (text: string) => Plain }>> = {
  hostname: { script: 'uname -n' },
  fqdn: { script: 'hostname -f 2>/dev/null || uname -n' },
  'os.id': { script: '(. /etc/os-release; printf %s "$ID")' },
  'os.version': { script: '(. /etc/os-release; printf %s "$VERSION_ID")' },
  'os.codename': { script: '(. /etc/os-release; printf %s "$VERSION_CODENAME")' },
  arch: { script: 'dpkg --print-architecture 2>/dev/null || uname -m' },
  kernel: { script: 'uname -r' },
  machine: { script: 'uname -m' },
  virtualization: { script: 'systemd-detect-virt 2>/dev/null', parse: orNull },
  container: { script: 'systemd-detect-virt --container 2>/dev/null', parse: orNull },
  cpus: { script: 'nproc', parse: Number },
  memory_mb: {
    script:
      'while read -r r_n r_v r_x; do [ "$r_n" = MemTotal: ] && printf %s "$r_v" && break; done </proc/meminfo',
    parse: text => Math.round(Number(text) / 1024),
  },
  swap_mb: {
    script:
      'while read -r r_n r_v r_x; do [ "$r_n" = SwapTotal: ] && printf %s "$r_v" && break; done </proc/meminfo',
    parse: text => Math.round(Number(text) / 1024),
  },
  ipv4: { script: addresses('inet'), parse: list },
  ipv6: { script: addresses('inet6'), parse: list },
  default_interface: { script: routeWord('dev'), parse: orNull },
  default_gateway: { script: routeWord('via'), parse: orNull },
  disks: { script: 'df -PkT -x tmpfs -x devtmpfs -x overlay -x squashfs 2>/dev/null', parse: disks },
  systemd: {
    script: 'systemctl --version 2>/dev/null | { read -r r_n r_v r_x; printf %s "$r_v"; }',
    parse: text => (text === '' ? null : Number(text)),
  },
  timezone: {
    script: 'r_z=$(readlink -f /etc/localtime 2>/dev/null); printf %s "${r_z#*/zoneinfo/}"',
    parse: text => (text.startsWith('/') || text === '' ? 'Etc/UTC' : text),
  },
  time: { script: 'date +%s', parse: Number },
  packages: {
    script: "dpkg-query -W -f='${db:Status-Status} ${Package} ${Architecture} ${Version}\\n' 2>/dev/null",
    parse: packages,
  },
  services: {
    script:
      'systemctl list-unit-files --type=service --no-legend --no-pager 2>/dev/null; echo; systemctl list-units --type=service --all --plain --no-legend --no-pager 2>/dev/null',
    parse: services,
  },
  users: { script: 'cat /etc/passwd', parse: users },
};

/** Returns a script that prints each of `names` (`os.id`, `cpus` …) between NULs. */
export function factsScript(names: ReadonlySet<string>): string {
  return known(names)
    .map(name => `printf '%s\\0' ${name} "$( ${sources[name]!.script} )"`)
    .join('\n');
}

/** Returns the output of factsScript as the map `facts` of expressions; memory in MiB, time in seconds since 1970. */
export function decodeFacts(text: string, names: ReadonlySet<string>): Record<string, Plain> {
  const fields = text.split('\0');
  const facts: Record<string, Plain> = {};
  for (const name of known(names)) {
    const printed = (fields[fields.indexOf(name) + 1] ?? '').trim();
    const value = sources[name]!.parse?.(printed) ?? (sources[name]!.parse ? null : printed);
    const [group, key] = name.split('.');
    if (key === undefined) facts[name] = value;
    else facts[group!] = { ...(facts[group!] as Record<string, Plain> | undefined), [key]: value };
  }
  return facts;
}

/** Returns the full names of the facts. `os` alone means all facts below it. */
function known(names: ReadonlySet<string>): string[] {
  return Object.keys(sources).filter(name => names.has(name) || names.has(name.split('.')[0]!));
}

function addresses(family: 'inet' | 'inet6'): string {
  return `ip -o -f ${family} addr show scope global 2>/dev/null | while read -r r_n r_i r_f r_a r_x; do printf '%s\\n' "\${r_a%/*}"; done`;
}

/** Prints the word after `key` in the default route, of IPv4 or else of IPv6. */
function routeWord(key: 'dev' | 'via'): string {
  const find = `case " $r_l " in *" ${key} "*) r_l=\${r_l#*${key} }; printf '%s' "\${r_l%% *}"; break ;; esac`;
  return `{ ip -4 route show default; ip -6 route show default; } 2>/dev/null | while read -r r_l; do ${find}; done`;
}

function orNull(text: string): Plain {
  return text === '' || text === 'none' ? null : text;
}

function list(text: string): Plain {
  return text.split('\n').filter(line => line !== '');
}

/** The columns of df -PkT: file system, type, size in KiB, used, available, percentage, mount point. */
function disks(text: string): Plain {
  return text
    .split('\n')
    .slice(1)
    .map(line => line.trim().split(/\s+/))
    .filter(fields => fields.length >= 7)
    .map(([device, type, size, , available, , ...where]) => ({
      mount: where.join(' '),
      device: device!,
      type: type!,
      size_mb: Math.round(Number(size) / 1024),
      available_mb: Math.round(Number(available) / 1024),
    }));
}

const rows = (text: string) => text.split('\n').map(line => line.trim().split(/\s+/));

/** Returns packages by name; one of another architecture than dpkg's own as `NAME:ARCH`. */
function packages(text: string): Plain {
  const installed = rows(text).filter(
    ([status, , , version]) => status === 'installed' && version !== undefined,
  );
  const own = installed.find(([, name]) => name === 'dpkg')?.[2];
  return Object.fromEntries(
    installed.map(([, name, arch, version]) => [
      arch === own || arch === 'all' ? name! : `${name}:${arch}`,
      { version: version! },
    ]),
  );
}

/** Returns services by name from the files of units and, behind an empty line, the loaded units. */
function services(text: string): Plain {
  const [files = '', units = ''] = text.split(/\n\n|^\n/);
  const all: { [name: string]: { active: boolean; enabled: boolean } } = {};
  const serviceOf = (unit: string | undefined) => /^(.+)\.service$/.exec(unit ?? '')?.[1];
  const aliases = new Set<string>();
  for (const [unit, state = ''] of rows(files)) {
    const name = serviceOf(unit);
    if (name === undefined) continue;
    // An alias has the state of its unit, which stands under its own name.
    if (state === 'alias') aliases.add(name);
    else all[name] = { active: false, enabled: /^enabled(?:-runtime)?$/.test(state) };
  }
  for (const [unit, load, active] of rows(units)) {
    const name = serviceOf(unit);
    if (name === undefined || load === 'not-found' || aliases.has(name)) continue;
    all[name] = {
      active: active === 'active' || active === 'reloading',
      enabled: all[name]?.enabled ?? false,
    };
  }
  return all;
}

function users(text: string): Plain {
  const lines = text.split('\n').map(line => line.split(':'));
  const accounts = lines.filter(([name = '', , uid = '']) => /^[^+-]/.test(name) && /^\d+$/.test(uid));
  return Object.fromEntries(
    accounts.map(([name, , uid, gid, , home = '', shell = '']) => [
      name!,
      { uid: Number(uid), gid: Number(gid), home, shell: shell || '/bin/sh' },
    ]),
  );
}
