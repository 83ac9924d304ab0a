import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Release } from '../lab/releases.ts';
import { describeLab } from '../lab/require.ts';
import { build, type Ran, reconcile } from './reconcile.ts';
import { type Expectation, type Situation, situations } from './situation.ts';
import { type Name, openHosts, type SituationHosts } from './situation-hosts.ts';
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

type Way = 'applied' | 'applied by a saved plan';
const ways: readonly Way[] = ['applied', 'applied by a saved plan'];
const triesAll = process.env['SITUATIONS'] === 'all';
/** `npm test` takes a random half of the situations. */
const seed = triesAll ? undefined : process.env['FUZZ_SEED'];

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

/** With SITUATIONS=all each way on each release; otherwise at most one way on one release. */
function triesOf({ name, releases, expect }: Situation): [Way, Release][] {
  // A failure ends before the ways part.
  const isDone = expect.kind === 'works' || expect.kind === 'either';
  const all = ways
    .slice(0, isDone ? 2 : 1)
    .flatMap(way => releases.map((release): [Way, Release] => [way, release]));
  if (triesAll) return all;
  // By the name, so that a new situation leaves the others where they are.
  const sum = createHash('sha256').update(name).digest().readUInt32BE();
  const isLeftOut =
    seed !== undefined && createHash('sha256').update(`${seed} ${name}`).digest()[0]! % 2 === 1;
  return isLeftOut ? [] : [all[sum % all.length]!];
}

describeLab('situations on real hosts', () => {
  let hosts: SituationHosts;
  beforeAll(async () => {
    hosts = await openHosts();
  });
  afterAll(() => hosts?.close());

  for (const situation of online) {
    for (const [way, release] of triesOf(situation)) {
      it.concurrent(`${titleOf(situation)} (${way}, ${release})`, () =>
        hosts.withHost(name => live(situation, way, release, name)));
    }
  }

  async function live(situation: Situation, way: Way, release: Release, name: Name): Promise<void> {
    await hosts.begin(name, release, situation);
    const place = lay(situation, hosts.inventoryOf(name));
    expect(await complaintsOf(situation.expect, way, name, place)).toEqual([]);
  }

  async function complaintsOf(wanted: Expectation, way: Way, name: Name, place: string): Promise<string[]> {
    const run = (...args: string[]) => reconcile(place, [...args, '--json']);
    if (wanted.kind === 'either') {
      const { exit } = await run('apply', 'play.yml', '--check');
      const works = exit === 0 || exit === 2;
      const seen = works
        ? { kind: 'works', check: {}, signs: {}, restless: [] }
        : { ...wanted, kind: 'stopped' };
      return complaintsOf(seen as Expectation, way, name, place);
    }
    if (wanted.kind === 'works') return worksComplaints(wanted, way, name, run, place);
    if (wanted.kind === 'refused') throw new Error('a refusal needs no host');
    return failingComplaints(wanted, name, run);
  }

  type Run = (...args: string[]) => Promise<Ran>;

  async function worksComplaints(
    wanted: Extract<Expectation, { kind: 'works' }>,
    way: Way,
    name: Name,
    run: Run,
    place: string,
  ): Promise<string[]> {
    const isSaved = way === 'applied by a saved plan';
    const before = await hosts.files(name);
    const checked = isSaved
      ? await run('plan', 'play.yml', '-o', 'plan.json')
      : await run('apply', 'play.yml', '--check');
    const after = await hosts.files(name);
    const complaints = [
      ...(after === before ? [] : ['the check changed something on the host']),
      ...checkComplaints(checked, name, wanted.check),
      ...(await signComplaints(wanted.signs, place)),
    ];
    if (checked.exit !== 0 && checked.exit !== 2) return complaints;
    const applied = await run('apply', isSaved ? 'plan.json' : 'play.yml');
    complaints.push(...applyComplaints(checked, applied, name));
    const { restless } = wanted;
    const again = await run('apply', 'play.yml');
    complaints.push(...restComplaints(again, name, { what: 'the second apply', restless }));
    if (triesAll) {
      const rest = await run('apply', 'play.yml', '--check');
      complaints.push(...restComplaints(rest, name, { what: 'the last check', restless }));
    }
    return complaints;
  }

  /** The sign at the beginning of the resource's line. */
  async function signComplaints(signs: Readonly<Record<string, string>>, place: string): Promise<string[]> {
    if (Object.keys(signs).length === 0) return [];
    const { stdout } = await reconcile(place, ['apply', 'play.yml', '--check']);
    const lines = stdout.split('\n').map(line => line.trim());
    return Object.entries(signs).flatMap(([resource, sign]) => {
      const line = lines.find(each => each.slice(1).trim().startsWith(resource));
      return line?.startsWith(sign) ? [] : [`${resource}: no "${sign}" but "${line ?? 'nothing'}"`];
    });
  }

  async function failingComplaints(
    wanted: Extract<Expectation, { kind: 'blocked' | 'stopped' | 'fails' }>,
    name: Name,
    run: Run,
  ): Promise<string[]> {
    const before = await hosts.everything(name);
    const checked = await run('apply', 'play.yml', '--check');
    const applied = await run('apply', 'play.yml');
    if (wanted.kind === 'fails') return failureComplaints(checked, applied, name, wanted);
    const after = await hosts.everything(name);
    const complaints =
      wanted.kind === 'stopped'
        ? stoppedComplaints(wanted, checked, applied)
        : blockedComplaints(checked, applied, name, wanted);
    return [...(after === before ? [] : ['something was changed on the host']), ...complaints];
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
