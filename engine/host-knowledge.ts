import { posix } from 'node:path';
import { type CommandResult, command, type Probe, readOnly, type UnitState } from './probe.ts';
import { shellQuote } from './quote.ts';

/** Knowledge of Debian and Ubuntu that the engine does not read from hosts. */

/** The folders of unit files and their drop-ins. */
const unitFolders = /^(?:\/etc|\/run|\/usr\/local\/lib|\/usr\/lib|\/lib)\/systemd\/system\//;

/** Files of Quadlet, from which the generator of Podman makes services: podman-systemd.unit(5). */
const quadlets =
  /^(?:\/etc|\/usr\/share)\/containers\/systemd\/([^/]+)\.(?:container|kube|(volume|network|pod))$/;

/** The unit of a file, and the part of the unit in it. */
export interface UnitPart {
  name: string;
  part: 'file' | 'drop-in' | 'quadlet';
}

/**
 * Returns the unit whose file or drop-in is at a path, e.g. of `/etc/systemd/system/app.service.d/limits.conf`, or that is
 * generated from the file there.
 */
export function unitAt(path: string): UnitPart | undefined {
  const [, stem, kind] = quadlets.exec(path) ?? [];
  if (stem !== undefined) return { name: `${stem}${kind ? `-${kind}` : ''}.service`, part: 'quadlet' };
  if (!unitFolders.test(path)) return undefined;
  const [name = '', ...inner] = path.replace(unitFolders, '').split('/');
  if (inner.length === 0 && /\.[a-z]+$/.test(name)) return { name, part: 'file' };
  const dropIn = /^(.+\.[a-z]+)\.d$/.exec(name)?.[1];
  return dropIn === undefined || inner.length !== 1 ? undefined : { name: dropIn, part: 'drop-in' };
}

/** The files that Debian's configuration of Nginx includes. */
export const nginxReads = /^\/etc\/nginx\/(sites-enabled\/[^/]+|(conf\.d|modules-enabled)\/[^/]+\.conf)$/;

/** The properties of a loaded service that does not run. */
export const stoppedUnit = {
  LoadState: 'loaded',
  ActiveState: 'inactive',
  SubState: 'dead',
  UnitFileState: 'disabled',
  NeedDaemonReload: 'no',
  NRestarts: '0',
  DownParts: '',
} as const satisfies UnitState;

/** The folders in the PATH of root's session. */
export const programFolders = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
] as const;

/** Names of folders that say nothing about the package of their content. */
const commonNames = new Set(
  'backups bin boot cache default doc etc games lib lib32 lib64 libexec local lock log man opt run sbin share spool src tmp usr var'.split(
    ' ',
  ),
);

/** Paths of packages whose names do not show in them. */
const unnamed =
  /^\/(etc\/(ssl|mysql|systemd|X11|xdg)|var\/(www|mail|spool|cache\/debconf|(lib|log)\/(mysql|letsencrypt|php|nfs|dhcp))|run\/(mysqld|php)|usr\/lib\/(jvm|cgi-bin|sysusers\.d|tmpfiles\.d))(\/|$)/;

/**
 * Paths below /etc that belong to the administrator or to certbot, files with a name that only reconcile gives, and files of
 * the whole host, which the installation of the system makes and packages leave alone.
 */
const ofAdministrator =
  /^\/etc\/(systemd\/system\/[^/]+(\.d\/.*)?$|containers\/systemd\/|systemd\/[a-z]+\.conf\.d(\/|$)|(sysctl|modprobe|modules-load|cloud\/cloud\.cfg)\.d\/\d*-?reconcile-|letsencrypt\/(accounts|archive|live|renewal)(\/|$)|(default\/locale|fstab|hostname|hosts|locale\.(conf|gen)|localtime|timezone)$)/;

/** Folders in which packages name their files after themselves, with the name of such a file. */
const namedAfterPackage = /^\/etc\/(?:cron|logrotate|sudoers)\.d\/(?:\d+-)?([^/]+)$/;

/** Debian's files of other names in these folders, and their packages. */
const otherNames: Readonly<Record<string, string>> = {
  alternatives: 'dpkg',
  btmp: 'logrotate',
  wtmp: 'logrotate',
  e2scrub_all: 'e2fsprogs',
};

/** Folders in which many packages have a file, and folders of programs, whose names say little about the package. */
const shared =
  /^(\/etc|\/etc\/([^/]+\.d|cron\.[a-z]+|default|alternatives|skel|ssl(\/[a-z]+)?)|(\/usr)?\/s?bin|(\/usr)?\/lib\/systemd\/system)$/;

/**
 * Whether packages with these names may write a path. `with-folder` means: only if the folder of the path does not exist
 * yet. By Debian's policy (chapter 9), packages keep out of /srv, /home, /opt, /root and /usr/local, and out of
 * /etc/systemd/system except for the links that enable their units. In some folders, their files have their names.
 * Certbot's certificates come from no package. In folders of other packages and below /usr, /var and /run, packages write
 * paths with their name, or in Debian's common folders.
 * Packages that are `leaving` take away the paths with their name.
 */
export function packagesWrite(
  path: string,
  names: readonly string[],
  leaving = false,
): boolean | 'with-folder' {
  if (ofAdministrator.test(path)) return false;
  if (!/^\/(etc|usr(?!\/local\/)|var(?!\/lib\/reconcile\/)|lib|lib64|bin|sbin|run|boot)\/./.test(path))
    return false;
  const [, entry] = namedAfterPackage.exec(path) ?? [];
  if (entry !== undefined)
    return names.some(name => name.startsWith(entry.slice(0, 4)) || name === otherNames[entry]);
  if (unnamed.test(path) || (!leaving && shared.test(posix.dirname(path)))) return true;
  const own = path.split('/').filter(part => part.length > 2 && !commonNames.has(part));
  if (own.some(part => names.some(name => areRelated(part, name)))) return true;
  return path.startsWith('/etc/') && 'with-folder';
}

/** Whether a unit, program or folder may belong to a package, by their names: `redis-server` and `redis`. */
export function areRelated(name: string, packageName: string): boolean {
  const stem = (text: string) => text.replace(/(@.*)?\.(service|socket|timer)$/, '').replace(/[-.\d]+$/, '');
  const [one, other] = [stem(name), stem(packageName)];
  return one.startsWith(other) || other.startsWith(one);
}

/** Whether an account with this name or number may be one of a package (Debian policy 9.2.2). */
export const mayBeOfPackage = (name: string): boolean =>
  !/^\d+$/.test(name) || Number(name) < 1000 || Number(name) >= 60_000;

/** Debian's packages with units of another name. */
const packageNames: Readonly<Record<string, string>> = {
  docker: 'docker.io',
  mariadb: 'mariadb-server',
  mysql: 'mariadb-server',
  named: 'bind9',
  nmbd: 'samba',
  smbd: 'samba',
  ssh: 'openssh-server',
  sshd: 'openssh-server',
};
const namesakes = ['apache2', 'cron', 'memcached', 'nginx', 'postgresql', 'redis-server'];

/** Returns the package of a common service or program, or undefined for any other name. */
export function packageOf(unit: string): string | undefined {
  const stem = unit.replace(/\.service$/, '');
  return packageNames[stem] ?? namesakes.find(name => name === stem);
}

/** The things in a new PostgreSQL server, as `needs` of modules name them. */
export const inNewServer: ReadonlySet<string> = new Set([
  'pg_role postgres',
  'pg_database postgres',
  'pg_database template0',
  'pg_database template1',
]);

/** The data folder of PostgreSQL. While it does not exist, the next installed server is new. */
export const serverData = '/var/lib/postgresql';

/** The paths that decide about logins and becoming root. A slash at the end includes all paths below. */
export const riskyPaths = [
  '/etc/ssh/',
  '/etc/sudoers',
  '/etc/sudoers.d/',
  '/etc/doas.conf',
  '/etc/pam.d/',
  '/etc/security/',
  '/etc/passwd',
  '/etc/shadow',
  '/etc/group',
  '/etc/nsswitch.conf',
  '/etc/hosts.allow',
  '/etc/hosts.deny',
  '/etc/nftables.conf',
  '/etc/nftables.d/',
  '/etc/iptables/',
  '/etc/ufw/',
  '/etc/default/ufw',
  '/etc/network/',
  '/etc/netplan/',
  '/etc/systemd/network/',
  '/etc/systemd/networkd.conf',
  '/etc/systemd/networkd.conf.d/',
  '/etc/NetworkManager/',
];

/** Units whose change can lock everybody out. */
export const riskyUnits =
  /^(sshd?|nftables|iptables|netfilter-persistent|ufw|firewalld|networking|systemd-networkd|NetworkManager)\.(service|socket)$/;

/**
 * The probes that check the present configuration as a whole, by the command of the check. `nginx -t` creates log and pid
 * files, so the probe gives it only the right to read. Its failure to write comes after the check of the syntax. On a host
 * where that right cannot be given, the probe reports no error.
 */
export const wholeChecks: Readonly<Record<string, Probe<CommandResult>>> = {
  'nginx -t': command(
    `${readOnly}[ -n "$only" ] || exit 0
said=$($only nginx -t 2>&1) && exit 0
case $said in *'syntax is ok'*) exit 0 ;; esac
printf '%s\\n' "$said" | sed -n 's/^.*\\[emerg\\] [0-9#]*: //p' >&2
exit 1`,
    { about: ['/etc/nginx', '/etc/letsencrypt', '/etc/ssl', 'packages'] },
  ),
  'visudo -c': command('command -v visudo >/dev/null || exit 0; visudo -c >/dev/null', {
    about: ['/etc/sudoers', '/etc/sudoers.d', 'packages'],
  }),
};

/**
 * The probes that check new content of a file without writing it, by the command that validates the staged file. A probe
 * reports no error where the program is missing. Errors that depend on more of the host have a probe of their own, so that
 * the others stay certain while that changes.
 */
export const contentChecks: Readonly<Record<string, (content: string) => readonly Probe<CommandResult>[]>> = {
  // The visudo of sudo-rs takes - for the name of a file.
  'visudo -cf %s': content => [
    command(
      `command -v visudo >/dev/null || exit 0; printf %s ${shellQuote(content)} | visudo -cf /dev/stdin >/dev/null`,
      { about: ['package:sudo*'] },
    ),
  ],
  'logrotate -d %s': content => [
    logrotateCheck(content, 'unknown option|keyword|bad |unexpected|missing', ['package:logrotate']),
    logrotateCheck(content, '', ['packages', 'useradd', 'adduser', 'groupadd', ...foldersIn(content)]),
  ],
};

/** Fails with the errors that match a pattern. Logrotate reads only regular files. */
const logrotateCheck = (content: string, pattern: string, about: readonly string[]) =>
  command(
    `command -v logrotate >/dev/null || exit 0
new=$(mktemp) && printf %s ${shellQuote(content)} >"$new" || exit 0
said=$(logrotate -d "$new" 2>&1 | sed -n "s|$new:||; s/^error: //p; s/^warning: \\(.*unknown\\)/\\1/p" | grep -E '${pattern}')
rm -f "$new"
[ -z "$said" ] || { printf '%s\\n' "$said" >&2; exit 1; }`,
    { about },
  );

/** Returns the folders of the absolute paths that begin the lines of a text. */
const foldersIn = (text: string): string[] => [
  ...new Set([...text.matchAll(/^"?(\/[^\n{"]*)\//gm)].map(([, folder]) => folder!)),
];
