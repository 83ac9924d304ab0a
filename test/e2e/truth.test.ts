import { afterAll, beforeAll, expect, it } from 'vitest';
import { modules } from '../../modules/index.ts';
import { describeLab } from '../lab/require.ts';
import { parseCase } from '../truth/case-file.ts';
import { openHosts, type TruthHost } from '../truth/hosts.ts';
import { judge } from '../truth/law.ts';
import { drawTrial, tryCase } from '../truth/trial.ts';
import { build } from './reconcile.ts';

/** The first trials of `npm run truth -- --seed sample`; a whole run has hundreds. */
const seed = 'sample';
const runs = [1, 2, 3, 4, 5, 6, 7, 8];

describeLab('the law of plans', () => {
  let hosts: TruthHost[];
  let close: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    build();
    ({ hosts, close } = await openHosts('bookworm', 2));
  });
  afterAll(() => close?.());

  it('holds for a sample of random playbooks on random hosts', async () => {
    const left = [...runs];
    const violations: unknown[] = [];
    const outcomes: string[] = [];
    const work = async (host: TruthHost) => {
      for (let run = left.shift(); run !== undefined; run = left.shift()) {
        const trial = { seed, run, shrinkBudget: 0 };
        const result = await tryCase(host, ...drawTrial(modules, trial), trial, new Set());
        outcomes.push(result.outcome);
        if (result.error !== undefined) violations.push({ run, error: result.error });
        violations.push(
          ...result.violations.map(({ sentence, kind, details }) => ({ run, sentence, kind, details })),
        );
      }
    };
    await Promise.all(hosts.map(work));
    expect(violations).toEqual([]);
    expect(outcomes).toContain('applied');
  });

  // These break the law by what they are told to do, whatever the program does: the second removes what the first makes.
  it('is violated by a playbook that never comes to rest', async () => {
    const restless = parseCase(
      `playbook:
  resources:
    - file: { path: /srv/f, content: "one\\n" }
    - command: { run: "rm /srv/f", unless: "! test -e /srv/f" }
`,
      Object.keys(modules),
    );
    const { violations } = await judge(hosts[0]!, restless, 'plain');
    expect(violations.map(({ sentence }) => sentence)).toContain('4');
  });

  it('meets each case with a host in the state of its layer and its start', async () => {
    const names = Object.keys(modules);
    const writes = parseCase('playbook: { resources: [{ file: { path: /srv/f, content: one } }] }', names);
    const first = await judge(hosts[0]!, writes, 'plain');
    const second = await judge(hosts[0]!, writes, 'saved');
    const there = await judge(hosts[0]!, { ...writes, start: ['printf one >/srv/f'] }, 'plain');
    expect([first, second, there].map(({ outcome, violations }) => [outcome, violations])).toEqual([
      ['applied', []],
      ['applied', []],
      ['silent', []],
    ]);
  });
});
