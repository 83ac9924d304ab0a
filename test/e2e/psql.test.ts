import { afterAll, beforeAll, expect, it } from 'vitest';
import { psqlFunctions } from '../../engine/host-shell/shell-functions.ts';
import { type Lab, openLab } from '../lab/lab.ts';
import { newer, older } from '../lab/releases.ts';
import { describeLab } from '../lab/require.ts';
import { layers } from './situation.ts';

/** What an administrator may set, and whether a choice is left to Debian's wrapper. */
const settings: [what: string, script: string, isChoice: boolean][] = [
  ['nothing', ':', false],
  ['a setting in the configuration', `echo 'work_mem = 5MB # more' >>"$config"`, false],
  ['a setting in its folder', `echo "search_path = '"'$user'"'" >"\${config%/*}/conf.d/a.conf"`, false],
  ['a port', `echo 'port = 5433' >>"$config"`, true],
  ['a port in the folder of the configuration', `echo "Port '5433'" >"\${config%/*}/conf.d/a.conf"`, true],
  [
    'a port by ALTER SYSTEM',
    `echo "port = '5433'" >>"$(echo /var/lib/postgresql/*/main)/postgresql.auto.conf"`,
    true,
  ],
  ['another file of the configuration', `echo "include 'a'" >>"$config"`, true],
  ['a socket', `echo "unix_socket_directories = '/tmp'" >>"$config"`, true],
  ['a line that the wrapper cannot parse', `echo 'these are no settings' >>"$config"`, true],
  [
    'a cluster for an account',
    `set -- /etc/postgresql/*; echo "* * \${1##*/} main *" >>/etc/postgresql-common/user_clusters`,
    true,
  ],
  [
    'a cluster of the account',
    `set -- /etc/postgresql/*; echo "\${1##*/} main *" >"$HOME/.postgresqlrc"`,
    true,
  ],
  ['another cluster', `set -- /etc/postgresql/*; mkdir "$1/two"; cp "$config" "$1/two"`, true],
  ['a port in the environment', 'export PGPORT=5433', true],
];

describeLab('the psql of a reading', () => {
  const names = ['old', 'new'] as const;
  let lab: Lab<(typeof names)[number]>;
  beforeAll(async () => {
    const prepared = layers().stack!;
    lab = await openLab({ hosts: { old: { release: older, prepared }, new: { release: newer, prepared } } });
  });
  afterAll(() => lab?.close());

  for (const name of names)
    it.each(settings)(
      `is the one that Debian's wrapper runs, with %s (${name})`,
      async (_, script, isChoice) => {
        // Both tell the same if no server listens there, or if the wrapper refuses.
        const { stdout } = await lab.exec(
          name,
          `cd / && saved=$(mktemp) && tar cf "$saved" etc/postgresql etc/postgresql-common var/lib/postgresql/*/main/postgresql.auto.conf
export HOME=/root config=$(echo /etc/postgresql/*/main/postgresql.conf)
(
  ${script}
  told() { runuser -u postgres -- "$@" 2>&1 <<'R_END'
\\! echo "$PGHOST $PGPORT $PGCLUSTER $PGSYSCONFDIR"; readlink "/proc/$PPID/exe"
R_END
  }
  as_wrapper=$(told psql -X -d postgres)
  ${psqlFunctions}
  as_reading=$(told "$r_psql" -X -d postgres)
  [ "$as_wrapper" = "$as_reading" ] && echo equal || printf '%s\\n' "$as_wrapper" "$as_reading"
  [ "$r_psql" = psql ] && echo wrapper || echo program
)
rm -rf etc/postgresql etc/postgresql-common "$HOME/.postgresqlrc"
tar xf "$saved"`,
        );
        expect(stdout).toBe(`equal\n${isChoice ? 'wrapper' : 'program'}\n`);
      },
    );
});
