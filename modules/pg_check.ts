import { duration, text, whole } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { psqlFunctions } from '../engine/module-kit/psql.ts';
import { command, Missing, program } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import { defined } from '../engine/util/defined.ts';
import { durationS } from '../engine/util/duration.ts';
import { fitsServiceFile, parseDsn, serviceFile } from './_pg-connection.ts';
import { clientPackages, pgName } from './_postgres.ts';

const args = {
  dsn: text(
    'Connection string, e.g. `postgresql://app:{{ secrets.db_password | urlencode }}@127.0.0.1/appdb`.',
    { minLength: 1 },
  ),
  database: text('Database to connect to without a `dsn`.', pgName),
  user: text('Role to log in as.', pgName),
  password: text('Password of that role.'),
  host: text('Name, address or socket directory of the server; default 127.0.0.1.', { minLength: 1 }),
  port: whole('Port of the server; default 5432.', { minimum: 1, maximum: 65535 }),
  query: text('Query to run in a read-only transaction.', { minLength: 1, default: 'SELECT 1' }),
  expect: {
    type: ['string', 'number', 'boolean'],
    description:
      'Expected answer: a line for each row, `|` between columns, t and f for true and false; default: any answer.',
  },
  timeout: duration('Time limit of one attempt.', { default: '10s' }),
  attempts: whole('Maximum number of attempts.', { minimum: 1, default: 3 }),
  delay: duration('Time between two attempts.', { default: '1s' }),
} as const;

type Check = Given<typeof args, never>;

/** Logs in on the host like the application, and runs a query that cannot change anything. */
export const pg_check = defineModule({
  name: 'pg_check',
  summary: 'A query that PostgreSQL must answer as expected, run on the host.',
  args,
  examples: {
    'The application can log in': { database: 'appdb', user: 'app', password: 's3cret' },
    'The tables exist': {
      dsn: 'postgresql://app:s3cret@127.0.0.1/appdb',
      query: "SELECT to_regclass('orders') IS NOT NULL",
      expect: true,
    },
  },
  check: true,
  secrets: { in: ['dsn', 'password', 'expect'] },
  alternatives: { dsn: ['dsn'], parts: ['database', 'user', 'password', 'host', 'port'] },
  identity(args) {
    const { user = '', host = '', dbname = '' } = connectionOf(args) ?? {};
    return `${user}@${host}/${dbname}${args.query === 'SELECT 1' ? '' : `: ${args.query}`}`;
  },
  refine(args) {
    const { dsn, database, user } = args;
    const connection = connectionOf(args);
    return [
      (dsn ?? (database && user)) === undefined && { says: 'Give a dsn, or database and user.' },
      connection === undefined && {
        at: 'dsn',
        says: 'The dsn is neither a postgresql:// URL nor a list such as host=… user=….',
      },
      Object.entries(connection ?? {})
        .filter(([, value]) => !fitsServiceFile(value))
        .map(([name]) => ({
          at: dsn === undefined ? name.replace('dbname', 'database') : 'dsn',
          says: `The ${name} is longer than a line can be, has a line break, or ends in a blank.`,
        })),
    ];
  },
  probes: args => ({
    psql: program('psql'),
    answer: command(script(args), { timeoutS: Math.ceil(durationS(args.timeout)) }),
  }),
  actual({ psql, answer: { exit, stdout, stderr } }, { timeout }) {
    if (psql === null || withoutClient.test(stderr)) return new Missing('psql', clientPackages);
    // psql reports an attempt with TLS and one without, mostly in the same words.
    const complaint = stderr.trim().replace(/^psql: error: /, '');
    const trouble =
      exit === 124 ? `nothing within ${timeout}` : [...new Set(complaint.split('\n'))].join('; ');
    const said = exit === 0 ? stdout.trimEnd() : trouble || `psql exited ${exit}`;
    return { answers: exit === 0 || said, answer: said };
  },
  desired: ({ expect }) =>
    expect === undefined
      ? { answers: true }
      : { answer: typeof expect === 'boolean' ? String(expect)[0]! : String(expect) },
});

/** Debian's psql is a wrapper, which may exist without any client behind it (pg_wrapper(1)). */
const withoutClient = /^Error: You must install at least one postgresql-client-/m;

const connectionOf = ({ dsn, host = '127.0.0.1', port, database, user, password }: Check) =>
  dsn === undefined
    ? defined({ host, port: port?.toString(), dbname: database, user, password })
    : parseDsn(dsn);

/**
 * Returns a script that gives psql the connection as a service file on a pipe, and the query on standard input. Other
 * accounts of the host could see an argument, and a file or the environment would outlive its use. `printf` is a
 * builtin of the shell, so its arguments are visible to nobody.
 */
function script(args: Check): string {
  const service = serviceFile({ connect_timeout: '5', application_name: 'reconcile', ...connectionOf(args) });
  const query = `START TRANSACTION READ ONLY;\n${args.query}\n;ROLLBACK;`;
  return `${psqlFunctions.trim()}
printf '%s\\n' ${shellQuote(query)} | PGSERVICEFILE=/dev/fd/3 "$r_psql" -XAtqw -v ON_ERROR_STOP=1 -d service=reconcile 3<<'R_SERVICE'
${service}R_SERVICE`;
}
