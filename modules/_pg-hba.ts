/** A rule of pg_hba.conf. Its parts are tokens as written, quotes included. */
export interface HbaRule {
  type: string;
  databases: readonly string[];
  users: readonly string[];
  /** Empty for `local`. */
  address: string;
  method: string;
  options: readonly string[];
}

/** A rule and its lines, counted from 0; `last` is larger than the first if a line is continued. */
export interface HbaLine {
  rule: HbaRule;
  /** The rule with the names of its `@file` lists, if it has any. */
  expanded?: HbaRule;
  /** The included file of the rule. The lines are those of the `include` in pg_hba.conf. */
  file?: string;
  first: number;
  last: number;
}

/** The types of rules, each with the types that cover all its connections. No connection uses both TLS and GSSAPI. */
const takers: Readonly<Record<string, readonly string[]>> = {
  local: ['local'],
  host: ['host'],
  hostssl: ['hostssl', 'host', 'hostnogssenc'],
  hostnossl: ['hostnossl', 'host'],
  hostgssenc: ['hostgssenc', 'host', 'hostnossl'],
  hostnogssenc: ['hostnogssenc', 'host'],
};
export const types = Object.keys(takers);

/** The file that the packages of Debian and Ubuntu create. */
export const stockHba = `local all postgres peer
local all all peer
host all all 127.0.0.1/32 scram-sha-256
host all all ::1/128 scram-sha-256
local replication all peer
host replication all 127.0.0.1/32 scram-sha-256
host replication all ::1/128 scram-sha-256
`;

/** Returns the rules of a pg_hba.conf, without lines that are no rules (comments, `include`, mistakes). */
export function parseHba(content: string): HbaLine[] {
  let next = 0;
  return content.split(/(?<!\\)\n/).flatMap(line => {
    const first = next;
    next += line.split('\n').length;
    const rule = parseRule(line.replaceAll('\\\n', ''));
    return rule === undefined ? [] : [{ rule, first, last: next - 1 }];
  });
}

/** A rule as the server reads it (pg_hba_file_rules). */
export interface ReadRule {
  type: string;
  database: string[];
  user_name: string[];
  address: string | null;
  netmask: string | null;
  auth_method: string;
  options: string[] | null;
  line_number: number;
  /** The included file of the rule; null = pg_hba.conf itself. */
  file: string | null;
  /** The line of the last rule of pg_hba.conf before this one; 0 = none. */
  after: number;
}

/** Returns the rules of a pg_hba.conf and of its included files, in their order. `read` are the rules that the server reads. */
export function rulesIn(content: string, read: readonly ReadRule[]): HbaLine[] {
  const includes = includesIn(content);
  const own = parseHba(content).map(line => {
    const isList = [...line.rule.databases, ...line.rule.users].some(name => name.startsWith('@'));
    const same = isList && read.find(one => one.file === null && one.line_number === line.first + 1);
    const expanded = same ? ruleRead(same) : undefined;
    return expanded ? { ...line, expanded } : line;
  });
  const included = read.flatMap(one => {
    const [rule, include] = [ruleRead(one), includes.find(({ first }) => first >= one.after)];
    return one.file === null || !rule || !include ? [] : [{ ...include, rule, file: one.file }];
  });
  return [...own, ...included].sort((a, b) => a.first - b.first);
}

/** Returns the lines that include other files. */
export const includesIn = (content: string) =>
  content.split('\n').flatMap((line, i) => {
    const text = fieldsOf(line).join(' ');
    return /^include(_if_exists|_dir)? /.test(text) ? [{ text, first: i, last: i }] : [];
  });

function ruleRead({ type, database, user_name, address, netmask, auth_method, options }: ReadRule) {
  const names = (list: readonly string[]) => list.map(token).join();
  const words = [type, names(database), names(user_name), address, netmask, auth_method, ...(options ?? [])];
  return parseRule(words.filter(word => word !== null).join(' '));
}

/** Returns the rule on a line, or undefined if the line contains none. */
export function parseRule(line: string): HbaRule | undefined {
  const fields = fieldsOf(line);
  const [type = '', , , ...rest] = fields.map(field => field.join());
  const address = type === 'local' ? '' : (rest.shift() ?? '');
  const hasMask = address !== '' && /^(?=.*[.:])[\da-f.:]+$/i.test(rest[0] ?? '');
  const length = hasMask ? `/${(addressBits(rest.shift()!) ?? '').split('0')[0]!.length}` : '';
  const [method, ...options] = rest;
  if (!types.includes(type) || method === undefined) return undefined;
  return {
    type,
    databases: fields[1]!,
    users: fields[2]!,
    address: address + length,
    method,
    options: options.map(option => token(unquoted(option))),
  };
}

/** Splits a line into fields. Blanks separate them, a comma right after a token continues its list, # begins a comment. */
function fieldsOf(line: string): string[][] {
  const fields: string[][] = [];
  let joins = false;
  for (const [, word, comma] of line.matchAll(/#.*|((?:"(?:[^"]|"")*"?|[^\s,"#])+)(,?)/g)) {
    if (word === undefined) break;
    if (!joins) fields.push([]);
    fields.at(-1)!.push(word.replace(needlessQuotes, '$1'));
    joins = comma !== '';
  }
  return fields;
}

/** Matches a quoted token that means the same without quotes, unlike a keyword. */
const needlessQuotes = /^"(?!(?:all|sameuser|samerole|samegroup|replication)"$)([\w.:=-]+)"$/;

/** Returns an option without quotes, which may stand anywhere in it: `ldapprefix="cn="` is `"ldapprefix=cn="`. */
const unquoted = (text: string): string =>
  text.replace(/"((?:[^"]|"")*)"?/g, (_, inner: string) => inner.replaceAll('""', '"'));

/** Returns a name as a token of the file. Keywords, `+role` and `/expression` keep their meaning. */
export const token = (text: string): string =>
  /^[^\s",#]+$/.test(text) || /^"([^"]|"")*"$/.test(text) ? text : `"${text.replaceAll('"', '""')}"`;

/** Returns the rule as a line, in the columns of Debian's file. */
export function formatRule({ type, databases, users, address, method, options }: HbaRule): string {
  const columns = [type, databases.join(), users.join(), address];
  const widths = [7, 15, 15, 23];
  return [...columns.map((text, i) => text.padEnd(widths[i]!)), method, ...options].join(' ');
}

/** Whether `wide`, if it came first, would decide every connection that matches `narrow`. */
export function covers(wide: HbaRule, narrow: HbaRule): boolean {
  const isIn = (names: readonly string[], name: string) => names.includes(name) || names.includes('all');
  return (
    takers[narrow.type]!.includes(wide.type) &&
    narrow.databases.every(name =>
      name === 'replication' ? wide.databases.includes(name) : isIn(wide.databases, name),
    ) &&
    narrow.users.every(name => isIn(wide.users, name)) &&
    (wide.address === 'all' || network(narrow.address).startsWith(network(wide.address)))
  );
}

/** Whether two rules name the same connections. */
export function sameConnections(a: HbaRule, b: HbaRule): boolean {
  const key = ({ type, databases, users, address }: HbaRule) =>
    JSON.stringify([type, databases.toSorted(), users.toSorted(), network(address)]);
  return key(a) === key(b);
}

/**
 * The connections that a line decides, as objects for the `about` of queries. Only the family of an address counts. A
 * line that covers all connections of a rule contains the first of the rule's databases and roles.
 */
export const takes = ({ type, databases, users, address }: HbaRule) =>
  objects([type], databases, users, families(address));

/** The objects of the lines that may cover a rule or name the same connections. */
export const deciders = ({ type, databases, users, address }: HbaRule) =>
  objects(takers[type]!, [databases[0]!, 'all'], [users[0]!, 'all'], families(address).slice(0, 1));

const objects = (...parts: readonly (readonly string[])[]) =>
  parts.reduce(
    (rows, words) => rows.flatMap(row => [...new Set(words)].map(word => `${row} ${word}`.trimEnd())),
    ['hba'],
  );

const families = (address: string) =>
  address === 'all' ? ['IPv4', 'IPv6', 'name'] : [network(address).split(' ')[0]!];

/**
 * Returns the family of an address, and the common bits of a network's addresses, or the name. So a network is part of
 * another if its text begins with that of the other. A name ends in a blank, because no name is part of another.
 */
function network(address: string): string {
  const [text = '', length = ''] = address.split('/');
  const bits = addressBits(text);
  if (bits === undefined || !/^\d+$/.test(length) || Number(length) > bits.length)
    return address && `name ${address} `;
  return `${bits.length === 32 ? 'IPv4' : 'IPv6'} ${bits.slice(0, Number(length))}`;
}

function addressBits(text: string): string | undefined {
  const bits = (numbers: string, radix: number, width: number) =>
    (numbers.match(/[\da-f]+/gi) ?? [])
      .map(one => Number.parseInt(one, radix).toString(2).padStart(width, '0'))
      .join('');
  if (/^\d+(\.\d+){3}$/.test(text)) return bits(text, 10, 8);
  if (!/^[\da-f:]*:[\da-f:]*$/i.test(text)) return undefined;
  const [head = '', tail = ''] = text.split('::').map(half => bits(half, 16, 16));
  return head + tail.padStart(128 - head.length, '0');
}
