import { leaseText } from '../lease.ts';
import { pad } from '../report/columns.ts';
import { lineView } from '../report/view.ts';
import { askHosts, type FleetSettings, runAsEach } from './fleet.ts';
import type { Io } from './io.ts';

/** Shows the holders of the leases of hosts, or releases the leases: one line for each host. */
export async function lock(
  action: 'status' | 'release',
  pattern: string,
  settings: FleetSettings,
  io: Io,
): Promise<number> {
  const { shownLease } = await import('../hosts/host-lease.ts');
  const [script, what] =
    action === 'status' ? ['r_show', 'Reading the lease'] : ['r_drop', 'Releasing the lease'];
  const { answers, exitCode } = await askHosts(pattern, settings, io, async (host, connect) => {
    const leases = await runAsEach(host, connect, script, what);
    return leases.flatMap(text => shownLease(text) ?? []);
  });
  const width = Math.max(0, ...answers.map(([name]) => name.length)) + 2;
  for (const [name, leases] of answers) {
    const words = leases.map(lease =>
      action === 'status' ? `held by ${leaseText(lease)}` : `released, was held by ${leaseText(lease)}`,
    );
    for (const text of words.length > 0 ? words : ['free'])
      io.stdout.write(lineView(`${pad(name, width)}${text}`, io.redactor) + '\n');
  }
  return exitCode;
}
