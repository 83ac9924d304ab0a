import type { Refusal, State } from '../engine/module.ts';
import { anyOf, oneOf, text } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { type Owed, owed } from '../engine/probe.ts';
import { type Conditional, compact } from '../engine/util/defined.ts';
import { queriesBeside } from '../engine/util/text-beside.ts';
import * as hba from './_pg-hba.ts';
import { change, reloadServer, serverRuns, settingObject, sqlRow, unloaded } from './_postgres.ts';

const word = { type: 'string', minLength: 1 } as const;
const names = (of: string) => anyOf([word, { type: 'array', items: word, minItems: 1 }], of);
const beginning = (description: string) => ({ ...word, description });
/** The methods of the servers in Debian and Ubuntu. */
const methods = 'trust reject scram-sha-256 md5 password peer ident cert gss ldap radius pam oauth'.split(
  ' ',
);
/** The types of rules for each method that does not suit all types. */
const typesFor: Record<string, string[]> = { peer: ['local'], cert: ['hostssl'], gss: hba.types.slice(1) };

const args = {
  type: oneOf(
    hba.types,
    'Kind of connection: through the Unix socket (`local`), or TCP with or without TLS.',
  ),
  database: names('Database, `all`, `sameuser`, `samerole` or `replication`, or a list of them.'),
  user: names('Role, `+role` for its members, or `all`, or a list of them.'),
  address: text('Network such as `10.0.0.0/8`, host name, `all`, `samehost` or `samenet`; not for local.', {
    pattern: '^[^\\s,"#]+$',
  }),
  method: oneOf(methods, 'Method of authentication.'),
  options: {
    type: 'object',
    additionalProperties: { type: ['string', 'number', 'boolean'] },
    default: {},
    description: 'Options of the method, e.g. `{map: admins}`.',
  },
  before: beginning(
    'Beginning of a line, e.g. `host all all 127.0.0.1/32`; the rule stands before the first such line.',
  ),
  after: beginning(
    'Beginning of a line; the rule stands after the last such line, even if earlier lines cover its connections.',
  ),
} as const;

type Hba = Given<typeof args, 'type' | 'database' | 'user'>;

/**
 * One rule of pg_hba.conf. The first rule that matches a connection decides, so a rule takes effect only if no earlier
 * one covers all its connections. If one does, the rule moves before it, and no other line changes.
 */
export const pg_hba = defineModule({
  name: 'pg_hba',
  summary: 'A rule of pg_hba.conf: the roles that may connect to the PostgreSQL server, and how.',
  args,
  required: ['type', 'database', 'user'],
  absent: 'removes it, with any method unless one is given',
  examples: {
    'An application on the same host': {
      type: 'host',
      database: 'appdb',
      user: 'app',
      address: '127.0.0.1/32',
      method: 'scram-sha-256',
    },
    'System accounts by another name': {
      type: 'local',
      database: 'all',
      user: 'admin',
      method: 'peer',
      options: { map: 'admins' },
    },
    'No replication from this host': {
      type: 'host',
      database: 'replication',
      user: 'all',
      address: '::1/128',
      state: 'absent',
    },
  },
  secrets: { in: ['options'] },
  alternatives: { before: ['before'], after: ['after'] },
  identity: identityOf,
  refine: args => {
    const { type, method } = args;
    return [
      method === undefined && { says: 'The rule needs a method.' },
      typesFor[method ?? '']?.includes(type) === false && {
        at: 'method',
        says: `The method ${method} is not for ${type} rules.`,
      },
      ...addressRefusals(args),
    ];
  },
  probes(args) {
    // Any line may be the anchor.
    const anywhere = (args.before ?? args.after) === undefined ? [] : ['hba'];
    const about = [...hba.deciders(ruleOf(args)), ...anywhere];
    return {
      rows: sqlRow<Row>(query('rows', { refused, unloaded }), { about, shared: true }),
      owed: owed(unitOf(args)),
    };
  },
  actual: ({ rows: [row], owed }, args) => stateOf(row, owed, args, false),
  fresh: args => stateOf(stock, [], args, false),
  desired: args => ({ rule: textOf(ruleOf(args)) }),
  removal: {
    refine: addressRefusals,
    actual: ({ rows: [row], owed }: { rows: [Row]; owed: Owed[] }, args) => stateOf(row, owed, args, true),
    fresh: args => stateOf(stock, [], args, true),
  },
  obstacles(args, { rows: [row = stock] }, { kind }) {
    const { content, errors } = row;
    const { mine } = linesOf(content, args, kind === 'remove');
    const refusals = errors?.split(/; (?=line \d+: )/) ?? [];
    const others = refusals.filter(one => !isOn(mine, Number(/^line (\d+)/.exec(one)?.[1]) - 1));
    const isIn = shutsOut(decode(content)) === undefined;
    const shut = isIn ? shutsOut(rewritten(row, args, kind === 'remove').join('\n')) : undefined;
    return [
      others.length > 0 && {
        says: `The server refuses the file, and every change of it, because of other lines: ${others.join('; ')}.`,
        fix: 'Fix these lines in pg_hba.conf manually.',
      },
      shut !== undefined && {
        says: `The server's own account postgres would be locked out: ${shut}.`,
        fix: 'Keep a line such as `local all postgres peer` in front, e.g. with `after: local all postgres`.',
      },
    ];
  },
  owes: (args, { rows: [row = stock] }) => ({
    unit: unitOf(args),
    action: 'reload',
    steps: [change([reloadServer], ['hba', ...hba.takes(ruleOf(args)), ...row.unloaded.map(settingObject)])],
  }),
  steps: (_diff, args, { rows: [row = stock] }) => [rewrite(row, args, false)],
  claims: args => ({ ...serverRuns(), [`the place of the rule ${identityOf(args)}`]: () => placeOf(args) }),
  remove: (args, { rows: [row = stock] }) => [rewrite(row, args, true)],
});

interface Row {
  file: string;
  /** Bytes beyond ASCII as `\\ooo`, because a comment may be in any encoding. */
  content: string;
  /** The lines because of which the server refuses the whole file; null = none. */
  errors: string | null;
  /** The settings that a reload of the server also puts into effect. */
  unloaded: string[];
}

/** The file right after the installation of the server. */
const stock: Row = { file: '/etc/postgresql/pg_hba.conf', content: hba.stockHba, errors: null, unloaded: [] };

const query = queriesBeside(import.meta.url, './pg_hba.sql');
const refused = query('refused');

function identityOf(args: Hba): string {
  const { type, databases, users, address } = ruleOf(args);
  return [type, databases.toSorted().join(), users.toSorted().join(), address].join(' ').trimEnd();
}

const placeOf = ({ before, after }: Hba) => (before ? `before ${before}` : after && `after ${after}`);

/** Returns the name of the owed reload. It is not the server's unit, because a reload does not pay its owed restarts. */
const unitOf = (args: Hba) => `pg_hba.conf ${identityOf(args)}`;

function addressRefusals({ type, address }: Hba): Conditional<Refusal> {
  const one = `${address}/${address?.includes(':') ? 128 : 32}`;
  return [
    type === 'local' && address !== undefined && { at: 'address', says: 'A local rule has no address.' },
    type !== 'local' && address === undefined && { says: `A ${type} rule needs an address.` },
    /^([\d.]+|[\da-f]*:[\da-f:]*)$/i.test(address ?? '') && {
      at: 'address',
      says: `The address "${address}" needs a prefix length: "${one}" is this one host.`,
    },
  ];
}

function ruleOf({ type, database, user, address = '', method = '', options }: Hba): hba.HbaRule {
  const tokens = (names: string | string[]) =>
    [names].flat().map(text => hba.token(Buffer.from(text).toString('latin1')));
  const words = Object.entries(options).map(([key, value]) => hba.token(`${key}=${value}`));
  return { type, databases: tokens(database), users: tokens(user), address, method, options: words.sort() };
}

/** Returns a rule as text with single blanks. */
const textOf = (rule: hba.HbaRule) =>
  Buffer.from(hba.formatRule(rule).replace(/ +/g, ' '), 'latin1').toString();

/** Returns the text of a line for the same connections as the declared rule, in the rule's spelling. */
const wordsOf = ({ rule: { method, options } }: hba.HbaLine, declared: hba.HbaRule) =>
  textOf({ ...declared, method, options: options.toSorted() });

/** Returns the content with one character for each byte, so that unchanged lines are written back byte for byte. */
const decode = (escaped: string) =>
  escaped.replace(/\\(\\|[0-7]{3})/g, (_, code: string) =>
    code === '\\' ? code : String.fromCharCode(Number.parseInt(code, 8)),
  );

/**
 * Returns the lines of the declared rule, and the others. Without an exact line, the first one for the same connections
 * counts as the rule; further ones stay. For a removal, lines with any method count unless one is declared.
 */
function linesOf(content: string, args: Hba, goes: boolean) {
  const rule = ruleOf(args);
  const lines = hba.parseHba(decode(content));
  const same = lines.filter(line => hba.sameConnections(line.rule, rule));
  const exact = same.filter(line => wordsOf(line, rule) === textOf(rule));
  const kept = exact.length > 0 ? exact : same.slice(0, 1);
  const mine = goes ? same.filter(line => [undefined, line.rule.method].includes(args.method)) : kept;
  return { mine, others: lines.filter(line => !mine.includes(line)) };
}

const isOn = (lines: readonly hba.HbaLine[], number: number) =>
  lines.some(({ first, last }) => first <= number && number <= last);

/** Returns the rule of the file and the reasons why it has no effect, or for a removal its remains. */
function stateOf({ content, errors }: Row, owed: readonly Owed[], args: Hba, goes: boolean): State | null {
  const rule = ruleOf(args);
  const { mine, others } = linesOf(content, args, goes);
  const [line] = mine;
  if (line === undefined) return goes && owed.length > 0 ? { rule: `${textOf(rule)}, until a reload` } : null;
  if (goes) return { rule: wordsOf(line, rule) };
  const { from, later } = bounds(others, args);
  // The text names the line: its number would change with every line inserted above.
  const above = later.findLast(other => other.first < line.first);
  const reasons = compact<string>([
    mine.length > 1 && `it is there ${mine.length} times`,
    line.first < from ? `it stands before ${args.after}` : above && `it comes after ${textOf(above.rule)}`,
    errors !== null && `the server refuses ${errors}`,
    owed.length > 0 && 'a reload is owed',
  ]);
  return { rule: `${wordsOf(line, rule)}${reasons.length > 0 ? `, but ${reasons.join('; ')}` : ''}` };
}

/** Returns the place of the rule among `others`: from line `from` on, and before all of `later`. */
function bounds(others: readonly hba.HbaLine[], { before, after, ...args }: Hba) {
  const rule = ruleOf(args);
  const begins = (line: hba.HbaLine, beginning: string | undefined) =>
    beginning !== undefined &&
    `${textOf(line.rule)} `.startsWith(`${beginning.trim().replace(/\s+/g, ' ')} `);
  const from = (others.findLast(line => begins(line, after))?.last ?? -1) + 1;
  const later = others.filter(
    line => line.first >= from && (hba.covers(line.rule, rule) || begins(line, before)),
  );
  return { from, later };
}

/** Returns why the account postgres cannot log in without a password, or undefined if it can. */
function shutsOut(content: string): string | undefined {
  const own = hba.parseRule('local postgres postgres peer')!;
  const line = hba.parseHba(content).find(({ rule }) => hba.covers(rule, own));
  if (line === undefined) return 'no line admits it';
  return ['peer', 'trust'].includes(line.rule.method) ? undefined : `"${textOf(line.rule)}" decides`;
}

/** Returns the lines without the rule, or with it once at a place where it takes effect; other lines are unchanged. */
function rewritten({ content }: Row, args: Hba, goes: boolean): string[] {
  const { mine } = linesOf(content, args, goes);
  const lines = decode(content).split('\n');
  const kept = lines.filter((_, i) => !isOn(mine, i));
  if (!goes) {
    if (kept.at(-1) !== '') kept.push('');
    const { from, later } = bounds(hba.parseHba(kept.join('\n')), args);
    const last = later[0]?.first ?? kept.length - 1;
    const old = mine[0]?.first ?? -1;
    const added = later.length === 0 && from > 0 ? from : last;
    kept.splice(old >= from && old <= last ? old : added, 0, hba.formatRule(ruleOf(args)));
  }
  return kept;
}

function rewrite(row: Row, args: Hba, goes: boolean) {
  const content = Buffer.from(rewritten(row, args, goes).join('\n'), 'latin1');
  return {
    do: 'checked' as const,
    steps: [{ do: 'write' as const, path: row.file, content }],
    by: [
      ...['runuser', '-u', 'postgres', '--'],
      ...['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-c', query('validation', { refused })],
    ],
  };
}
