import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeLab } from '../lab/require.ts';
import { build, type Ran, reconcile } from './reconcile.ts';
import { type Expectation, type Situation, situations } from './situation.ts';
import { openPairs, type Pair, type Pairs } from './situation-hosts.ts';
import {
  applyComplaints,
  blockedComplaints,
  checkComplaints,
  failureComplaints,
  restComplaints,
  said,
  saidComplaints,
} from './situation-law.ts';

const { all, unreadable } = situations();
const offline = all.filter(({ expect }) => expect.kind === 'refused');
const online = all.filter(({ expect, releases }) => expect.kind !== 'refused' && releases.length > 0);

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

it.each([...unreadable])('%s is a situation', (_, error) => {
  throw error;
});

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

describeLab('situations on real hosts', () => {
  let hosts: Pairs;
  beforeAll(async () => {
    hosts = await openPairs();
  });
  afterAll(() => hosts?.close());

  for (const turn of turns) {
    for (const situation of online) {
      const other = turn === 0 ? '' : ', the other way round';
      it.concurrent(`${titleOf(situation)}${other}`, () =>
        hosts.withPair(pair => live(situation, turn, pair)));
    }
  }

  async function live(situation: Situation, turn: number, pair: Pair): Promise<void> {
    const { name: title, releases } = situation;
    // By the name, so that a new situation leaves the others where they are.
    const first = turn + [...title].reduce((sum, letter) => sum + letter.charCodeAt(0), 0);
    const ofPair = pair.map((_, at) => releases[(first + at) % releases.length]!);
    await Promise.all(pair.map((name, at) => hosts.begin(name, ofPair[at]!, situation)));
    const place = lay(situation, hosts.inventoryOf(pair));
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
    if (wanted.kind === 'refused') throw new Error('a refusal needs no host');
    return failingComplaints(wanted, pair, run);
  }

  type Run = (...args: string[]) => Promise<Ran>;
  const of = (name: Pair[number], complaints: readonly string[]) =>
    complaints.map(each => `${name}: ${each}`);

  /** On one host the playbook itself is applied, on the other one a plan that was saved of the same state. */
  async function worksComplaints(
    wanted: Extract<Expectation, { kind: 'works' }>,
    [plain, saved]: Pair,
    run: Run,
    place: string,
  ): Promise<string[]> {
    const { restless } = wanted;
    const before = await hosts.files(plain);
    const [checked, planned] = await Promise.all([
      run('apply', 'play.yml', '--check', '-l', plain),
      run('plan', 'play.yml', '-l', saved, '-o', 'plan.json'),
    ]);
    const after = await hosts.files(plain);
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

  /** The sign at the beginning of the resource's line. */
  async function signComplaints(
    signs: Readonly<Record<string, string>>,
    name: Pair[number],
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

  async function failingComplaints(
    wanted: Extract<Expectation, { kind: 'blocked' | 'stopped' | 'fails' }>,
    pair: Pair,
    run: Run,
  ): Promise<string[]> {
    const states = () => Promise.all(pair.map(hosts.everything));
    const before = await states();
    const checked = await run('apply', 'play.yml', '--check');
    const applied = await run('apply', 'play.yml');
    if (wanted.kind === 'fails')
      return pair.flatMap(name => of(name, failureComplaints(checked, applied, name, wanted)));
    const after = await states();
    const moved = pair.filter((_, at) => after[at] !== before[at]);
    const complaints =
      wanted.kind === 'stopped'
        ? stoppedComplaints(wanted, checked, applied)
        : pair.flatMap(name => of(name, blockedComplaints(checked, applied, name, wanted)));
    return [...moved.map(name => `${name}: something was changed on the host`), ...complaints];
  }

  function stoppedComplaints(
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
