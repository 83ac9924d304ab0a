import { defineModule } from '../engine/define-module.ts';
import type { State } from '../engine/module.ts';
import { type Owed, owed, sql } from '../engine/probe.ts';
import {
  covers,
  formatRule,
  type HbaLine,
  type HbaRule,
  parseHba,
  sameConnections,
  stockHba,
  token,
  types,
} from './_pg-hba.ts';

interface Hba {
  type: string;
  database: string | string[];
  user: string | string[];
  address?: string;
  method?: string;
  options: Record<string, string | number | boolean>;
  before?: string;
  after?: string;
  state: 'present' | 'absent';
}

interface Row {
  file: string;
  /** Bytes beyond ASCII as `\\ooo`, because a comment may be in any encoding. */
  content: string;
  /** The lines that the server refuses, and the whole file with them; null = none. */
  errors: string | null;
}

const name = (of: string) =>
  ({
    anyOf: [
      { type: 'string', minLength: 1 },
      { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 },
    ],
    description: of,
  }) as const;

const anchor = (of: string) => ({ type: 'string', minLength: 1, description: of }) as const;

const refused = `SELECT string_agg('line ' || line_number || ': ' || error, '; ') FROM pg_hba_file_rules`;

/** Fails, and names the lines, when the server would refuse the file. */
const validation = `DO $$BEGIN ASSERT (SELECT count(error) = 0 FROM pg_hba_file_rules), (${refused}); END$$`;

/**
 * One rule of pg_hba.conf. The first rule that fits a connection decides, so a rule counts as in effect only when no
 * earlier one takes all of its connections. Then it goes up before that one, and no other line is touched.
 */
export const pg_hba = defineModule({
  name: 'pg_hba',
  summary: 'Who may connect to the PostgreSQL server, and how: a rule of pg_hba.conf.',
  args: {
    type: 'object',
    properties: {
      type: {
        enum: types,
        description: 'How they connect: `local` is the Unix socket, the others are TCP, with or without TLS.',
      },
      database: name('Database, `all`, `sameuser`, `samerole` or `replication`, or a list of them.'),
      user: name('Role, `+role` for its members, or `all`, or a list of them.'),
      address: {
        type: 'string',
        pattern: '^[^\\s,"#]+$',
        description:
          'Network such as `10.0.0.0/8`, host name, `all`, `samehost` or `samenet`; not for local.',
      },
      method: {
        type: 'string',
        pattern: '^[a-z0-9-]+$',
        description: 'How they prove who they are: `scram-sha-256`, `peer`, `cert`, `reject` and others.',
      },
      options: {
        type: 'object',
        additionalProperties: { type: ['string', 'number', 'boolean'] },
        default: {},
        description: 'Options of the method, e.g. `{map: admins}`.',
      },
      before: anchor(
        'Puts the rule before the first line that begins like this, e.g. `host all all 127.0.0.1/32`.',
      ),
      after: anchor(
        'Puts the rule after the last line that begins like this, whatever connections that line and earlier ones take.',
      ),
      state: { enum: ['present', 'absent'], default: 'present', description: 'Whether the rule is there.' },
    },
    required: ['type', 'database', 'user'],
    additionalProperties: false,
  },
  examples: [
    {
      title: 'An application on the same host',
      args: {
        type: 'host',
        database: 'appdb',
        user: 'app',
        address: '127.0.0.1/32',
        method: 'scram-sha-256',
      },
    },
    {
      title: 'System accounts by another name',
      args: { type: 'local', database: 'all', user: 'admin', method: 'peer', options: { map: 'admins' } },
    },
    {
      title: 'No replication from this host',
      args: { type: 'host', database: 'replication', user: 'all', address: '::1/128', state: 'absent' },
    },
  ],
  secrets: { in: ['options'] },
  identity: (args: Hba) => {
    const { type, databases, users, address } = ruleOf(args);
    return [type, databases.toSorted().join(','), users.toSorted().join(','), address].join(' ').trimEnd();
  },
  refine: (args: Hba) => [
    ...(args.state === 'present' && args.method === undefined ? ['Give the method.'] : []),
    ...(args.type === 'local' && args.address !== undefined ? ['A local rule has no address.'] : []),
    ...(args.type !== 'local' && args.address === undefined ? [`A ${args.type} rule needs an address.`] : []),
    ...(/^([\d.]+|[\da-f]*:[\da-f:]*)$/i.test(args.address ?? '')
      ? [
          `The address "${args.address}" needs a length: "${args.address}/${args.address!.includes(':') ? 128 : 32}" is that one host.`,
        ]
      : []),
    ...(args.before !== undefined && args.after !== undefined ? ['Give before or after, not both.'] : []),
  ],
  probes: (args: Hba) => ({
    rows: sql(`SELECT current_setting('hba_file') AS file,
  encode(pg_read_binary_file(current_setting('hba_file')), 'escape') AS content,
  (${refused}) AS errors`),
    owed: owed(unitOf(args)),
  }),
  actual: ({ rows, owed }, args: Hba) => stateOf(rows[0] as unknown as Row, owed, args),
  desired: (args: Hba) => (args.state === 'absent' ? null : { rule: textOf(ruleOf(args)) }),
  steps(_diff, args: Hba, { rows }, context) {
    const { file, content } = rows[0] as unknown as Row;
    const unit = unitOf(args);
    const psql = ['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-c', validation];
    return [
      { do: 'owe', unit, action: 'reload', because: context.name },
      {
        do: 'checked',
        steps: [{ do: 'write', path: file, content: Buffer.from(rewrite(decode(content), args), 'latin1') }],
        by: ['runuser', '-u', 'postgres', '--', ...psql],
      },
      { do: 'sql', statements: ['SELECT pg_reload_conf()'] },
      { do: 'pay', unit },
    ];
  },
  predict: (args: Hba) => stateOf({ file: '', content: stockHba, errors: null }, [], args),
});

/** What a reload is owed to: not the server's unit, because a reload does not pay the restarts that are owed to that. */
function unitOf(args: Hba): string {
  return `pg_hba.conf ${pg_hba.identity(args)}`;
}

/** The content with a character for each byte, so that it can be written back as it was. */
function decode(escaped: string): string {
  return escaped.replace(/\\(\\|[0-7]{3})/g, (_, code: string) =>
    code === '\\' ? code : String.fromCharCode(Number.parseInt(code, 8)),
  );
}

function ruleOf(args: Hba): HbaRule {
  const tokens = (names: string | string[]) =>
    [names].flat().map(text => token(Buffer.from(text).toString('latin1')));
  return {
    type: args.type,
    databases: tokens(args.database),
    users: tokens(args.user),
    address: args.address ?? '',
    method: args.method ?? '',
    options: Object.entries(args.options)
      .map(([key, value]) => token(`${key}=${value}`))
      .sort(),
  };
}

/**
 * The lines that are the declared rule. When none is, the first one for the same connections becomes it; another one
 * for them is somebody else's and stays.
 */
function mineOf(lines: readonly HbaLine[], args: Hba): HbaLine[] {
  const rule = ruleOf(args);
  const same = lines.filter(line => sameConnections(line.rule, rule));
  if (args.state === 'absent')
    return same.filter(line => args.method === undefined || line.rule.method === args.method);
  const exact = same.filter(line => wordsOf(line.rule, rule) === textOf(rule));
  return exact.length > 0 ? exact : same.slice(0, 1);
}

function stateOf({ content, errors }: Row, owed: readonly Owed[], args: Hba): State | null {
  const lines = parseHba(decode(content));
  const mine = mineOf(lines, args);
  const first = mine[0];
  if (first === undefined) {
    return args.state === 'absent' && owed.length > 0
      ? { rule: `${textOf(ruleOf(args))}, until a reload` }
      : null;
  }
  const reasons = [
    ...(mine.length > 1 ? [`it is there ${mine.length} times`] : []),
    ...misplaced(
      first,
      lines.filter(line => !mine.includes(line)),
      args,
    ),
    ...(errors === null ? [] : [`the server refuses ${errors}`]),
    ...(owed.length > 0 ? ['a reload is owed'] : []),
  ];
  const found = wordsOf(first.rule, ruleOf(args));
  return {
    rule: reasons.length === 0 || args.state === 'absent' ? found : `${found}, but ${reasons.join('; ')}`,
  };
}

/** A rule for the same connections in the declared spelling. */
function wordsOf({ method, options }: HbaRule, declared: HbaRule): string {
  return textOf({ ...declared, method, options: options.toSorted() });
}

/** A rule as a person would write it. */
function textOf(rule: HbaRule): string {
  return Buffer.from(formatRule(rule).replace(/ +/g, ' '), 'latin1').toString();
}

function beginsWith(rule: HbaRule, beginning: string): boolean {
  return `${textOf(rule)} `.startsWith(`${beginning.trim().replace(/\s+/g, ' ')} `);
}

/** Where the rule may stand among `others`: from line `from` on, and before all of `later`. */
function bounds(others: readonly HbaLine[], args: Hba): { from: number; later: HbaLine[] } {
  const { before, after } = args;
  const rule = ruleOf(args);
  const anchor = after === undefined ? undefined : others.findLast(line => beginsWith(line.rule, after));
  const from = anchor === undefined ? 0 : anchor.last + 1;
  const isLater = (line: HbaLine) =>
    covers(line.rule, rule) || (before !== undefined && beginsWith(line.rule, before));
  return { from, later: others.filter(line => line.first >= from && isLater(line)) };
}

/** Names the nearest line in the way, by its text: a number would change with any line that is put in above. */
function misplaced(line: HbaLine, others: readonly HbaLine[], args: Hba): string[] {
  const { from, later } = bounds(others, args);
  if (line.first < from) return [`it stands before ${args.after}`];
  const nearest = later.findLast(other => other.first < line.first);
  return nearest === undefined ? [] : [`it comes after ${textOf(nearest.rule)}`];
}

/** The content with the rule once at a place where it is in effect, or without it; every other line as it was. */
function rewrite(content: string, args: Hba): string {
  const lines = parseHba(content);
  const mine = mineOf(lines, args);
  const kept = content.split('\n').filter((_, i) => !mine.some(line => line.first <= i && i <= line.last));
  if (args.state === 'absent') return kept.join('\n');
  if (kept.at(-1) !== '') kept.push('');
  const { from, later } = bounds(parseHba(kept.join('\n')), args);
  const last = later[0]?.first ?? kept.length - 1;
  const old = mine[0]?.first ?? -1;
  const fresh = later.length === 0 && from > 0 ? from : last;
  kept.splice(old >= from && old <= last ? old : fresh, 0, formatRule(ruleOf(args)));
  return kept.join('\n');
}
