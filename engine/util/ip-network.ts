import { ipVersion, normalIp } from './ip-address.ts';

/** An address with the length of its network's prefix, as `192.0.2.7/24` means it. */
export interface IpNetwork {
  readonly version: 4 | 6;
  /** The address as a number. */
  readonly value: bigint;
  readonly prefix: number;
}

/** The number of bits of an address. */
export const bitsOf = ({ version }: Pick<IpNetwork, 'version'>): number => (version === 4 ? 32 : 128);
/** The number of addresses. */
export const sizeOf = (it: IpNetwork): bigint => 1n << BigInt(bitsOf(it) - it.prefix);
/** The first address. */
export const firstOf = (it: IpNetwork): bigint => it.value & ~(sizeOf(it) - 1n);
/** The last address. */
export const lastOf = (it: IpNetwork): bigint => firstOf(it) + sizeOf(it) - 1n;
/** Whether all addresses of `inner` are in `outer`. */
export const isInside = (inner: IpNetwork, outer: IpNetwork): boolean =>
  inner.version === outer.version && firstOf(inner) >= firstOf(outer) && lastOf(inner) <= lastOf(outer);

/** Returns an address, or an address with `/PREFIX` or `/NETMASK`; undefined for any other text. */
export function ipNetwork(text: string): IpNetwork | undefined {
  const [address = '', length, ...more] = text.trim().split('/');
  const version = ipVersion(address);
  if (version === 0 || more.length > 0 || address.includes('%')) return undefined;
  const value = numberOf(address, version);
  const bits = bitsOf({ version });
  const prefix = length === undefined ? bits : prefixOf(length, version);
  return prefix === undefined || prefix > bits ? undefined : { version, value, prefix };
}

function numberOf(address: string, version: 4 | 6): bigint {
  if (version === 4) return address.split('.').reduce((sum, octet) => sum * 256n + BigInt(Number(octet)), 0n);
  const [head = '', tail] = normalIp(address).split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const [front, back] = [groups(head), groups(tail ?? '')];
  const all = [...front, ...Array<string>(8 - front.length - back.length).fill('0'), ...back];
  return all.reduce((sum, group) => sum * 65536n + BigInt(Number.parseInt(group, 16)), 0n);
}

function prefixOf(length: string, version: 4 | 6): number | undefined {
  if (/^\d{1,3}$/.test(length)) return Number(length);
  if (ipVersion(length) !== version) return undefined;
  const bits = bitsOf({ version });
  const mask = numberOf(length, version).toString(2).padStart(bits, '0');
  return /^1*0*$/.test(mask) ? mask.replace(/0+$/, '').length : undefined;
}

/** Returns an address by its number, in its shortest spelling. */
export function ipText(value: bigint, version: 4 | 6): string {
  const part = (bits: number, index: number) =>
    Number((value >> BigInt(bits * index)) & ((1n << BigInt(bits)) - 1n));
  if (version === 4) return [3, 2, 1, 0].map(index => part(8, index)).join('.');
  if (value >> 32n === 0xffffn) return `::ffff:${ipText(value & 0xffffffffn, 4)}`;
  return normalIp([7, 6, 5, 4, 3, 2, 1, 0].map(index => part(16, index).toString(16)).join(':'));
}
