import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Release } from '../lab/base.ts';
import { waitFor } from '../lab/command.ts';
import { type HostStart, type Lab, openLab } from '../lab/lab.ts';
import { describeLab } from '../lab/require.ts';
import { build, type Ran, reconcile } from './reconcile.ts';
import { type Expectation, layers, type Situation, situations } from './situation.ts';
import {
  applyComplaints,
  blockedComplaints,
  checkComplaints,
  failureComplaints,
  restComplaints,
  said,
  saidComplaints,
} from './situation-law.ts';

const all = situations();
const offline = all.filter(({ expect }) => expect.kind === 'refused');
const online = all.filter(({ expect }) => expect.kind !== 'refused');

/** With SITUATIONS=all each way of applying is tried on each release; otherwise the two share the releases. */
const turns = process.env['SITUATIONS'] === 'all' ? [0, 1] : [0];

let folder: string;
beforeAll(() => {
  build();
  folder = mkdtempSync(join(tmpdir(), 'reconcile-situations-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a situation's files and an inventory to a folder of its own. */
function lay({ name, files }: Situation, inventory: Readonly<Record<string, unknown>>): string {
  const place = mkdtempSync(join(folder, `${name}-`));
  for (const [path, text] of Object.entries({ ...files, 'inventory.yml': JSON.stringify(inventory) })) {
    mkdirSync(dirname(join(place, path)), { recursive: true });
    writeFileSync(join(place, path), text);
  }
  return place;
}

// Nothing answers there, and nothing may be asked.
const nobody = { hosts: { web1: { address: '127.0.0.1', port: 1, user: 'deploy' } } };

for (const situation of offline) {
  it(titleOf(situation), async () => {
    const place = lay(situation, nobody);
    const checked = await reconcile(place, ['apply', 'play.yml', '--check', '--json']);
    const validated = await reconcile(place, ['validate', 'play.yml']);
    expect(refusedComplaints(situation, checked, validated)).toEqual([]);
  });
}

function titleOf({ name, title }: Situation): string {
  return `${name}: ${title}`;
}

function refusedComplaints({ expect: wanted }: Situation, checked: Ran, validated: Ran): string[] {
  if (wanted.kind !== 'refused') return [];
  const told = said(checked);
  const isCoded = wanted.codes.length === 0 || wanted.codes.some(code => told.includes(`[${code}]`));
  return [
    ...(checked.exit === 3 ? [] : [`the check exits ${checked.exit}, not 3`]),
    ...(validated.exit === 3 ? [] : [`validate exits ${validated.exit}, not 3`]),
    ...(isCoded ? [] : [`no problem has the code ${wanted.codes.join(' or ')}`]),
    ...saidComplaints(checked, wanted.says, wanted.lines, 'the check'),
  ];
}

type Name = 'a1' | 'a2' | 'b1' | 'b2';
type Pair = readonly [Name, Name];

describeLab('situations on real hosts', () => {
  let lab: Lab<Name>;
  /** Pairs of hosts that no situation uses now, and who waits for one. */
  const free: Pair[] = [];
  const waiting: ((pair: Pair) => void)[] = [];

  beforeAll(async () => {
    const states: Record<string, HostStart> = {};
    for (const release of ['bookworm', 'trixie'] as const) {
      states[`${release} blank`] = release;
      for (const [layer, prepared] of Object.entries(layers()))
        states[`${release} ${layer}`] = { release, prepared };
    }
    lab = await openLab({ hosts: { a1: 'bookworm', a2: 'trixie', b1: 'bookworm', b2: 'trixie' }, states });
    free.push(['a1', 'a2'], ['b1', 'b2']);
  });
  afterAll(() => lab?.close());

  async function withPair(work: (pair: Pair) => Promise<void>): Promise<void> {
    const pair = free.shift() ?? (await new Promise<Pair>(resolve => waiting.push(resolve)));
    try {
      await work(pair);
    } finally {
      const next = waiting.shift();
      if (next) next(pair);
      else free.push(pair);
    }
  }

  const on = async (name: Name, script: string): Promise<string> => {
    const { code, stdout, stderr } = await lab.exec(name, `set -e\n${script}`);
    if (code !== 0) throw new Error(`${script}\nexited ${code}: ${stderr}`);
    return stdout;
  };

  /** Brings a host to a situation's start. */
  async function begin(name: Name, release: Release, { layer, start }: Situation): Promise<void> {
    await lab.restore(name, `${release} ${layer}`);
    // What is still being started would be another state a moment later.
    await waitFor(`${name} is up`, 60_000, async () => {
      const { stdout } = await lab.exec(name, 'systemctl is-system-running; systemctl list-jobs --no-legend');
      return /^(running|degraded)\s*(No jobs running\.)?\s*$/.test(stdout) || undefined;
    });
    if (start) await on(name, start);
  }

  const inventoryOf = (names: readonly Name[]) => ({
    hosts: Object.fromEntries(
      names.map(name => {
        const { address, port, user, hostKey } = lab.hosts[name];
        return [name, { address, port, user, identity_file: lab.identityFile, host_key: hostKey }];
      }),
    ),
  });

  const cases = turns.flatMap(turn => online.map((situation, at) => ({ ...situation, turn: turn + at })));
  for (const situation of cases)
    it.concurrent(titleOf(situation), () => withPair(pair => live(situation, pair)));

  async function live(situation: Situation & { turn: number }, pair: Pair): Promise<void> {
    const { releases, turn } = situation;
    const ofPair = pair.map((_, at) => releases[(turn + at) % releases.length]!);
    await Promise.all(pair.map((name, at) => begin(name, ofPair[at]!, situation)));
    const place = lay(situation, inventoryOf(pair));
    const complaints = await complaintsOf(situation.expect, pair, place);
    const where = (complaint: string) =>
      complaint.replace(/^(..):/, (_, name) => `${ofPair[pair.indexOf(name)]}:`);
    expect(complaints.map(where)).toEqual([]);
  }

  async function complaintsOf(wanted: Expectation, pair: Pair, place: string): Promise<string[]> {
    const run = (...args: string[]) => reconcile(place, [...args, '--json']);
    if (wanted.kind === 'either') {
      const { exit } = await run('apply', 'play.yml', '--check');
      const works = exit === 0 || exit === 2;
      const seen = works
        ? { kind: 'works', check: {}, signs: {}, restless: [] }
        : { ...wanted, kind: 'stopped' };
      return complaintsOf(seen as Expectation, pair, place);
    }
    if (wanted.kind === 'works') return worksComplaints(wanted, pair, run, place);
    return stoppedComplaints(wanted, pair, run);
  }

  type Run = (...args: string[]) => Promise<Ran>;
  const of = (name: Name, complaints: readonly string[]) => complaints.map(each => `${name}: ${each}`);

  /** On one host the playbook itself is applied, on the other one a plan that was saved of the same state. */
  async function worksComplaints(
    wanted: Extract<Expectation, { kind: 'works' }>,
    [plain, saved]: Pair,
    run: Run,
    place: string,
  ): Promise<string[]> {
    const { restless } = wanted;
    const before = await on(plain, fileSystem);
    const [checked, planned] = await Promise.all([
      run('apply', 'play.yml', '--check', '-l', plain),
      run('plan', 'play.yml', '-l', saved, '-o', 'plan.json'),
    ]);
    const after = await on(plain, fileSystem);
    const complaints = [
      ...(after === before ? [] : [`${plain}: the check changed something on the host`]),
      ...of(plain, checkComplaints(checked, plain, wanted.check)),
      ...of(saved, checkComplaints(planned, saved, wanted.check)),
      ...(await signComplaints(wanted.signs, plain, place)),
    ];
    if (![checked.exit, planned.exit].every(exit => exit === 0 || exit === 2)) return complaints;
    const [applied, done] = await Promise.all([
      run('apply', 'play.yml', '-l', plain),
      run('apply', 'plan.json'),
    ]);
    complaints.push(...of(plain, applyComplaints(checked, applied, plain)));
    complaints.push(
      ...of(
        saved,
        applyComplaints(planned, done, saved).map(each => `by the plan, ${each}`),
      ),
    );
    const again = await run('apply', 'play.yml');
    for (const name of [plain, saved])
      complaints.push(...of(name, restComplaints(again, name, { what: 'the second apply', restless })));
    if (turns.length > 1) {
      const rest = await run('apply', 'play.yml', '--check');
      for (const name of [plain, saved])
        complaints.push(...of(name, restComplaints(rest, name, { what: 'the last check', restless })));
    }
    return complaints;
  }

  /** How people see it: the sign at the beginning of the resource's line. */
  async function signComplaints(
    signs: Readonly<Record<string, string>>,
    name: Name,
    place: string,
  ): Promise<string[]> {
    if (Object.keys(signs).length === 0) return [];
    const { stdout } = await reconcile(place, ['apply', 'play.yml', '--check', '-l', name]);
    const lines = stdout.split('\n').map(line => line.trim());
    return Object.entries(signs).flatMap(([resource, sign]) => {
      const line = lines.find(each => each.slice(1).trim().startsWith(resource));
      return line?.startsWith(sign) ? [] : [`${name}: ${resource}: no "${sign}" but "${line ?? 'nothing'}"`];
    });
  }

  async function stoppedComplaints(
    wanted: Exclude<Expectation, { kind: 'works' }>,
    pair: Pair,
    run: Run,
  ): Promise<string[]> {
    const states = () => Promise.all(pair.map(name => on(name, `${fileSystem}\n${servers}`)));
    const before = await states();
    const checked = await run('apply', 'play.yml', '--check');
    const applied = await run('apply', 'play.yml');
    const after = await states();
    const moved = pair.filter((_, at) => after[at] !== before[at]);
    const untouched = wanted.kind === 'fails' ? [] : of(pair[0], []);
    if (wanted.kind !== 'fails')
      for (const name of moved) untouched.push(`${name}: something was changed on the host`);
    if (wanted.kind === 'stopped') return [...untouched, ...eitherComplaints(wanted, checked, applied)];
    return [
      ...untouched,
      ...pair.flatMap(name =>
        of(
          name,
          wanted.kind === 'blocked'
            ? blockedComplaints(checked, applied, name, wanted)
            : wanted.kind === 'fails'
              ? failureComplaints(checked, applied, name, wanted.words)
              : [],
        ),
      ),
    ];
  }

  function eitherComplaints(
    { says, lines }: Extract<Expectation, { kind: 'stopped' }>,
    checked: Ran,
    applied: Ran,
  ): string[] {
    const exits = [checked.exit, applied.exit];
    const isStopped = exits.every(exit => exit === 3) || exits.every(exit => exit === 1);
    return [
      ...(isStopped ? [] : [`the check exits ${exits[0]} and the apply ${exits[1]}`]),
      ...saidComplaints(checked, says, lines, 'the check'),
    ];
  }
});

/** Changes with everything that is written, but by services that write by themselves and by the program's own notes. */
const fileSystem = `find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/log -o -path /var/tmp \\
  -o -path /var/cache -o -path /var/lib/systemd -o -path /var/lib/postgresql -o -path /var/lib/reconcile \\) -prune \\
  -o -printf '%p %y %m %u %g %s %C@ %l\\n' | grep -v -e '^/var/lib /var ' -e '^/var/lib d' -e '^/root/\\.cache' | sort | sha256sum`;

/** What runs, and what PostgreSQL holds where it runs. */
const servers = `systemctl list-units --type=service,socket,timer --state=active --no-legend --plain | awk '{print $1, $4}' \\
    | grep -v -e '^session-' -e '^user' -e '^ssh@' -e '^systemd-' | sort
  dpkg-query -W -f '\${Package} \${Version} \${db:Status-Abbrev}\\n' | sha256sum
  if pg_isready -q 2>/dev/null; then runuser -u postgres -- pg_dumpall | grep -v restrict | sha256sum; fi`;
