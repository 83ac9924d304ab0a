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
      rows: sqlRow<Row>(query('rows', { refused, unloaded, rules: query('rules') }), { about, shared: true }),
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
    const { errors } = row;
    const goes = kind === 'remove';
    const { mine, others: lines, included } = linesOf(row, args, goes);
    const anchor = goes ? undefined : (args.before ?? args.after);
    const kept = goes ? included.find(one => isToGo(one, args)) : undefined;
    const refusals = errors?.split(/; (?=line \d+: )/) ?? [];
    const others = refusals.filter(one => !isOn(mine, Number(/^line (\d+)/.exec(one)?.[1]) - 1));
    const isIn = shutsOut(hba.rulesIn(decode(row.content), row.rules)) === undefined;
    const shut = isIn ? shutsOut(rulesAfter(row, args, goes)) : undefined;
    return [
      others.length > 0 && {
        says: `The server refuses the file, and every change of it, because of other lines: ${others.join('; ')}.`,
        fix: 'Fix these lines in pg_hba.conf manually.',
      },
      anchor !== undefined &&
        anchorsIn(row, lines, anchor).length === 0 && {
          says: `No line of ${row.file} begins with "${anchor}".`,
          fix: 'Give the beginning of an existing line, or leave out the place.',
        },
      kept !== undefined && {
        says: `The rule is in ${kept.file}, which ${row.file} includes and pg_hba does not change.`,
        fix: 'Change this file in an earlier resource.',
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
  /** The rules of the file and of its included files. */
  rules: hba.ReadRule[];
  /** The settings that a reload of the server also puts into effect. */
  unloaded: string[];
}

/** The file right after the installation of the server. */
const stock: Row = {
  file: '/etc/postgresql/pg_hba.conf',
  content: hba.stockHba,
  errors: null,
  unloaded: [],
  rules: [],
};

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
function linesOf({ content, rules }: Row, args: Hba, goes: boolean) {
  const rule = ruleOf(args);
  const lines = hba.rulesIn(decode(content), rules);
  const same = lines.filter(line => !line.file && hba.sameConnections(line.rule, rule));
  const exact = same.filter(line => wordsOf(line, rule) === textOf(rule));
  const kept = exact.length > 0 ? exact : same.slice(0, 1);
  const mine = goes ? same.filter(line => [undefined, line.rule.method].includes(args.method)) : kept;
  const others = lines.filter(line => !mine.includes(line));
  const included = others.filter(line => line.file && hba.sameConnections(line.rule, rule));
  return { mine, others, included };
}

const isOn = (lines: readonly hba.HbaLine[], number: number) =>
  lines.some(({ first, last }) => first <= number && number <= last);

/** Returns the rule of the file and the reasons why it has no effect, or for a removal its remains. */
function stateOf(row: Row, owed: readonly Owed[], args: Hba, goes: boolean): State | null {
  const { errors } = row;
  const rule = ruleOf(args);
  const { mine, others, included } = linesOf(row, args, goes);
  const [line = goes ? included.find(one => isToGo(one, args)) : undefined] = mine;
  if (line === undefined) {
    const first = others.find(one => covers(one, rule));
    const isHeld = !goes && first?.file && included.includes(first) && wordsOf(first, rule) === textOf(rule);
    if (isHeld && owed.length === 0) return { rule: textOf(rule) };
    return goes && owed.length > 0 ? { rule: `${textOf(rule)}, until a reload` } : null;
  }
  if (goes) return { rule: wordsOf(line, rule) };
  const { from, later } = bounds(row, others, args);
  // The text names the line: its number would change with every line inserted above.
  const above = later.findLast(other => other.first < line.first);
  const reasons = compact<string>([
    mine.length > 1 && `it is there ${mine.length} times`,
    line.first < from ? `it stands before ${args.after}` : above && `it comes after ${above.says}`,
    errors !== null && `the server refuses ${errors}`,
    owed.length > 0 && 'a reload is owed',
  ]);
  return { rule: `${wordsOf(line, rule)}${reasons.length > 0 ? `, but ${reasons.join('; ')}` : ''}` };
}

const covers = ({ rule, expanded = rule }: hba.HbaLine, narrow: hba.HbaRule) => hba.covers(expanded, narrow);

const isToGo = ({ rule }: hba.HbaLine, { method }: Hba) => [undefined, rule.method].includes(method);

/** Returns the lines that begin with `words`: those of rules, of included rules, and of `include`. */
function anchorsIn(row: Row, others: readonly hba.HbaLine[], words: string | undefined) {
  if (words === undefined) return [];
  const begins = ({ says }: { says: string }) =>
    `${says} `.startsWith(`${words.trim().replace(/\s+/g, ' ')} `);
  const includes = hba.includesIn(decode(row.content)).map(line => ({ ...line, says: line.text }));
  return [...others.map(said), ...includes].filter(begins);
}

const said = (line: hba.HbaLine) => ({ ...line, says: textOf(line.rule) });

/** Returns the place of the rule among `others`: from line `from` on, and before all of `later`. */
function bounds(row: Row, others: readonly hba.HbaLine[], { before, after, ...args }: Hba) {
  const rule = ruleOf(args);
  const from = Math.max(-1, ...anchorsIn(row, others, after).map(line => line.last)) + 1;
  const later = [
    ...others.filter(line => covers(line, rule)).map(said),
    ...anchorsIn(row, others, before),
  ].filter(line => line.first >= from);
  return { from, later: later.sort((a, b) => a.first - b.first) };
}

/** Returns why the account postgres cannot log in without a password, or undefined if it can. */
function shutsOut(lines: readonly hba.HbaLine[]): string | undefined {
  const own = hba.parseRule('local postgres postgres peer')!;
  const line = lines.find(one => covers(one, own));
  if (line === undefined) return 'no line admits it';
  return ['peer', 'trust'].includes(line.rule.method) ? undefined : `"${textOf(line.rule)}" decides`;
}

/** Returns the line of the present file before which the rule goes. */
function placed(row: Row, args: Hba, end: number): number {
  const { mine, others } = linesOf(row, args, false);
  const { from, later } = bounds(row, others, args);
  const last = later[0]?.first ?? end;
  const old = mine[0]?.first ?? -1;
  const added = later.length === 0 && from > 0 ? from : last;
  return old >= from && old <= last ? old : added;
}

/** Returns the rules of the changed file. */
function rulesAfter(row: Row, args: Hba, goes: boolean): hba.HbaLine[] {
  const { others } = linesOf(row, args, goes);
  if (goes) return others;
  const first = placed(row, args, Number.POSITIVE_INFINITY);
  const rule = { rule: ruleOf(args), first, last: first };
  return [...others.filter(line => line.first < first), rule, ...others.filter(line => line.first >= first)];
}

/** Returns the lines without the rule, or with it once at a place where it takes effect; other lines are unchanged. */
function rewritten(row: Row, args: Hba, goes: boolean): string[] {
  const { mine } = linesOf(row, args, goes);
  const lines = decode(row.content).split('\n');
  if (!goes && lines.at(-1) !== '') lines.push('');
  const place = goes ? undefined : placed(row, args, lines.length - 1);
  return lines.flatMap((line, i) => [
    ...(i === place ? [hba.formatRule(ruleOf(args))] : []),
    ...(isOn(mine, i) ? [] : [line]),
  ]);
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
