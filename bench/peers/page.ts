/** Writes the results of `bench/peers.ts` as docs/benchmarks.md. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from '../../test/lab/command.ts';
import { own, type Tool, tools, versions } from './tools.ts';

/** One run of a tool. `processor` is the time of the controller's processors, in seconds as well. */
export interface Sample {
  seconds: number;
  processor: number;
}

/** The runs in one situation, by the names of tools. */
export interface Column {
  hosts: number;
  /** The round trip that is added, in milliseconds. */
  ms: number;
  results: Map<string, Sample[]>;
}

interface Measured {
  columns: readonly Column[];
  first: Column;
  /** Sentences about tools whose runs or results were not as they should be. */
  faults: ReadonlySet<string>;
  missing: ReadonlySet<keyof typeof versions>;
  /** The load average of the machine, at the start and at the end. */
  load: readonly [string, string];
}

const sorted = (column: Column, { name }: Tool, part: keyof Sample) =>
  (column.results.get(name) ?? []).map(sample => sample[part]).sort((a, b) => a - b);
/** Returns the mean of the two values in the middle if their number is even, and NaN for no values. */
function median(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  return (values[Math.floor(middle)]! + values[Math.ceil(middle)]!) / 2;
}
const shown = (seconds: number) => seconds.toFixed(seconds < 10 ? 2 : 1);

type Cell = (column: Column, tool: Tool) => string;
const withSpread =
  (part: keyof Sample): Cell =>
  (column, tool) => {
    const values = sorted(column, tool, part);
    return values.length === 0
      ? 'not measured'
      : `${shown(median(values))} (${shown(values[0]!)}–${shown(values.at(-1)!)})`;
  };
/** A median as a multiple of reconcile's. */
const multiple: Cell = (column, tool) => {
  const [theirs, mine] = [tool, own].map(each => median(sorted(column, each, 'seconds')));
  return Number.isNaN(theirs!) ? 'not measured' : (theirs! / mine!).toFixed(theirs! < 10 * mine! ? 1 : 0);
};

const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
const title = ({ hosts, ms }: Column) => `${hosts} ${hosts === 1 ? 'host' : 'hosts'}, ${ms} ms`;
const table = (columns: readonly Column[], cell: Cell, rows = tools) =>
  [
    row(['', ...columns.map(title)]),
    row(['---', ...columns.map(() => '---:')]),
    ...rows.map(tool => row([tool.name, ...columns.map(column => cell(column, tool))])),
  ].join('');

const output = async (...argv: [string, ...string[]]) => {
  const { stdout, stderr } = await run(argv);
  return (stdout || stderr).trim();
};

async function versionsTable(missing: Measured['missing']): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));
  const found = {
    reconcile: `${version}, Node ${process.versions.node}`,
    ...Object.fromEntries(
      (Object.keys(versions) as (keyof typeof versions)[]).map(name => [
        name,
        missing.has(name) ? `${versions[name]} could not be installed, and is not measured` : versions[name],
      ]),
    ),
    Python: (await output('python3', '--version')).replace('Python ', ''),
    OpenSSH: (await output('ssh', '-V')).replace(/^OpenSSH_(\S+).*/s, '$1'),
  };
  const rows = Object.entries(found).map(cells => row(cells));
  return [row(['program', 'version on the controller']), row(['---', '---']), ...rows].join('');
}

/** Returns the text of the page. */
export async function page({ columns, first, faults, missing, load }: Measured): Promise<string> {
  const runs = (column: Column) => [...column.results.values()][0]!.length;
  const changing = tools.slice(1);
  return `<!-- Written by bench/peers.ts. -->

# Benchmarks

How long do reconcile, pyinfra and Ansible take for the same stack, beside \`ssh HOST true\` and a shell script?
\`npx tsx bench/peers.ts\` in a clone of the repository installs the peers with pip in a folder of their own, starts hosts with
Debian 12, measures and writes this page. It needs root on Debian or Ubuntu, and Python with \`venv\`.

The stack has nine resources: two packages, two folders, a link, two templates, a file, a systemd unit and its running
service. \`bench/peers/\` holds it as a playbook of reconcile, a playbook of Ansible, a deploy of pyinfra and a shell script.

Measured on ${new Date().toISOString().slice(0, 10)}, on a machine with ${availableParallelism()} processor cores that the controller and all hosts share.
The load average of the machine was ${load[0]} at the start and ${load[1]} at the end. About 0 at the start means an idle machine; a
higher one, that other programs made all times longer.

${await versionsTable(missing)}
- The tools run in turns, one run at a time. Cells show the median in seconds, with the minimum and the maximum.
- The round trip is added between the controller and each host. A new TCP connection does not wait for it.
- Each run opens its own connections. The connections that Ansible keeps open for a minute are closed after each run, outside
  of the time.
- All log in as an account with sudo. Hosts have Python and python3-apt, which only Ansible needs.
- Ansible runs with pipelining, 50 forks, a set interpreter and no gathering of facts; with Mitogen also with its strategy
  \`mitogen_linear\`. pyinfra runs with \`-y\`, which skips its separate detection of changes. reconcile runs with
  \`--no-diff\`, since the others show no diffs.

## Nothing to do

The hosts are in the declared state. Medians and spread of ${runs(columns[0]!)} runs:

${table(columns, withSpread('seconds'))}
The same medians as multiples of reconcile's. Numbers below 1 are faster than reconcile:

${table(columns, multiple)}
Processor time in seconds, of the programs on the controller that end with the run:

${table(columns, withSpread('processor'))}
## First run

The hosts have none of the resources, and current package lists. Medians and spread of ${runs(first)} runs:

${table([first], withSpread('seconds'), changing)}
The same medians as multiples of reconcile's:

${table([first], multiple, changing)}
reconcile's time includes the 3 s of \`settle\`, for which it watches the new service. The others do not look at the service
again after its start. reconcile also reads every changed resource again.

## Were the results the same?

${
  faults.size === 0
    ? `Yes. After each first run, the shell script found nothing to change on any host. With nothing to do, every tool reported no
change in each run.`
    : [...faults].map(fault => `- ${fault}`).join('\n')
}

## What the numbers do not show

- **Larger playbooks.** Each task of Ansible and each operation of pyinfra adds time, and so does each round trip. The stack
  is small, which favours both.
- **More hosts.** On two cores, four hosts at once mostly measure the machine. So the time for many hosts is that of the
  processor.
- **Real networks.** The round trip is constant. Bandwidth is not limited and no packet is lost.
- **Kept connections.** Ansible without Mitogen reuses its connections if it runs again within a minute.
- **Facts.** A playbook of Ansible that uses facts gathers them first.
- **The value of a run.** The shell script has no check, no diff and no error message, and holds for this stack only.
`;
}
