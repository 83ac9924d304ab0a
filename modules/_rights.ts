import { command } from '../engine/probe.ts';

/** The capabilities of root, as the kernel shows them, and nothing for another account. */
export const rights = command('[ "$(id -u)" != 0 ] || grep ^CapEff: /proc/self/status', { about: [] });

/** The numbers of capabilities(7). */
const numbers = { module: 16n, admin: 21n, time: 25n } as const;

/** Whether root has a capability: to load kernel modules, to administrate, or to set the clock. The engine finds the obstacles of other accounts. */
export function mayRoot(capability: keyof typeof numbers, status: string): boolean {
  const mask = BigInt(`0x${/[0-9a-f]+$/.exec(status.trim())?.[0] ?? '0'}`);
  return status === '' || ((mask >> numbers[capability]) & 1n) === 1n;
}
