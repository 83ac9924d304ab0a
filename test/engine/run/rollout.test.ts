import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Event } from '../../../engine/events.ts';
import { run } from '../../../engine/run/run.ts';
import type { RunOptions } from '../../../engine/run/run-options.ts';
import { loadPlaybook } from '../../../engine/validate/load-playbook.ts';
import { modules } from '../../../modules/index.ts';

let folder: string;
const at = (name: string) => join(folder, name);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rollout-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** This computer under several names, one at a time because it has one lease. */
const inventory = `
hosts: ${JSON.stringify(Object.fromEntries(['a', 'b', 'c', 'd'].map(name => [name, { transport: 'local' }])))}
groups: { app: { hosts: [a, b, c, d] } }
`;

/** Applies a playbook in which `DIR` is the folder of the test. */
async function apply(
  playbook: string,
  { onEvent, ...options }: Partial<RunOptions> & { onEvent?: (event: Event) => void } = {},
) {
  writeFileSync(at('inventory.yml'), inventory);
  writeFileSync(at('playbook.yml'), playbook.replaceAll('DIR', folder));
  const events: Event[] = [];
  const exitCode = await run({
    playbook: loadPlaybook(at('playbook.yml'), { modules }),
    check: false,
    parallel: 1,
    emit: event => {
      events.push(event);
      onEvent?.(event);
    },
    signal: new AbortController().signal,
    connect: { retryDelaysMs: [] },
    ...options,
  });
  const of = <K extends Event['event']>(kind: K) =>
    events.filter((event): event is Extract<Event, { event: K }> => event.event === kind);
  const [finished] = of('run_finished');
  const ends = Object.entries(finished!.hosts).map(([host, { status }]) => `${host} ${status}`);
  return { exitCode, of, ends, batches: of('batch_started').map(({ hosts }) => hosts.join('')) };
}

const lines = (name: string) =>
  existsSync(at(name)) ? readFileSync(at(name), 'utf8').trim().split('\n') : [];

/** A play that notes each host and fails on those named. */
const play = (rollout: string, failing = 'none', more = '') => `
hosts: app
rollout: ${rollout}
resources:
  - name: Note
    command: { run: "echo {{ host.name }} >>DIR/done", always: true }
  - name: Change
    command: { run: "case ${failing} in *{{ host.name }}*) false ;; esac", always: true }
${more}`;

describe('a roll-out', () => {
  it('works through the batches in order', async () => {
    const { exitCode, batches, of } = await apply(play('{ batches: [1, 2] }'));
    expect([exitCode, batches, lines('done')]).toEqual([0, ['a', 'bc', 'd'], ['a', 'b', 'c', 'd']]);
    expect(of('run_started')[0]?.batches).toEqual([['a'], ['b', 'c'], ['d']]);
    expect(of('batch_finished').map(({ failed }) => failed)).toEqual([[], [], []]);
  });

  it('shows its batches in a check, and begins none', async () => {
    const { exitCode, batches, of } = await apply(play('{ batches: [3] }'), { check: true });
    expect([exitCode, batches, of('run_started')[0]?.batches]).toEqual([2, [], [['a', 'b', 'c'], ['d']]]);
  });

  it('stops after one failure more than it allows', async () => {
    const { exitCode, ends, of } = await apply(play('{ batches: [1], max_failures: 1 }', 'a-b'));
    expect([exitCode, ends]).toEqual([1, ['a failed', 'b failed', 'c not_reached', 'd not_reached']]);
    expect(of('run_stopped')[0]).toMatchObject({
      why: '2 hosts failed (a, b), and max_failures is 1.',
      hosts: ['c', 'd'],
    });
  });

  it('goes on while it may, with a limit in percent', async () => {
    const { exitCode, ends } = await apply(play('{ batches: [1], max_failures: "25%" }', 'a'));
    expect([exitCode, ends]).toEqual([1, ['a failed', 'b changed', 'c changed', 'd changed']]);
  });

  it('leaves the rest of its own batch when it stops', async () => {
    const { ends } = await apply(play('{ batches: [4] }', 'b'));
    expect(ends).toEqual(['a changed', 'b failed', 'c not_reached', 'd not_reached']);
  });

  it('does not begin if a host of the plan cannot work', async () => {
    const missing =
      "  - file: { path: \"{{ '/nowhere/x' if host.name == 'd' else 'DIR/x' }}\", content: x }\n";
    const { exitCode, ends } = await apply(play('{ batches: [1] }', 'none', missing));
    const unreached = ['a', 'b', 'c'].map(name => `${name} not_reached`);
    expect([exitCode, ends.toSorted(), lines('done')]).toEqual([1, [...unreached, 'd failed'], []]);
  });

  it('asks before each batch but the first, and ends when nobody wants it', async () => {
    const asked: string[] = [];
    const confirmBatch = async (batch: number, of: number, hosts: readonly string[]) => {
      asked.push(`${batch} of ${of}: ${hosts.join(' ')}`);
      return batch < 3;
    };
    const { exitCode, ends, of } = await apply(play('{ batches: [1, 2], confirm: true }'), { confirmBatch });
    expect([exitCode, asked]).toEqual([2, ['2 of 3: b c', '3 of 3: d']]);
    expect([ends.at(-1), of('run_stopped')[0]?.why]).toEqual([
      'd not_reached',
      'The next batch was declined.',
    ]);
  });

  it('pauses between batches that change something', async () => {
    const { of } = await apply(play('{ batches: [2], pause: 1s }'));
    expect(of('batch_pause').map(({ batch, seconds }) => [batch, seconds])).toEqual([[2, 1]]);
    const quiet =
      'hosts: app\nrollout: { batches: [2], pause: 1h }\nresources:\n  - file: { path: DIR/x, content: x }\n';
    writeFileSync(at('x'), 'x');
    expect((await apply(quiet)).of('batch_pause')).toEqual([]);
  });

  it('with --confirm, plans all hosts before the question and applies in batches', async () => {
    let planned = 0;
    const { batches, of } = await apply(play('{ batches: [1, 3] }'), {
      confirm: async () => {
        planned = lines('done').length;
        return true;
      },
    });
    expect([planned, batches, of('host_plan').length]).toEqual([0, ['a', 'bcd'], 4]);
  });

  it('an interruption reaches no further batch', async () => {
    const stopped = new AbortController();
    const interrupt = (event: Event) => {
      if (event.event === 'batch_pause') stopped.abort();
    };
    const { exitCode, ends } = await apply(play('{ batches: [1], pause: 1h }'), {
      signal: stopped.signal,
      onEvent: interrupt,
    });
    expect([exitCode, ends]).toEqual([130, ['a changed', 'b not_reached', 'c not_reached', 'd not_reached']]);
  });
});

describe('before and after', () => {
  const around = (state: string, main: string) => `
hosts: app
rollout:
  batches: [4]
  max_failures: 1
  before:
    - file: { path: "DIR/{{ host.name }}.in", state: absent }
  after:
    - file: { path: "DIR/{{ host.name }}.in", content: in }
resources:
${main}
${state}`;
  const main = '  - file: { path: "DIR/{{ host.name }}", content: new }\n';

  it('surround the changes of a host, and a host without changes does not leave', async () => {
    const first = await apply(around('', main));
    expect(first.exitCode).toBe(0);
    const second = await apply(around('', main));
    expect(second.of('resource').filter(({ status }) => status === 'changed')).toEqual([]);
    writeFileSync(at('b'), 'old');
    const third = await apply(around('', main));
    const changed = third.of('resource').filter(({ status }) => status === 'changed');
    expect(changed.map(({ host, name }) => `${host}: ${name.split('/')[0]}`)).toEqual([
      'b: before ',
      'b: file ',
      'b: after ',
    ]);
  });

  it('a host that was left outside comes back', async () => {
    await apply(around('', main));
    rmSync(at('c.in'));
    const { of } = await apply(around('', main));
    const changed = of('resource').filter(({ status }) => status === 'changed');
    expect(changed.map(({ host, name }) => [host, name.startsWith('after / ')])).toEqual([['c', true]]);
  });

  it('a host that fails stays outside, and one that is reverted comes back', async () => {
    await apply(around('', main));
    const failing = `${main}  - command: { run: "[ {{ host.name }} != b ]", always: true }\n`;
    writeFileSync(at('b'), 'old');
    const failed = await apply(around('', failing));
    expect([failed.exitCode, existsSync(at('b.in'))]).toEqual([1, false]);
    writeFileSync(at('b.in'), 'in');
    writeFileSync(at('b'), 'old');
    const reverted = await apply(around('on_failed_check: revert\n', failing));
    expect(reverted.ends).toContain('b reverted');
    expect([readFileSync(at('b'), 'utf8'), existsSync(at('b.in'))]).toEqual(['old', true]);
  });

  it('other resources that set one thing to two values are refused as always', async () => {
    const text = around('', `${main}  - file: { path: "DIR/{{ host.name }}.in", content: other }\n`);
    await expect(apply(text)).rejects.toThrow(/managed by two resources/);
  });
});

it('any_failure: stop ends the run after the play in which a host failed', async () => {
  const two = (head: string) => `${head}
plays:
  - name: First
    hosts: app
    resources:
      - command: { run: "[ {{ host.name }} != b ]", always: true }
  - name: Second
    hosts: app
    resources:
      - command: { run: "echo {{ host.name }} >>DIR/second", always: true }
`;
  const stopped = await apply(two('any_failure: stop'));
  expect([stopped.exitCode, lines('second')]).toEqual([1, []]);
  expect(stopped.of('run_stopped')[0]).toMatchObject({
    why: 'b failed, and any_failure is stop.',
    hosts: [],
    plays: ['Second'],
  });
  await apply(two('any_failure: continue'));
  expect(lines('second')).toEqual(['a', 'c', 'd']);
});
