import {
  bitsOf,
  firstOf,
  type IpNetwork,
  ipNetwork,
  ipText,
  isInside,
  lastOf,
  sizeOf,
} from '../util/ip-network.ts';
import type { Value } from '../value.ts';
import { elementsOf, known, Refusal } from './evaluation.ts';
import { exact } from './operators.ts';
import { any, integer, type Operation, operation, text } from './signature.ts';

/** An address as given: `hasPrefix` tells `192.0.2.7/32` from `192.0.2.7`. */
interface Given extends IpNetwork {
  readonly written: string;
  readonly hasPrefix: boolean;
}

/** Returns the result of a query; undefined = the address does not fit it. */
type Query = (it: Given) => Value | undefined;

const textAt = (it: IpNetwork, value: bigint) => ipText(value, it.version);
const address = (it: IpNetwork) => textAt(it, it.value);
const cidr = (it: IpNetwork) => `${address(it)}/${it.prefix}`;
const network = (it: IpNetwork) => textAt(it, firstOf(it));
const mask = (it: IpNetwork) => (1n << BigInt(bitsOf(it))) - sizeOf(it);
const isNetwork = (it: IpNetwork) => sizeOf(it) > 1n && it.value === firstOf(it);
/** Networks with two addresses, and all of version 6, have no broadcast address. */
const isHost = (it: IpNetwork) => !isNetwork(it) || sizeOf(it) === 2n;
const keeps =
  (fits: (it: IpNetwork) => boolean): Query =>
  it =>
    fits(it) ? it.written : undefined;
const within = (...networks: string[]) => keeps(it => networks.some(one => isIn(it, one)));

function isIn(it: IpNetwork, one: string): boolean {
  const outer = ipNetwork(one)!;
  return it.version === outer.version && it.value >= firstOf(outer) && it.value <= lastOf(outer);
}

/** The first and the last address for hosts. */
function usable(it: IpNetwork): readonly [bigint, bigint] {
  const edge = sizeOf(it) > 2n ? 1n : 0n;
  return [firstOf(it) + edge, lastOf(it) - edge];
}

function ofNetwork(query: (it: Given) => bigint | string | undefined): Query {
  return it => {
    if (!it.hasPrefix)
      throw new Refusal('the address has no prefix', 'Write it with one, such as 192.0.2.7/24.');
    if (sizeOf(it) === 1n) return undefined;
    const found = query(it);
    return typeof found === 'bigint' ? textAt(it, found) : found;
  };
}

function beside(it: IpNetwork, by: bigint): bigint | undefined {
  const [first, last] = usable(it);
  const value = it.value + by;
  return value >= first && value <= last ? value : undefined;
}

function peer(it: IpNetwork): bigint {
  const size = sizeOf(it);
  if (size === 2n) return it.value ^ 1n;
  const place = it.value - firstOf(it);
  if (size !== 4n || place === 0n || place === 3n)
    throw new Refusal('the address has no peer', 'One of two hosts in a /31 or a /30 has a peer.');
  return it.value ^ 3n;
}

function reverseName({ version, value }: IpNetwork): string {
  if (version === 4) return `${ipText(value, 4).split('.').reverse().join('.')}.in-addr.arpa.`;
  return `${[...value.toString(16).padStart(32, '0')].reverse().join('.')}.ip6.arpa.`;
}

const privateNetworks = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['240.0.0.0/4', '::/127', '::ffff:0:0/96', '64:ff9b:1::/48', '100::/64', '2001::/23', '2001:db8::/32'],
  ...['2002::/16', 'fc00::/7', 'fe80::/10'],
];
const multicast = ['224.0.0.0/4', 'ff00::/8'];
const isPrivate = (it: IpNetwork) => privateNetworks.some(one => isIn(it, one));
const isMulticast = (it: IpNetwork) => multicast.some(one => isIn(it, one));
const host: Query = it => (isHost(it) ? (it.hasPrefix ? cidr(it) : address(it)) : undefined);
const wildcard: Query = it => textAt(it, sizeOf(it) - 1n);
const loopback = within('127.0.0.0/8', '::1/128');

const queries: { readonly [name: string]: Query } = {
  '': it => (it.hasPrefix ? cidr(it) : address(it)),
  address: it => (isHost(it) || it.version === 6 ? address(it) : undefined),
  bool: () => true,
  broadcast: it => (sizeOf(it) > 2n ? textAt(it, lastOf(it)) : undefined),
  cidr,
  first_usable: ofNetwork(it => usable(it)[0]),
  host: it => (sizeOf(it) === 1n ? cidr(it) : host(it)),
  'host/prefix': it =>
    sizeOf(it) > 2n && [firstOf(it), lastOf(it)].includes(it.value) ? undefined : cidr(it),
  hostmask: wildcard,
  int: it => (it.hasPrefix ? `${it.value}/${it.prefix}` : wholeNumber(it.value)),
  'ip/prefix': it => (sizeOf(it) > 1n && isHost(it) ? cidr(it) : undefined),
  ip_netmask: it => (sizeOf(it) > 1n && isHost(it) ? `${address(it)} ${textAt(it, mask(it))}` : undefined),
  ipv4: keeps(it => it.version === 4),
  ipv6: keeps(it => it.version === 6),
  last_usable: ofNetwork(it => usable(it)[1]),
  'link-local': within('169.254.0.0/16', 'fe80::/10'),
  loopback,
  multicast: keeps(isMulticast),
  net: it => (isNetwork(it) ? cidr(it) : undefined),
  netmask: it => textAt(it, mask(it)),
  network,
  network_netmask: it => `${network(it)} ${textAt(it, mask(it))}`,
  network_wildcard: it => `${network(it)} ${wildcard(it)}`,
  next_usable: ofNetwork(it => beside(it, 1n)),
  peer: ofNetwork(peer),
  prefix: it => it.prefix,
  previous_usable: ofNetwork(it => beside(it, -1n)),
  private: keeps(isPrivate),
  public: keeps(it => !isPrivate(it) && !isMulticast(it)),
  range_usable: ofNetwork(it =>
    usable(it)
      .map(value => textAt(it, value))
      .join('-'),
  ),
  revdns: reverseName,
  size: it => wholeNumber(sizeOf(it)),
  size_usable: it => wholeNumber(sizeOf(it) > 2n ? sizeOf(it) - 2n : sizeOf(it) === 2n ? 2n : 0n),
  subnet: it => `${network(it)}/${it.prefix}`,
  type: it => (isNetwork(it) ? 'network' : 'address'),
  unicast: keeps(it => !isMulticast(it)),
  version: it => it.version,
  wrap: it => (it.version === 4 ? it.written : `[${address(it)}]${it.hasPrefix ? `/${it.prefix}` : ''}`),
};

/** Other names of queries. */
const sameQueries: { readonly [name: string]: string } = {
  ...{ ip: 'address', lo: 'loopback', v4: 'ipv4', v6: 'ipv6', wildcard: 'hostmask', network_id: 'network' },
  ...{
    'network/prefix': 'subnet',
    'address/prefix': 'host/prefix',
    gateway: 'host/prefix',
    gw: 'host/prefix',
  },
  ...{ router: 'host/prefix', hostnet: 'host/prefix' },
};

function wholeNumber(value: bigint): number {
  return exact(Number(value));
}

/** Returns an address; a whole number is one of version 4, or else of version 6. */
function given(written: string): Given | undefined {
  if (!/^\d+$/.test(written)) {
    const read = ipNetwork(written);
    return read && { ...read, written, hasPrefix: written.includes('/') };
  }
  const value = BigInt(written);
  if (value >= 1n << 128n) return undefined;
  const version = value < 1n << 32n ? 4 : 6;
  const as = { version, value, prefix: version === 4 ? 32 : 128 } as const;
  return { ...as, written: cidr(as), hasPrefix: false };
}

/** The address of a network at a place; a negative one counts from the end. */
function atPlace(it: Given, place: number): Value {
  if (sizeOf(it) === 1n) return it.hasPrefix ? cidr(it) : address(it);
  const value = place < 0 ? lastOf(it) + 1n + BigInt(place) : firstOf(it) + BigInt(place);
  return value < firstOf(it) || value > lastOf(it) ? false : `${textAt(it, value)}/${it.prefix}`;
}

function asked(written: string, query: string, version: 4 | 6 | undefined): Value {
  const it = given(written);
  if (it === undefined || (version !== undefined && it.version !== version)) return false;
  const name = sameQueries[query] ?? query;
  if (Object.hasOwn(queries, name)) return queries[name]!(it) ?? null;
  if (/^-?\d+$/.test(query)) return atPlace(it, Number(query));
  const outer = ipNetwork(query);
  if (outer !== undefined) return isInside({ ...it, prefix: it.prefix }, outer) ? it.written : false;
  throw new Refusal(
    `query: there is no query "${query}"`,
    `Take a network, a number, or one of ${Object.keys(queries)
      .filter(one => one !== '')
      .join(', ')}.`,
  );
}

function addressFilter(version?: 4 | 6): Operation {
  const one = operation(text, { query: text.or('') }, (value, { query }) => asked(value, query, version));
  return operation(any, { query: text.or('') }, (value, { query }, run) => {
    const inner = { positional: [query], named: new Map() };
    const it = known(value);
    if (!Array.isArray(it))
      return typeof it === 'object' && it !== null && !('parts' in it)
        ? refused()
        : one.apply(it, inner, run);
    const results = elementsOf(it, run.budget).map(element => one.apply(element, inner, run) as Value);
    return results.filter(result => result !== false && result !== null);
  });
}

function refused(): never {
  throw new Refusal('a map is not an address');
}

/** `network | ipsubnet(length, index)`: the number of subnets of this length, or one of them; a larger one around an address. */
function subnets(value: string, query: string, index: number | undefined): Value {
  const it = given(value);
  if (it === undefined) return false;
  const own = { ...it, value: firstOf(it) };
  if (query === '') return cidr(own);
  if (!/^\d+$/.test(query)) return placeIn(own, query);
  const [length, bits] = [Number(query), bitsOf(own)];
  if (length > bits) return false;
  const within = (prefix: number, at: bigint) => cidr({ ...own, prefix, value: at });
  if (own.prefix === bits) {
    // The networks around an address, from the largest; without an index the one of the asked length.
    const prefix = index === undefined ? length : index < 0 ? bits + index : length + index;
    if (prefix < length || prefix >= bits) return prefix === bits && length === bits ? cidr(own) : false;
    return within(prefix, firstOf({ ...own, prefix }));
  }
  if (length < own.prefix) throw new Refusal(`a /${own.prefix} has no subnets of /${length}`);
  const count = 1n << BigInt(length - own.prefix);
  if (index === undefined) return String(count);
  const place = index < 0 ? BigInt(index) + count : BigInt(index);
  if (place < 0n || place >= count) return false;
  return within(length, own.value + (place << BigInt(bits - length)));
}

/** The place of a network among the networks of its size in another one, from 1. */
function placeIn(own: IpNetwork, query: string): Value {
  const outer = ipNetwork(query);
  if (outer === undefined) throw new Refusal(`query: "${query}" is neither a length nor a network`);
  if (!isInside(own, outer)) throw new Refusal(`${cidr(own)} is not in ${network(outer)}/${outer.prefix}`);
  return String(((own.value - firstOf(outer)) >> BigInt(bitsOf(own) - own.prefix)) + 1n);
}

/** The filters for addresses, with the queries of Ansible's `ansible.utils`. */
export const addressFilters: { [name: string]: Operation } = {
  ipaddr: addressFilter(),
  ipv4: addressFilter(4),
  ipv6: addressFilter(6),
  ipwrap: operation(text, {}, value =>
    given(value) === undefined ? value : asked(value, 'wrap', undefined),
  ),
  ipsubnet: operation(text, { query: text.or(''), index: integer.maybe() }, (value, { query, index }) =>
    subnets(value, query, index),
  ),
};
