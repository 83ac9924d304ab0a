import { isIP } from 'node:net';

/** Returns the version of an address, or 0 if a text is no address. */
export const ipVersion = (text: string): 0 | 4 | 6 => isIP(text) as 0 | 4 | 6;

/** Returns an address in its shortest spelling, so that equal addresses are equal texts. A zone keeps its spelling. */
export const normalIp = (ip: string): string =>
  ipVersion(ip) === 6 && !ip.includes('%')
    ? new URL(`http://[${ip}]`).hostname.slice(1, -1)
    : ip.toLowerCase();
