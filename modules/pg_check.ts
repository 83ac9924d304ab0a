import { durationPattern, durationS } from '../engine/duration.ts';
import { defineModule } from '../engine/define-module.ts';
import { command, Missing, program } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import { type Connection, fitsServiceFile, parseDsn, serviceFile } from './_pg-connection.ts';
import { pgName } from './_postgres.ts';

interface Check {
  dsn?: string;
  host?: string;
  port?: number;
  database?: string;
  user?: string;
  password?: string;
  query: string;
  expect?: string | number | boolean;
  timeout: string;
}

/** Logs in as the application would, on the host, and asks something; whatever it asks, nothing is changed by it. */
export const pg_check = defineModule({
  name: 'pg_check',
  summary: 'A query that PostgreSQL must answer as expected, asked on the host.',
  args: {
    type: 'object',
    properties: {
      dsn: {
        type: 'string',
        minLength: 1,
        description:
          'Connection string, e.g. `postgresql://app:{{ secrets.db_password | urlencode }}@127.0.0.1/appdb`.',
      },
      database: { ...pgName, description: 'Database to connect to, when there is no `dsn`.' },
      user: { ...pgName, description: 'Role to log in as.' },
      password: { type: 'string', description: 'Password of that role.' },
      host: {
        type: 'string',
        minLength: 1,
        description: 'Server’s name, address or socket directory; 127.0.0.1 when left out.',
      },
      port: {
        type: 'integer',
        minimum: 1,
        maximum: 65535,
        description: 'Port of the server; 5432 when left out.',
      },
      query: {
        type: 'string',
        minLength: 1,
        default: 'SELECT 1',
        description: 'Query that is asked, in a read-only transaction.',
      },
      expect: {
        type: ['string', 'number', 'boolean'],
        description:
          'The answer that is right: a line for each row, `|` between columns, t and f for true and false. Any answer will do when left out.',
      },
      timeout: {
        type: 'string',
        pattern: durationPattern,
        default: '10s',
        description: 'How long one attempt may take.',
      },
      attempts: {
        type: 'integer',
        minimum: 1,
        default: 3,
        description: 'How often it is tried before it fails.',
      },
      delay: {
        type: 'string',
        pattern: durationPattern,
        default: '1s',
        description: 'Time between two attempts.',
      },
    },
    required: [],
    additionalProperties: false,
  },
  examples: [
    { title: 'The application can log in', args: { database: 'appdb', user: 'app', password: 's3cret' } },
    {
      title: 'The tables are there',
      args: {
        dsn: 'postgresql://app:s3cret@127.0.0.1/appdb',
        query: "SELECT to_regclass('orders') IS NOT NULL",
        expect: true,
      },
    },
  ],
  check: true,
  secrets: { in: ['dsn', 'password', 'expect'] },
  identity: (args: Check) => {
    const { user = '', host = '', dbname = '' } = connectionOf(args) ?? {};
    return `${user}@${host}/${dbname}${args.query === 'SELECT 1' ? '' : `: ${args.query}`}`;
  },
  refine(args: Check) {
    const { dsn, database, user } = args;
    const connection = connectionOf(args);
    return [
      ...(dsn === undefined && (database === undefined || user === undefined)
        ? ['Give a dsn, or database and user.']
        : []),
      ...(dsn !== undefined && (database ?? user ?? args.password ?? args.host ?? args.port) !== undefined
        ? ['Give a dsn or its parts, not both.']
        : []),
      ...(connection === undefined
        ? ['The dsn is neither a postgresql:// URL nor words such as host=… user=….']
        : []),
      ...Object.entries(connection ?? {})
        .filter(([, value]) => !fitsServiceFile(value))
        .map(([name]) => `The ${name} is longer than a line can be, has a line break, or ends in a blank.`),
    ];
  },
  probes: (args: Check) => ({
    psql: program('psql'),
    answer: command(script(args), { timeoutS: Math.ceil(durationS(args.timeout)) }),
  }),
  actual({ psql, answer }, args: Check) {
    if (psql === null) return new Missing('psql', ['package:postgresql*']);
    // psql tells of an attempt with TLS and of one without, mostly in the same words.
    const words = new Set(
      answer.stderr
        .trim()
        .replace(/^psql: error: /, '')
        .split('\n'),
    );
    const trouble = answer.exit === 124 ? `nothing within ${args.timeout}` : [...words].join('; ');
    const said = answer.exit === 0 ? answer.stdout.trimEnd() : trouble || `psql exited ${answer.exit}`;
    return { answers: answer.exit === 0 || said, answer: said };
  },
  desired: ({ expect }: Check) =>
    expect === undefined
      ? { answers: true }
      : { answer: typeof expect === 'boolean' ? String(expect)[0]! : String(expect) },
  steps: () => [],
});

function connectionOf(args: Check): Connection | undefined {
  if (args.dsn !== undefined) return parseDsn(args.dsn);
  const { host = '127.0.0.1', port, database, user, password } = args;
  const parts = { host, port: port && String(port), dbname: database, user, password };
  return Object.fromEntries(
    Object.entries(parts).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}

/**
 * psql gets the connection as a service file on a pipe, and the query on its standard input: other accounts of the
 * host could see an argument, and a file or the environment would outlive its use. `printf` is the shell's own.
 */
function script(args: Check): string {
  const service = serviceFile({ connect_timeout: '5', application_name: 'reconcile', ...connectionOf(args) });
  const query = `START TRANSACTION READ ONLY;\n${args.query}\n;ROLLBACK;`;
  return `printf '%s\\n' ${shellQuote(query)} | PGSERVICEFILE=/dev/fd/3 psql -XAtqw -v ON_ERROR_STOP=1 -d service=reconcile 3<<'R_SERVICE'
${service}R_SERVICE`;
}
