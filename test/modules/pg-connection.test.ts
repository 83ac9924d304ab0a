import { expect, test } from 'vitest';
import { fitsServiceFile, parseDsn, serviceFile } from '../../modules/_pg-connection.ts';
import { pg_check } from '../../modules/pg_check.ts';

test.each([
  ['postgresql://', {}],
  ['postgres://app@db/x', { user: 'app', host: 'db', dbname: 'x' }],
  [
    'postgresql+psycopg2://a%40b:p%3A%2F%40%25@[::1]:5433/my%20db?sslmode=verify-full&options=-c%20x%3D1',
    {
      user: 'a@b',
      password: 'p:/@%',
      host: '::1',
      port: '5433',
      dbname: 'my db',
      sslmode: 'verify-full',
      options: '-c x=1',
    },
  ],
  ['postgresql://h1:1,h2/x', { host: 'h1,h2', port: '1,', dbname: 'x' }],
  ['postgresql:///x?host=/var/run/postgresql', { dbname: 'x', host: '/var/run/postgresql' }],
  [
    "host=db user = app password='it\\'s \\\\ a' dbname=x",
    { host: 'db', user: 'app', password: "it's \\ a", dbname: 'x' },
  ],
  ["password=''", { password: '' }],
])('%s is understood', (dsn, expected) => expect(parseDsn(dsn)).toEqual(expected));

test.each(['', 'flaskdb', 'mysql://x/y', 'postgresql://a%zz@db/x', "host='db"])('%s is not', dsn => {
  expect(parseDsn(dsn)).toBeUndefined();
});

test('a service file holds any value without a line break and without a final blank', () => {
  expect(serviceFile({ host: 'db', password: " =#'" })).toBe("[reconcile]\nhost=db\npassword= =#'\n");
  expect(['a b', 'a\nb', 'a ', 'é'.repeat(600)].map(fitsServiceFile)).toEqual([true, false, false, false]);
});

test('neither the password nor the query is in the arguments or the environment of psql', () => {
  const dsn = 'postgresql+psycopg://app:p%27a%20s%5Cs@db1/my%20db?sslmode=require';
  const { answer } = pg_check.probes({ dsn, query: "SELECT 'x'", timeout: '10s' } as never);
  expect((answer as { script: string }).script).toContain(`
printf '%s\\n' 'START TRANSACTION READ ONLY;
SELECT '\\''x'\\''
;ROLLBACK;' | PGSERVICEFILE=/dev/fd/3 "$r_psql" -XAtqw -v ON_ERROR_STOP=1 -d service=reconcile 3<<'R_SERVICE'
[reconcile]
connect_timeout=5
application_name=reconcile
user=app
password=p'a s\\s
host=db1
dbname=my db
sslmode=require
R_SERVICE`);
});
