import { anyOf, oneOf, text } from '../engine/argument.ts';
import { defineModule } from '../engine/define-module.ts';
import type { Refusal, State } from '../engine/module.ts';
import { type Owed, owed } from '../engine/probe.ts';
import type { ObjectOf } from '../engine/schema-types.ts';
import {
  covers,
  deciders,
  formatRule,
  type HbaLine,
  type HbaRule,

  parseHba,
  sameConnections,
  stockHba,
  takes,
  token,
  types,
} from './_pg-hba.ts';
import { obstacle, refusal, serverRuns, sqlRow } from './_postgres.ts';

const methods = 'trust reject scram-sha-256 md5 password peer ident cert gss ldap radius pam oauth'.split(' ');

interface Row {
  file: string;
  /** Bytes beyond ASCII as `\\ooo`, because a comment may be in any encoding. */
  content: string;
  /** The lines that the server refuses, and the whole file with them; null = none. */
  errors: string | null;
}

const word = { type: 'string', minLength: 1 } as const;
const names = (of: string) => anyOf([word, { type: 'array', items: word, minItems: 1 }], of);

const refused = `SELECT string_agg('line ' || line_number || ': ' || error, '; ') FROM pg_hba_file_rules`;

/** Fails, and names the lines, when the server would refuse the file. */
const validation = `DO $$BEGIN ASSERT (SELECT count(error) = 0 FROM pg_hba_file_rules), (${refused}); END$$`;

const args = {
  type: oneOf(types, 'How they connect: by the Unix socket (`local`), or by TCP with or without TLS.'),
  database: names('Database, `all`, `sameuser`, `samerole` or `replication`, or a list of them.'),
  user: names('Role, `+role` for its members, or `all`, or a list of them.'),
  address: text('Network such as `10.0.0.0/8`, host name, `all`, `samehost` or `samenet`; not for local.', {
    pattern: '^[^\\s,"#]+$',
  }),
  method: oneOf(methods, 'How they prove who they are.'),
  options: {
    type: 'object',
    additionalProperties: { type: ['string', 'number', 'boolean'] },
    default: {},
    description: 'Options of the method, e.g. `{map: admins}`.',
  },
  before: {
    ...word,
    description:
      'Puts the rule before the first line that begins like this, e.g. `host all all 127.0.0.1/32`.',
  },
  after: {
    ...word,
    description:
      'Puts the rule after the last line that begins like this, whatever connections that line and earlier ones take.',
  },
} as const;

type Hba = ObjectOf<typeof args, 'type' | 'database' | 'user'>;

/**
 * One rule of pg_hba.conf. The first rule that fits a connection decides, so a rule counts as in effect only when no
 * earlier one takes all of its connections. Then it goes up before that one, and no other line is touched.
 */
export const pg_hba = defineModule({
  name: 'pg_hba',
  summary: 'Who may connect to the PostgreSQL server, and how: a rule of pg_hba.conf.',
  args,
  required: ['type', 'database', 'user'],
  absent: 'takes it out, with whatever method it has when none is given',
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
  alternatives: { before: ['before'], after: ['after'] },
  identity: identityOf,
  refine: args => [
    ...refusal(args.method === undefined, undefined, 'Give the method.'),
    ...methodRefusals(args),
    ...addressRefusals(args),
  ],
  probes: args => ({ rows: fileOf(args), owed: owed(unitOf(args)) }),
  actual: ({ rows: [row], owed }, args) => stateOf(row, owed, args),
  fresh: args => stateOf(stock, [], args),
  desired: args => ({ rule: textOf(ruleOf(args)) }),
  removal: {
    refine: addressRefusals,
    actual: ({ rows: [row], owed }: { rows: [Row]; owed: Owed[] }, args) => leftOf(row, owed, args),
    fresh: args => leftOf(stock, [], args),
  },
  obstacles(args, { rows: [{ content, errors } = stock] }, { kind }) {
    const mine = linesOf(content, args, kind === 'remove').mine;
    const refusals = errors === null ? [] : errors.split(/; (?=line \d+: )/);
    const others = refusals.filter(one => {
      const line = Number(/^line (\d+)/.exec(one)?.[1]) - 1;
      return !mine.some(({ first, last }) => first <= line && line <= last);
    });
    return obstacle(
      others.length > 0,
      `The server refuses the file, and every change of it, for other lines: ${others.join('; ')}.`,
      'Mend these lines in pg_hba.conf by hand.',
    );
  },
  owes: args => ({
    unit: unitOf(args),
    action: 'reload',
    steps: [{ do: 'sql', statements: ['SELECT pg_reload_conf()'], objects: ['hba', ...takes(ruleOf(args))] }],
  }),
  steps: (_diff, args, { rows: [row = stock] }) => [rewritten(row, rewrite(row.content, args))],
  claims: serverRuns,
  remove: (args, { rows: [row = stock] }) => [rewritten(row, removeFrom(row.content, args).join('\n'))],
});

/** The file as it is right after the server was installed. */
const stock: Row = { file: '/etc/postgresql/pg_hba.conf', content: stockHba, errors: null };

function identityOf(args: Hba): string {
  const { type, databases, users, address } = ruleOf(args);
  return [type, databases.toSorted().join(','), users.toSorted().join(','), address].join(' ').trimEnd();
}

function methodRefusals({ type, method }: Hba): Refusal[] {
  const fits = { peer: type === 'local', cert: type === 'hostssl', gss: type !== 'local' };
  const says = `The method ${method} does not go with ${type} rules.`;
  return refusal(fits[method as keyof typeof fits] === false, 'method', says);
}

function addressRefusals({ type, address }: Hba): Refusal[] {
  const bare = /^([\d.]+|[\da-f]*:[\da-f:]*)$/i.test(address ?? '');
  const one = `${address}/${address?.includes(':') ? 128 : 32}`;
  return [
    ...refusal(type === 'local' && address !== undefined, 'address', 'A local rule has no address.'),
    ...refusal(type !== 'local' && address === undefined, undefined, `A ${type} rule needs an address.`),
    ...refusal(bare, 'address', `The address "${address}" needs a length: "${one}" is that one host.`),
  ];
}

/** An anchor is found in any line. */
const fileOf = (args: Hba) =>
  sqlRow<Row>(
    `SELECT current_setting('hba_file') AS file,
  encode(pg_read_binary_file(current_setting('hba_file')), 'escape') AS content,
  (${refused}) AS errors`,
    { about: [...deciders(ruleOf(args)), ...((args.before ?? args.after) === undefined ? [] : ['hba'])] },
  );

/** What a reload is owed to: not the server's unit, because a reload does not pay the restarts that are owed to that. */
const unitOf = (args: Hba) => `pg_hba.conf ${identityOf(args)}`;

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
 * The lines that are the declared rule, and the others. When none is, the first one for the same connections becomes
 * it; another one for them is somebody else's and stays. For a rule that is to go, any method will do.
 */
function linesOf(content: string, args: Hba, goes: boolean): { mine: HbaLine[]; others: HbaLine[] } {
  const rule = ruleOf(args);
  const lines = parseHba(decode(content));
  const same = lines.filter(line => sameConnections(line.rule, rule));
  const exact = same.filter(line => wordsOf(line.rule, rule) === textOf(rule));
  const kept = exact.length > 0 ? exact : same.slice(0, 1);
  const mine = goes ? same.filter(line => [undefined, line.rule.method].includes(args.method)) : kept;
  return { mine, others: lines.filter(line => !mine.includes(line)) };
}

function stateOf({ content, errors }: Row, owed: readonly Owed[], args: Hba): State | null {
  const { mine, others } = linesOf(content, args, false);
  const [first] = mine;
  if (first === undefined) return null;
  const reasons = [
    ...(mine.length > 1 ? [`it is there ${mine.length} times`] : []),
    ...misplaced(first, others, args),
    ...(errors === null ? [] : [`the server refuses ${errors}`]),
    ...(owed.length > 0 ? ['a reload is owed'] : []),
  ];
  const found = wordsOf(first.rule, ruleOf(args));
  return { rule: reasons.length === 0 ? found : `${found}, but ${reasons.join('; ')}` };
}

/** What is still there of a rule that is to go. */
function leftOf({ content }: Row, owed: readonly Owed[], args: Hba): State | null {
  const [first] = linesOf(content, args, true).mine;
  if (first !== undefined) return { rule: wordsOf(first.rule, ruleOf(args)) };
  return owed.length > 0 ? { rule: `${textOf(ruleOf(args))}, until a reload` } : null;
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

const rewritten = ({ file }: Row, content: string) => ({
  do: 'checked' as const,
  steps: [{ do: 'write' as const, path: file, content: Buffer.from(content, 'latin1') }],
  by: [
    ...['runuser', '-u', 'postgres', '--'],
    ...['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-c', validation],
  ],
});

/** The content's lines without the rule; every other line as it was. */
function removeFrom(content: string, args: Hba, goes = true): string[] {
  const { mine } = linesOf(content, args, goes);
  return decode(content)
    .split('\n')
    .filter((_, i) => !mine.some(line => line.first <= i && i <= line.last));
}

/** The content with the rule once at a place where it is in effect. */
function rewrite(content: string, args: Hba): string {
  const kept = removeFrom(content, args, false);
  if (kept.at(-1) !== '') kept.push('');
  const { from, later } = bounds(parseHba(kept.join('\n')), args);
  const last = later[0]?.first ?? kept.length - 1;
  const old = linesOf(content, args, false).mine[0]?.first ?? -1;
  const added = later.length === 0 && from > 0 ? from : last;
  kept.splice(old >= from && old <= last ? old : added, 0, formatRule(ruleOf(args)));
  return kept.join('\n');
}
