import { join } from 'node:path';
import { runNow } from '../lab/command.ts';
import type { TruthHost } from './hosts.ts';

/** Files that a host writes by itself, and those of the program (its lease and its history). */
const volatile = [
  ...['var/log', 'var/lib/systemd', 'var/lib/reconcile', 'var/lib/postgresql', 'var/tmp', 'tmp', 'run'],
  ...['var/cache/apt', 'var/cache/ldconfig', 'var/lib/redis/dump.rdb', 'var/lib/sudo', 'var/lib/wtmpdb'],
  ...['var/lib/dbus', 'var/lib/apt/lists/lock', 'var/lib/dpkg/lock', 'var/lib/dpkg/lock-frontend'],
  ...['var/lib/letsencrypt', 'etc/.pwd.lock', 'var/lib/private', 'dev'],
];

/**
 * Everything of a host that counts as touched when it changes, a line each: what was written over its base (files with
 * the time of their last change), what its units do, and what its PostgreSQL server holds.
 */
export async function snapshot(host: TruthHost): Promise<ReadonlySet<string>> {
  const upper = join(host.rootDir, '../upper');
  const left = volatile.flatMap(path => ['-o', '-path', `${upper}/${path}`]).slice(1);
  const listed = runNow([
    ...(['find', upper, '(', ...left, ')', '-prune', '-o'] as const),
    ...['-type', 'd', '-printf', '/%P d %m %U:%G %i\n', '-o', '-printf', '/%P %y %m %U:%G %s %C@ %i %l\n'],
  ]);
  const state = await host.exec(stateScript);
  if (state.code !== 0) throw new Error(`the state of the host cannot be read: ${state.stderr}`);
  // One node with many names stands for all deleted files of the base, and each new name changes its time.
  const lines = listed.stdout.split('\n').map(line => line.replace(/^(\S+ c) .* 0:0 .*/, '$1'));
  return new Set([...lines, ...state.stdout.split('\n')].filter(Boolean));
}

/** The lines that only one of two snapshots has, `-` before the first's, `+` before the second's. */
export function differences(before: ReadonlySet<string>, after: ReadonlySet<string>): string[] {
  return [
    ...[...before].filter(line => !after.has(line)).map(line => `- ${line}`),
    ...[...after].filter(line => !before.has(line)).map(line => `+ ${line}`),
  ];
}

// Units of logins come and go with every login. A unit that only was looked at is loaded, and inactive.
const stateScript = `systemctl show '*' --property=Id,ActiveState,NeedDaemonReload,MainPID --type=service,socket,timer,path |
  awk -F= '$1 == "" { print id, state, reload, pid; id = "" } $1 == "Id" { id = $2 } $1 == "ActiveState" { state = $2 }
    $1 == "NeedDaemonReload" { reload = $2 } $1 == "MainPID" { pid = $2 } END { print id, state, reload, pid }' |
  grep -Ev '^(user|session|run-|reconcile-|systemd-|ssh@|sshd@|init|certbot|logrotate)|^ |@[0-9]+-[0-9.:-]+|inactive no' | sed 's/^/unit /'
psql=$(ls /usr/lib/postgresql/*/bin/psql 2>/dev/null | tail -1)
[ -n "$psql" ] && [ -S /run/postgresql/.s.PGSQL.5432 ] || exit 0
ask() { su -s /bin/sh postgres -c "cd /; $psql -qXAt -F ' ' -d '$1'" 2>&1; }
ask postgres <<'END'
SELECT 'role', rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolconnlimit,
  rolvaliduntil, md5(rolpassword) FROM pg_authid WHERE rolname !~ '^pg_';
SELECT 'member', roleid::regrole, member::regrole, admin_option FROM pg_auth_members;
SELECT 'database', oid, datname, datdba::regrole, encoding, datcollate, datconnlimit, datacl FROM pg_database;
SELECT 'setting', setdatabase, setrole, setconfig FROM pg_db_role_setting;
SELECT 'file', name, setting FROM pg_file_settings;
END
for database in $(echo "SELECT datname FROM pg_database WHERE datallowconn AND datname <> 'template1'" | ask postgres); do
  ask "$database" <<'END' | sed "s/^/$database /"
SELECT 'schema', nspname, nspowner::regrole, nspacl FROM pg_namespace WHERE nspname !~ '^pg_';
SELECT 'relation', oid::regclass, relkind, relowner::regrole, relacl FROM pg_class WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)';
SELECT 'extension', extname, extversion FROM pg_extension;
SELECT 'default', defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype, defaclacl FROM pg_default_acl;
END
done`;
