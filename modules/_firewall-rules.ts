import { BlockList, isIP, isIPv6, SocketAddress } from 'node:net';

/** The rules of `firewall`, in the words of neither nftables nor ufw. */

/** A rule as a playbook declares it. */
export interface Declared {
  allow?: string | number;
  deny?: string | number;
  limit?: string | number;
  from?: string;
  to?: string;
  on?: string;
  direction?: 'in' | 'out';
  comment?: string;
}

export interface Rule {
  verdict: 'allow' | 'deny' | 'limit';
  proto: 'tcp' | 'udp' | 'any';
  /** `any`, or ports and ranges such as `80,443,8000:8100`. */
  ports: string;
  /** Addresses in one spelling; undefined = any. */
  from: string | undefined;
  to: string | undefined;
  /** The interface; undefined = any. */
  on: string | undefined;
  out: boolean;
  comment: string;
}

/** The connection by which this run came. */
export interface Way {
  client: string;
  server: string;
  port: number;
  /** The interface with the address of the server; undefined if it is not known. */
  on: string | undefined;
}

export type Family = 4 | 6;

const verdicts = ['allow', 'deny', 'limit'] as const;

/** Returns a rule with its defaults. Its text is valid by `problemOf`. */
export function ruleOf(declared: Declared): Rule {
  const verdict = verdicts.find(one => declared[one] !== undefined) ?? 'allow';
  const [ports = 'any', proto = 'any'] = String(declared[verdict]).split('/');
  const { from, to, on, direction, comment = '' } = declared;
  return {
    ...{ verdict, proto: proto as Rule['proto'], ports: sorted(ports) },
    ...{ from: from && addressOf(from), to: to && addressOf(to), on, out: direction === 'out', comment },
  };
}

/** Returns a rule in one line, as plans show it. */
export function shown({ verdict, ports, proto, from, to, on, out, comment }: Rule): string {
  const what = proto === 'any' ? ports : `${ports}/${proto}`;
  const places = [from && `from ${from}`, to && `to ${to}`, on && `on ${on}`, out && 'out'].filter(Boolean);
  return [verdict, what, ...places, ...(comment === '' ? [] : [`# ${comment}`])].join(' ');
}

/** Returns the address family of a rule, or undefined if it is for both. */
export const familyOf = ({ from, to }: Partial<Rule>): Family | undefined =>
  (from ?? to) === undefined ? undefined : (from ?? to)!.includes(':') ? 6 : 4;

/** Returns the refusal of a declared rule, or undefined. */
export function problemOf(declared: Declared): string | undefined {
  const given = verdicts.filter(one => declared[one] !== undefined);
  if (given.length !== 1) return 'A rule has exactly one of allow, deny and limit.';
  const { from, to } = declared;
  const bad = [from, to].find(one => one !== undefined && !isAddress(one));
  if (bad !== undefined) return `${bad} is no address, and no network such as 10.0.0.0/8.`;
  const loose = [from, to].find(one => one !== undefined && networkOf(one) !== addressOf(one));
  if (loose !== undefined) return `The network ${loose} has host bits: write ${networkOf(loose)}.`;
  const rule = ruleOf(declared);
  const name = shown(rule);
  if (from && to && from.includes(':') !== to.includes(':'))
    return `${name} has addresses of two families, so it matches no packet.`;
  const ranges = rangesOf(rule.ports);
  if (ranges.some(([low, high]) => low < 1 || low > high || high > 65535))
    return `${name} has a port or a range outside 1 to 65535, or one that runs backwards.`;
  if (ranges.some(([low], i) => i > 0 && low <= ranges[i - 1]![1])) return `${name} names a port twice.`;
  if (rule.proto === 'any' && /[,:]/.test(rule.ports))
    return `${name} has several ports, so it needs /tcp or /udp.`;
  if (rule.proto !== 'any' && rule.ports === 'any')
    return `${name} has no port. Without a port, a rule is for all protocols: write any.`;
  if (rule.ports.split(/[,:]/).length > 15)
    return `${name} has more than 15 ports; a range counts as two. Make two rules of it.`;
  if (rule.verdict === 'limit' && (rule.proto === 'any' || rule.out))
    return `${name} cannot be limited: limit needs a port with /tcp or /udp, and direction in.`;
  return undefined;
}

/** Returns the ports and ranges of a rule as numbers; none for `any`. */
export const rangesOf = (ports: string): [number, number][] =>
  ports === 'any'
    ? []
    : ports.split(',').map(one => {
        const [low = '', high = low] = one.split(':');
        return [Number(low), Number(high)];
      });

const sorted = (ports: string) =>
  ports
    .split(',')
    .toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    .join(',');

function isAddress(text: string): boolean {
  const [address = '', bits] = text.split('/');
  const most = isIPv6(address) ? 128 : 32;
  return isIP(address) !== 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most));
}

/** Returns an address or a network in its short spelling. A network of one address is the address. */
function addressOf(text: string): string {
  const [address = '', bits] = text.split('/');
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  const plain = new SocketAddress({ address, family }).address;
  return bits === undefined || Number(bits) === (family === 'ipv6' ? 128 : 32) ? plain : `${plain}/${bits}`;
}

/** Returns a network without host bits. */
function networkOf(text: string): string {
  const [address = '', bits] = addressOf(text).split('/');
  if (bits === undefined) return address;
  const [size, per, base] = address.includes(':') ? [8, 16, 16] : [4, 8, 10];
  const parts = partsOf(address).map((part, i) => {
    const kept = Math.min(Math.max(Number(bits) - i * per, 0), per);
    return (part >> (per - kept)) << (per - kept);
  });
  const joined = parts.map(part => part.toString(base)).join(size === 8 ? ':' : '.');
  return addressOf(`${joined}/${bits}`);
}

function partsOf(address: string): number[] {
  if (!address.includes(':')) return address.split('.').map(Number);
  const v4 = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const [, a, b, c, d] = (v4 ?? []).map(Number) as [number, number, number, number, number];
  const plain = v4
    ? address.replace(v4[0], [a * 256 + b, c * 256 + d].map(n => n.toString(16)).join(':'))
    : address;
  const [head = '', tail] = plain.split('::');
  const words = (text: string) =>
    text
      .split(':')
      .filter(Boolean)
      .map(word => Number.parseInt(word, 16));
  const [first, last] = [words(head), words(tail ?? '')];
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}

/** Returns the way of this run from the output of firewall-way.sh, or undefined if it did not come by SSH. */
export function wayIn(stdout: string): Way | undefined {
  const [client, , server, port, on] = stdout
    .trim()
    .split(' ')
    .map(word => word.replace(/^::ffff:(?=\d+\.)|%.*$/g, ''));
  if (!client || !server || !Number(port)) return undefined;
  return { client, server, port: Number(port), on: on === '-' ? undefined : on };
}

/**
 * Returns the first rule that decides about a new connection of the same way, `true` if the default admits it, and `false`
 * if the default denies it. An established connection does not count: the next run needs a new one.
 */
export function decisionAbout(way: Way, rules: readonly Rule[], incoming: 'allow' | 'deny'): Rule | boolean {
  const isLocal = way.client === way.server || /^(127\.|::1$)/.test(way.server);
  return isLocal || (rules.find(rule => isAbout(rule, way)) ?? incoming === 'allow');
}

const isAbout = ({ out, proto, ports, from, to, on }: Rule, way: Way): boolean =>
  !out &&
  proto !== 'udp' &&
  (ports === 'any' || rangesOf(ports).some(([low, high]) => low <= way.port && way.port <= high)) &&
  isWithin(way.client, from) &&
  isWithin(way.server, to) &&
  (on === undefined || on === way.on);

function isWithin(address: string, network: string | undefined): boolean {
  if (network === undefined) return true;
  if (address.includes(':') !== network.includes(':')) return false;
  const family = address.includes(':') ? 'ipv6' : 'ipv4';
  const [base = '', bits] = network.split('/');
  const list = new BlockList();
  list.addSubnet(base, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
  return list.check(address, family);
}

const meet = (one: string | undefined, other: string | undefined): boolean => {
  const base = (network: string) => network.split('/')[0]!;
  return !one || !other || isWithin(base(one), other) || isWithin(base(other), one);
};

/** Whether two rules decide differently about some packet, so that their order matters. */
function conflict(one: Rule, other: Rule): boolean {
  const [families, ranges] = [[one, other].map(familyOf), [one, other].map(({ ports }) => rangesOf(ports))];
  const havePort =
    [one, other].some(({ ports }) => ports === 'any') ||
    ranges[0]!.some(([low, high]) => ranges[1]!.some(([from, to]) => low <= to && from <= high));
  const haveProto = one.proto === other.proto || [one, other].some(({ proto }) => proto === 'any');
  const haveFamily = families[0] === families[1] || families.includes(undefined);
  return (
    one.verdict !== other.verdict &&
    one.out === other.out &&
    haveProto &&
    havePort &&
    haveFamily &&
    meet(one.from, other.from) &&
    meet(one.to, other.to) &&
    (one.on === other.on || !one.on || !other.on)
  );
}

/**
 * Returns two rules whose order decides about some packet and is another than the declared one; undefined if there are none,
 * or if the lists do not have the same rules. Otherwise, the order of rules means nothing.
 */
export function misplaced(labels: readonly string[], declared: readonly Rule[]): [Rule, Rule] | undefined {
  const wanted = new Map(declared.map((rule, at) => [shown(rule), { rule, at }]));
  const found = labels.flatMap(label => wanted.get(label) ?? []);
  for (const [i, first] of found.entries())
    for (const second of found.slice(i + 1))
      if (first.at > second.at && conflict(first.rule, second.rule)) return [first.rule, second.rule];
  return undefined;
}

/** Whether two lists have the same rules, in whatever order. */
export const isSameSet = (labels: readonly string[], declared: readonly Rule[]): boolean =>
  labels.toSorted().join('\n') === declared.map(shown).toSorted().join('\n');

/** Returns the labels in the declared order if their own means the same. */
export const inOrder = (labels: readonly string[], declared: readonly Rule[]): readonly string[] =>
  isSameSet(labels, declared) && misplaced(labels, declared) === undefined ? declared.map(shown) : labels;

/** Whether a rule admits a port from everywhere. */
export const isOpen = (
  { verdict, out, from, to, on, ports, proto }: Rule,
  port: number,
  by: string,
): boolean =>
  verdict !== 'deny' &&
  !(out || from || to || on) &&
  (proto === 'any' || proto === by) &&
  (ports === 'any' || rangesOf(ports).some(([low, high]) => low <= port && port <= high));
