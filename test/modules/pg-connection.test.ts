import { expect, test } from 'vitest';
import { fitsServiceFile, parseDsn, serviceFile } from '../../modules/_pg-connection.ts';

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
