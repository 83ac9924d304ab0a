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
