import { posix } from 'node:path';
import { type CommandResult, command, type Probe, readOnly } from './probe.ts';

/** What the engine knows of Debian and Ubuntu beyond what it reads. */

/** Folders of unit files, and of the drop-ins beside them. */
const unitFolders = /^(?:\/etc|\/run|\/usr\/local\/lib|\/usr\/lib|\/lib)\/systemd\/system\//;

/** The unit whose file or drop-in is at a path, e.g. of `/etc/systemd/system/app.service.d/limits.conf`. */
export function unitAt(path: string): { name: string; part: 'file' | 'drop-in' } | undefined {
  if (!unitFolders.test(path)) return undefined;
  const [name = '', ...inner] = path.replace(unitFolders, '').split('/');
  if (inner.length === 0 && /\.[a-z]+$/.test(name)) return { name, part: 'file' };
  const dropIn = /^(.+\.[a-z]+)\.d$/.exec(name)?.[1];
  return dropIn === undefined || inner.length !== 1 ? undefined : { name: dropIn, part: 'drop-in' };
}

/** Files that Debian's configuration of Nginx includes. */
export const nginxReads = /^\/etc\/nginx\/(sites-enabled\/[^/]+|(conf\.d|modules-enabled)\/[^/]+\.conf)$/;

/** Folders in the path of root's session. */
export const programFolders = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
] as const;

/** Names in the hierarchy of a file system that say nothing of what is in them. */
const commonNames = new Set(
  'backups bin boot cache default doc etc games lib lib32 lib64 libexec local lock log man opt run sbin share spool src tmp usr var'.split(
    ' ',
  ),
);

/** What packages bring whose name does not say so. */
const unnamed =
  /^\/(etc\/(ssl|mysql|systemd|X11|xdg)|var\/(www|mail|spool|cache\/debconf|(lib|log)\/(mysql|letsencrypt|php|nfs|dhcp))|run\/(mysqld|php)|usr\/lib\/(jvm|cgi-bin|sysusers\.d|tmpfiles\.d))(\/|$)/;

/** Places below /etc that are the administrator's, and certbot's, and files that only reconcile names so. */
const ofAdministrator =
  /^\/etc\/(systemd\/system\/[^/]+(\.d\/.*)?$|sysctl\.d\/90-reconcile-|letsencrypt\/(accounts|archive|live|renewal)(\/|$))/;

/** Folders in which packages have a file each, and those of programs, whose names say little of the package. */
const shared =
  /^(\/etc|\/etc\/([^/]+\.d|cron\.[a-z]+|default|alternatives|skel|ssl(\/[a-z]+)?)|(\/usr)?\/s?bin|(\/usr)?\/lib\/systemd\/system)$/;

/**
 * Whether packages with these names may put something at a path: `true`; where the folder that it is in is not there yet:
 * `with-folder`. By Debian's policy (chapter 9) they keep out of /srv, /home, /opt, /root and /usr/local, and out of
 * /etc/systemd/system but for the links that enable their units; certbot's certificates come from no package. In folders of
 * other packages and below /usr, /var and /run they write by their name, or where Debian has a place for what they are.
 * Packages that are `leaving` take away what is called like them.
 */
export function packagesWrite(
  path: string,
  names: readonly string[],
  leaving = false,
): boolean | 'with-folder' {
  if (ofAdministrator.test(path)) return false;
  if (!/^\/(etc|usr(?!\/local\/)|var(?!\/lib\/reconcile\/)|lib|lib64|bin|sbin|run|boot)\/./.test(path))
    return false;
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

/** Debian's packages that bring units of another name. */
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

/** The package that brings a service, or a program of that name, where it is one of the common. */
export function packageOf(unit: string): string | undefined {
  const stem = unit.replace(/\.service$/, '');
  return packageNames[stem] ?? namesakes.find(name => name === stem);
}

/** What a new PostgreSQL server has, as `needs` of modules name it. */
export const inNewServer: ReadonlySet<string> = new Set([
  'pg_role postgres',
  'pg_database postgres',
  'pg_database template0',
  'pg_database template1',
]);

/** Where a PostgreSQL server keeps its data: while nothing is there, a server that is installed is new. */
export const serverData = '/var/lib/postgresql';

/** What decides whether anybody can get in or become root. A path that ends with a slash stands for all below it. */
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
  '/etc/NetworkManager/',
];

/** Units whose change can lock everybody out. */
export const riskyUnits =
  /^(sshd?|nftables|iptables|netfilter-persistent|ufw|firewalld|networking|systemd-networkd|NetworkManager)\.(service|socket)$/;

/**
 * Programs that check all of a configuration, and what tells whether they refuse the one that is there, without changing
 * anything. `nginx -t` would make its log and pid files, so it has only the right to read: that it cannot write comes after
 * the syntax. Where that right cannot be given, nothing is said.
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
};
