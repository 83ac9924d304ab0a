/** The section of docs/benchmarks.md about many hosts. */
import { loadavg } from 'node:os';
import type { MeasuredFleet, Use } from './measure.ts';

/** The goals: the time of the processors for a host beyond that of its login, and the peak of the memory. */
export const largestMs = 10;
export const largestMB = 150;

export function medianOf(uses: readonly Use[], part: keyof Use): number {
  const values = uses.map(use => use[part]).sort((a, b) => a - b);
  const middle = (values.length - 1) / 2;
  return (values[Math.floor(middle)]! + values[Math.ceil(middle)]!) / 2;
}

/** Returns the median time of the processors for a host beyond that of its login, in milliseconds. */
export function beyondLoginMs({ hosts, own, logins }: MeasuredFleet): number {
  return ((medianOf(own, 'processor') - medianOf(logins, 'processor')) / hosts) * 1000;
}

const title = '## One controller, many hosts\n';

/** Returns this section of the page, or an empty text if there is none. */
export function sectionIn(page: string): string {
  const start = page.indexOf(title);
  return start < 0 ? '' : page.slice(start, page.indexOf('\n## ', start) + 1);
}

/** Returns the page with a new section in place of the old one. */
export function withSection(page: string, section: string): string {
  const rest = page.replace(sectionIn(page), '');
  const at = rest.indexOf('## Were the results the same?');
  return `${rest.slice(0, at)}${section.trimEnd()}${section === '' ? '' : '\n\n'}${rest.slice(at)}`;
}

export function fleetSection(measured: MeasuredFleet): string {
  const { hosts, own, logins } = measured;
  const spread = (uses: readonly Use[], part: keyof Use, shown: (value: number) => string) => {
    const values = uses.map(use => use[part]).sort((a, b) => a - b);
    return `${shown(medianOf(uses, part))} (${shown(values[0]!)}–${shown(values.at(-1)!)})`;
  };
  const row = (name: string, uses: readonly Use[]) =>
    `| ${[
      name,
      spread(uses, 'processor', seconds => ((seconds / hosts) * 1000).toFixed(1)),
      spread(uses, 'memoryMB', megabytes => megabytes.toFixed(0)),
      spread(uses, 'seconds', seconds => seconds.toFixed(1)),
    ].join(' | ')} |\n`;
  return `${title}
\`npx tsx bench/fleet.ts\` measures one controller that applies the same stack to ${count(hosts)} hosts in the declared state, 50 at the
same time. The hosts are simulated, in processes of their own. Each is an SSH server with a key of its own. Its shell answers
the scripts of reconcile as a real host did: the same bytes after the same times, with its own name in them. The controller
does for each of them all that it does for a real host. The second row is the part that each controller with this SSH library
has: the same logins, with the command \`true\`. Medians and spread of ${own.length} runs on ${measured.date}, with a load average of ${loadavg()[0]!.toFixed(1)}:

|  | processor, ms a host | peak of the memory, MB | time, s |
| --- | ---: | ---: | ---: |
${row('reconcile', own)}${row('the logins alone', logins)}
So a host costs ${beyondLoginMs(measured).toFixed(1)} ms of the controller's processor beyond its login. The time also holds the work of the simulated hosts,
which share the processors of the machine with the controller.
`;
}

const count = (hosts: number) => hosts.toLocaleString('en');
