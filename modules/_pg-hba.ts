/** A line of pg_hba.conf that says who may connect how; its parts are tokens as written, quotes included. */
export interface HbaRule {
  type: string;
  databases: readonly string[];
  users: readonly string[];
  /** Empty for `local`. */
  address: string;
  method: string;
  options: readonly string[];
}

/** A rule and the lines that it stands on, counted from 0; `last` is larger where lines are continued. */
export interface HbaLine {
  rule: HbaRule;
  first: number;
  last: number;
}

/** The rules of a pg_hba.conf. Lines that are no rules (comments, `include`, mistakes) are left out. */
export function parseHba(content: string): HbaLine[] {
  const lines = content.split('\n');
  const found: HbaLine[] = [];
  for (let i = 0; i < lines.length; i++) {
    const first = i;
    let line = lines[i]!;
    while (line.endsWith('\\') && i + 1 < lines.length) line = line.slice(0, -1) + lines[++i]!;
    const rule = parseRule(line);
    if (rule !== undefined) found.push({ rule, first, last: i });
  }
  return found;
}

/** The rule on one line; undefined when there is none. */
export function parseRule(line: string): HbaRule | undefined {
  const fields = fieldsOf(line);
  const [type, databases, users] = fields.map(field => field.join(','));
  if (type === undefined || !types.some(known => known === type)) return undefined;
  if (databases === undefined || users === undefined) return undefined;
  const rest = fields.slice(3).map(field => field.join(','));
  const mask =
    /^[0-9a-f.:]+$/i.test(rest[1] ?? '') && /[.:]/.test(rest[1]!) ? `/${prefixLength(rest[1]!)}` : '';
  const address = type === 'local' ? '' : `${rest.shift() ?? ''}${mask}`;
  if (mask !== '') rest.shift();
  const [method, ...options] = rest;
  if (method === undefined) return undefined;
  return { type, databases: fields[1]!, users: fields[2]!, address, method, options };
}

/** Whether every connection that `narrow` is for would be decided by `wide`, if that came first. */
export function covers(wide: HbaRule, narrow: HbaRule): boolean {
  return (
    (wide.type === narrow.type || (wider[narrow.type] ?? []).includes(wide.type)) &&
    narrow.databases.every(
      name => wide.databases.includes(name) || (wide.databases.includes('all') && name !== 'replication'),
    ) &&
    narrow.users.every(name => wide.users.includes(name) || wide.users.includes('all')) &&
    (wide.type === 'local' || coversAddress(wide.address, narrow.address))
  );
}

/** Whether two rules are for the same connections, as they are written. */
export function sameConnections(a: HbaRule, b: HbaRule): boolean {
  const key = ({ type, databases, users, address }: HbaRule) =>
    JSON.stringify([type, databases.toSorted(), users.toSorted(), network(address) ?? address]);
  return key(a) === key(b);
}

/**
 * What a line decides, as objects that queries are about. Addresses count by their family alone: only the first of the
 * databases and roles of a rule has to be among those of a line that takes all of its connections.
 */
export const takes = ({ type, databases, users, address }: HbaRule): string[] =>
  objects([type], databases, users, families(address));

/** The objects of the lines that may come in the way of a rule, or are for the same connections. */
export const deciders = ({ type, databases, users, address }: HbaRule): string[] =>
  objects(
    [type, ...(wider[type] ?? [])],
    [databases[0]!, 'all'],
    [users[0]!, 'all'],
    families(address).slice(0, 1),
  );

/** The rule as a line, in columns as Debian's file has them. */
export function formatRule({ type, databases, users, address, method, options }: HbaRule): string {
  const columns = [
    type.padEnd(7),
    databases.join(',').padEnd(15),
    users.join(',').padEnd(15),
    address.padEnd(23),
    method,
  ];
  return [...columns, ...options].join(' ');
}

/** A name as a token of the file. Keywords, `+role` and `/expression` keep what they mean. */
export function token(text: string): string {
  return /^[^\s",#]+$/.test(text) || /^"([^"]|"")*"$/.test(text) ? text : `"${text.replaceAll('"', '""')}"`;
}

/** The file that Debian's and Ubuntu's packages make. */
export const stockHba = `local all postgres peer
local all all peer
host all all 127.0.0.1/32 scram-sha-256
host all all ::1/128 scram-sha-256
local replication all peer
host replication all 127.0.0.1/32 scram-sha-256
host replication all ::1/128 scram-sha-256
`;

export const types = ['local', 'host', 'hostssl', 'hostnossl', 'hostgssenc', 'hostnogssenc'] as const;

/** Those that Debian's and Ubuntu's servers know. */
export const methods = [
  ...(['trust', 'reject', 'scram-sha-256', 'md5', 'password', 'peer', 'ident', 'cert'] as const),
  ...(['gss', 'ldap', 'radius', 'pam', 'oauth'] as const),
] as const;

/** Words that mean themselves only in quotes. */
const keywords = ['all', 'sameuser', 'samerole', 'samegroup', 'replication'];

/** Which types take the connections of another as well; a connection is not both by TLS and by GSSAPI. */
const wider: Readonly<Record<string, readonly string[]>> = {
  hostssl: ['host', 'hostnogssenc'],
  hostgssenc: ['host', 'hostnossl'],
  hostnossl: ['host'],
  hostnogssenc: ['host'],
};

function objects(...parts: readonly (readonly string[])[]): string[] {
  const rows = parts.reduce<string[][]>(
    (rows, words) => rows.flatMap(row => [...new Set(words)].map(word => [...row, word])),
    [['hba']],
  );
  return rows.map(row => row.join(' ').trimEnd());
}

function families(address: string): string[] {
  if (address === 'all') return ['IPv4', 'IPv6', 'name'];
  const width = network(address)?.width;
  return [width === 32 ? 'IPv4' : width === 128 ? 'IPv6' : address && 'name'];
}

/** Fields are apart by blanks; a comma right after a token goes on with the list; # begins a comment. */
function fieldsOf(line: string): string[][] {
  const fields: string[][] = [];
  let joins = false;
  for (const [, word, comma] of line.matchAll(/#.*|((?:"(?:[^"]|"")*"?|[^\s,"#])+)(,?)/g)) {
    if (word === undefined) return fields;
    if (joins) fields.at(-1)!.push(plain(word));
    else fields.push([plain(word)]);
    joins = comma !== '';
  }
  return fields;
}

/** A token without quotes that change nothing. */
function plain(word: string): string {
  const inner = /^"([\w.:=-]+)"$/.exec(word)?.[1];
  return inner === undefined || keywords.includes(inner) ? word : inner;
}

function coversAddress(wide: string, narrow: string): boolean {
  if (wide === 'all' || wide === narrow) return true;
  const [outer, inner] = [network(wide), network(narrow)];
  if (outer === undefined || inner === undefined || outer.width !== inner.width) return false;
  return outer.length <= inner.length && inner.bits.startsWith(outer.bits);
}

/** The bits that a network's addresses have in common; undefined for a host name or a keyword. */
function network(address: string): { bits: string; length: number; width: number } | undefined {
  const [text, prefix] = address.split('/');
  const bits = addressBits(text ?? '');
  if (bits === undefined || prefix === undefined || !/^\d+$/.test(prefix)) return undefined;
  const length = Number(prefix);
  return { bits: bits.slice(0, length), length, width: bits.length };
}

/** Number of leading ones of a mask such as 255.255.255.0. */
function prefixLength(mask: string): number {
  return /^1*/.exec(addressBits(mask) ?? '')![0].length;
}

function addressBits(text: string): string | undefined {
  const bits = (words: readonly string[], radix: number, width: number) =>
    words.map(word => Number.parseInt(word, radix).toString(2).padStart(width, '0')).join('');
  if (/^\d+(\.\d+){3}$/.test(text)) return bits(text.split('.'), 10, 8);
  if (!/^[0-9a-f:]*:[0-9a-f:]*$/i.test(text)) return undefined;
  const [head, tail] = text.split('::').map(half => half.split(':').filter(Boolean));
  const zeros = Array<string>(8 - head!.length - (tail?.length ?? 0)).fill('0');
  return bits([...head!, ...zeros, ...(tail ?? [])], 16, 16);
}
