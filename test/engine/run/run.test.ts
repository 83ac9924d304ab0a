import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Event } from '../../../engine/events.ts';
import type { Module } from '../../../engine/module.ts';
import { defineModule } from '../../../engine/module-kit/define-module.ts';
import { run } from '../../../engine/run/run.ts';
import type { RunOptions } from '../../../engine/run/run-options.ts';
import { type LoadOptions, loadPlaybook } from '../../../engine/validate/load-playbook.ts';
import { modules } from '../../../modules/index.ts';

let folder: string;
const at = (name: string) => join(folder, name);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'run-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Applies resources to this computer; gives the exit code and what happened. */
async function apply(resources: string, options: Partial<RunOptions> = {}) {
  const events: Event[] = [];
  const exitCode = await run({
    playbook: options.playbook ?? playbookOf(resources),
    check: false,
    parallel: 1,
    emit: event => events.push(event),
    signal: new AbortController().signal,
    connect: { retryDelaysMs: [] },
    ...options,
  });
  const of = <K extends Event['event']>(kind: K) =>
    events.filter((event): event is Extract<Event, { event: K }> => event.event === kind);
  return { exitCode, of };
}

/** Returns a playbook for this computer, with more modules. */
function playbookOf(resources: string, more: Readonly<Record<string, Module>> = {}) {
  writeFileSync(at('playbook.yml'), `hosts: localhost\nresources:\n${resources}`);
  return loadPlaybook(at('playbook.yml'), { modules: { ...modules, ...more } });
}

const file = (name: string) => `  - file: { path: ${at(name)}, content: hello }\n`;

it('the answer no leaves everything unchanged, and says what was not applied', async () => {
  const { exitCode, of } = await apply(file('a'), { confirm: async () => false });
  expect([exitCode, existsSync(at('a')), of('resource')]).toEqual([2, false, []]);
  expect(of('host_finished')[0]?.result).toMatchObject({ status: 'ok', changed: 0, unconfirmed: 1 });
});

it.each([true, false])('what a host cannot have is unknown there, and no failure; check: %s', async check => {
  const swap = defineModule({
    name: 'swap',
    summary: 'Swap.',
    args: {},
    examples: {},
    identity: () => 'all',
    actual: () => ({ active: false }),
    desired: () => ({ active: true }),
    obstacles: () => [{ says: 'A container has no swap.', unknown: true }],
    steps: () => [{ do: 'run', command: 'false' }],
  });
  const answering = `  - command: { run: "echo x >${at('b')}", run_on: [Swap] }\n`;
  const { exitCode, of } = await apply('', {
    check,
    playbook: playbookOf(`  - name: Swap\n    swap: {}\n${answering}${file('a')}`, { swap }),
  });
  expect(exitCode).toBe(check ? 2 : 0);
  expect(of('host_plan')[0]!.resources.map(({ status }) => status)).toEqual([
    'unknown',
    'unchanged',
    'would_change',
  ]);
  expect(of('resource').map(({ status }) => status)).toEqual([
    'unknown',
    'unchanged',
    check ? 'would_change' : 'changed',
  ]);
  expect(of('resource')[0]).toMatchObject({ unknown: 'A container has no swap.', diff: null });
  expect(of('resource').some(({ deviation }) => deviation)).toBe(false);
  expect(of('host_finished')[0]!.result).toMatchObject({ unchanged: 1, changed: 1, failed: 0, unknown: 1 });
});

it('a change during the question is read before anything is done', async () => {
  const { exitCode, of } = await apply(file('a') + file('b'), {
    confirm: async () => {
      writeFileSync(at('a'), 'hello');
      return true;
    },
  });
  expect(exitCode).toBe(0);
  expect(of('resource').map(({ status, deviation }) => [status, deviation !== undefined])).toEqual([
    ['unchanged', true],
    ['changed', false],
  ]);
});

it('a run with nothing to do asks nobody', async () => {
  writeFileSync(at('a'), 'hello');
  const { exitCode, of } = await apply(file('a'), { confirm: () => Promise.reject(new Error('asked')) });
  expect([exitCode, of('host_finished')[0]?.result.unchanged]).toEqual([0, 1]);
});

it('an interruption ends the attempts of a resource after the current one', async () => {
  const stopped = new AbortController();
  setTimeout(() => stopped.abort(), 1500);
  const run = `{ run: "echo x >>${at('tries')}; false", always: true }`;
  const { exitCode } = await apply(`  - command: ${run}\n    retry: { attempts: 9, delay: 2s }\n`, {
    signal: stopped.signal,
  });
  expect(exitCode).toBe(130);
  expect(read('tries')!.split('\n').length - 1).toBeLessThan(3);
});

it.each([75, 76, 77, 78, 79])(
  'a command that exits %i has failed, and says nothing about the lease',
  async exit => {
    const { of } = await apply(`  - command: { run: "echo held; exit ${exit}", always: true }\n`);
    expect(of('resource')[0]?.error).toMatchObject({
      code: 'step-failed',
      message: `the command exited ${exit}.`,
    });
  },
);

it('a host that takes too long is reported', async () => {
  const { exitCode, of } = await apply('  - command: { run: sleep 5, always: true }\n', { timeoutMs: 1000 });
  expect(exitCode).toBe(1);
  expect(of('host_finished')[0]?.problems).toMatchObject([
    { code: 'timeout', message: 'The host exceeded its time limit of 1 s.', host: 'localhost' },
  ]);
});

const read = (name: string) => (existsSync(at(name)) ? readFileSync(at(name), 'utf8') : undefined);

/**
 * This computer under several names, one at a time because it has one lease, and one, the first, that nobody answers
 * for.
 */
const inventory = `
hosts:
  gone: { address: 127.0.0.1, port: 1 }
  web1: { transport: local }
  web2: { transport: local }
  db1: { transport: local, vars: { called: "{{ facts.hostname }}!" } }
groups:
  web: { hosts: [web1, web2] }
  db: { hosts: [db1] }
`;

/** Applies a playbook in which `DIR` is the folder of the test. */
async function applyTo(playbook: string, options: Partial<RunOptions> & Pick<LoadOptions, 'limit'> = {}) {
  writeFileSync(at('inventory.yml'), inventory);
  writeFileSync(at('playbook.yml'), playbook.replaceAll('DIR', folder));
  const { limit, ...rest } = options;
  const events: Event[] = [];
  const exitCode = await run({
    playbook: loadPlaybook(at('playbook.yml'), { modules, ...(limit !== undefined && { limit }) }),
    check: false,
    parallel: 1,
    emit: event => events.push(event),
    signal: new AbortController().signal,
    connect: { retryDelaysMs: [] },
    ...rest,
  });
  const of = <K extends Event['event']>(kind: K) =>
    events.filter((event): event is Extract<Event, { event: K }> => event.event === kind);
  /** `HOST STATUS` of a resource on each host, in the order of the hosts. */
  const statuses = (name: string) =>
    of('resource')
      .filter(event => event.name === name)
      .map(({ host, status }) => `${host} ${status}`)
      .toSorted();
  const problems = of('host_finished').flatMap(event => event.problems);
  return { exitCode, of, statuses, problems };
}

describe('facts of another host', () => {
  const page = (content: string) =>
    `hosts: web1\nresources:\n  - file: { path: DIR/page, content: "${content}" }\n`;

  it.each([
    ['{{ hosts.db1.facts.hostname }}', hostname()],
    ['{{ hosts[groups.db[0]].facts.hostname }}', hostname()],
    ['{% for name in groups.db %}{{ hosts[name].facts.os.id }}{% endfor %}', 'debian'],
    ['{{ hosts.db1.vars.called }}', `${hostname()}!`],
    ["{{ 'yes' if hosts.db1.facts.cpus > 0 and hosts.web2.facts.cpus > 0 else 'no' }}", 'yes'],
  ])('is read where it is used, though no play is for that host: %s', async (expression, expected) => {
    const { exitCode, problems } = await applyTo(page(expression), { limit: 'web1' });
    expect([exitCode, problems, read('page')]).toEqual([0, [], expected]);
  });

  it('is shown by a check', async () => {
    const { of } = await applyTo(page('{{ hosts.db1.facts.hostname }}'), { check: true });
    expect(of('resource')[0]).toMatchObject({ status: 'would_change', predictedFrom: [] });
  });

  it('is not read if nothing uses it', async () => {
    const branch = "{{ 'a' if facts.cpus > 0 else hosts.gone.facts.hostname }} {{ hosts.gone.address }}";
    expect((await applyTo(page(branch))).exitCode).toBe(0);
    expect(read('page')).toBe('a 127.0.0.1');
  });

  it('that cannot be read is a problem of the host that needs it, which stays unchanged', async () => {
    const { exitCode, problems, of } = await applyTo(`
hosts: web
resources:
  - file: { path: "DIR/{{ host.name }}", content: a }
  - file: { path: DIR/page, content: "{{ hosts.gone.facts.hostname }}" }
    when: host.name == 'web1'
`);
    expect(exitCode).toBe(1);
    expect([read('web1'), read('web2'), of('run_finished')[0]?.hosts['web1']?.status]).toEqual([
      undefined,
      'a',
      'failed',
    ]);
    expect(problems).toMatchObject([
      {
        code: 'facts-unread',
        host: 'web1',
        message: expect.stringMatching(
          /^Expressions use hosts\.gone\.facts\.hostname, which could not be read: No connection to 127/,
        ),
      },
    ]);
  });

  it.each([
    ['db1', [0, 'changed', hostname()]],
    ['gone', [1, 'skipped', undefined]],
  ])('that only an outcome leads to is read at its turn: of %s', async (host, expected) => {
    const { exitCode, of } = await applyTo(`hosts: web1
resources:
  - command: { run: echo yes, always: true }
    register: out
  - file: { path: DIR/page, content: "{{ hosts.${host}.facts.hostname if out.stdout == 'yes' else 'no' }}" }
`);
    expect([exitCode, of('resource')[1]?.status, read('page')]).toEqual(expected);
  });

  it('keeps its first value until the end of the play', async () => {
    const stamp = (name: string) =>
      `      - file: { path: DIR/${name}, content: "{{ hosts.db1.facts.time }}" }\n`;
    const wait = '      - command: { run: sleep 1.1, always: true }\n        register: slept\n';
    await applyTo(
      `plays:\n  - hosts: web1\n    resources:\n${stamp('a')}${wait}${stamp('b')}` +
        `  - hosts: web1\n    resources:\n${stamp('c')}`,
    );
    expect(read('a')).toBe(read('b'));
    expect(Number(read('c'))).toBeGreaterThan(Number(read('a')));
  });
});

describe('run_once', () => {
  const schema = (run: string, rest = '') => `
  - name: Schema
    command: { run: "${run}", always: true }
    run_once: true
    register: schema
${rest}
  - name: After
    file: { path: "DIR/{{ host.name }}", content: "{{ schema.stdout }}" }
`;

  it('is applied by the first host, and all receive its outcome', async () => {
    const play = `hosts: web\nresources:${schema('echo x >>DIR/times; echo {{ host.name }}')}`;
    const check = await applyTo(play, { check: true });
    const shown = ['web1 would_change', 'web2 skipped'];
    expect([check.statuses('Schema'), check.statuses('After')]).toEqual([
      shown,
      ['web1 would_change', 'web2 would_change'],
    ]);
    const { exitCode, statuses } = await applyTo(play);
    expect([exitCode, statuses('Schema')]).toEqual([0, ['web1 changed', 'web2 skipped']]);
    expect([read('times'), read('web1'), read('web2')]).toEqual(['x\n', 'web1', 'web1']);
  });

  it.each([
    ['one host at a time', { parallel: 1 }],
    ['after a question', { parallel: 1, confirm: async () => true }],
    ['with a limit', { limit: 'web2' }],
  ])('never keeps a run from its end: %s', async (_, options) => {
    const { exitCode } = await applyTo(`hosts: web\nresources:${schema('echo a >>DIR/times')}`, options);
    expect([exitCode, read('times')]).toEqual([0, 'a\n']);
  });

  it('is applied by the next host if the first is unreachable', async () => {
    const { exitCode, statuses } = await applyTo(`hosts: gone,web\nresources:${schema('echo a')}`);
    expect([exitCode, statuses('Schema')]).toEqual([4, ['web1 changed', 'web2 skipped']]);
  });

  it('fails for all if it fails for the chosen host', async () => {
    const { exitCode, of, statuses } = await applyTo(`hosts: web\nresources:${schema('exit 3')}`);
    expect([exitCode, statuses('Schema'), read('web2')]).toEqual([
      1,
      ['web1 failed', 'web2 failed'],
      undefined,
    ]);
    const error = of('resource').find(({ host, name }) => host === 'web2' && name === 'Schema')?.error;
    expect(error).toMatchObject({
      code: 'run-once-failed',
      message: 'Schema is done once, on web1, for all hosts of the play; it failed there.',
    });
  });

  it('is reached by no host if the first one stopped before it', async () => {
    const before = '\n  - command: { run: "false", always: true }\n    when: host.name == "web1"';
    const { statuses, of } = await applyTo(`hosts: web\nresources:${before}${schema('echo a')}`);
    expect(statuses('Schema')).toEqual(['web1 skipped', 'web2 failed']);
    const error = of('resource').find(({ host, name }) => host === 'web2' && name === 'Schema')?.error;
    expect(error?.message).toContain('it was not reached there');
  });

  it('may fail with on_failure: continue, and all continue', async () => {
    const play = `hosts: web\nresources:${schema('echo a; exit 3', '    on_failure: continue')}`;
    const { statuses } = await applyTo(play);
    expect(statuses('After')).toEqual(['web1 changed', 'web2 changed']);
  });
});

describe('delegate_to', () => {
  const member = (to: string) => `hosts: web
resources:
  - name: Member
    file: { path: "DIR/{{ host.name }}", content: "{{ host.name }} {{ facts.hostname }}" }
    delegate_to: ${to}
`;

  it("is applied on the other host with the variables of the play's host, and plans show where", async () => {
    for (const check of [true, false]) {
      const { exitCode, of } = await applyTo(member('"{{ groups.db[0] }}"'), { check });
      const places = of('resource').map(({ delegatedTo }) => delegatedTo);
      expect([exitCode, places]).toEqual([check ? 2 : 0, ['db1', 'db1']]);
    }
    expect([read('web1'), read('web2')]).toEqual([`web1 ${hostname()}`, `web2 ${hostname()}`]);
    const again = await applyTo(member('db1'));
    expect(again.statuses('Member')).toEqual(['web1 unchanged', 'web2 unchanged']);
  });

  it("to an unreachable host leaves the play's host unchanged", async () => {
    const { exitCode, of } = await applyTo(
      `${member('gone')}    when: host.name == 'web1'\n  - file: { path: "DIR/{{ host.name }}.after", content: a }\n`,
    );
    expect([exitCode, read('web1.after'), read('web2.after')]).toEqual([1, undefined, 'a']);
    expect(of('resource').find(({ host }) => host === 'web1')?.error).toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(/^Member is delegated to gone: No connection/),
      at: { line: 4 },
    });
  });

  it('stays if the play of its host is reverted', async () => {
    const { of } = await applyTo(
      `on_failed_check: revert\n${member('db1').replace('web\n', 'web1\n')}  - { name: Own, file: { path: DIR/own, content: a } }\nchecks:\n  - command: { run: "false" }\n`,
    );
    expect(of('host_reverted')).toMatchObject([{ restored: ['Own'], kept: ['Member'] }]);
    expect([read('own'), read('web1')]).toEqual([undefined, `web1 ${hostname()}`]);
  });
});

it('a loop registers every outcome with its element', async () => {
  await applyTo(`hosts: web1
resources:
  - name: Each
    command: { run: "echo {{ item }}", only_if: "test {{ item }} = b" }
    loop: [a, b]
    register: each
  - name: None
    command: { run: "false", always: true }
    loop: []
    register: empty
  - file: { path: DIR/out, content: "{% for one in each.results %}{{ one.item }} {{ one.changed }} {{ one.stdout }};{% endfor %} {{ each.changed }} {{ empty.results | length }}" }
`);
  expect(read('out')).toBe('a False ;b True b; True 0');
});

it.each(['', '    delegate_to: db1\n'])(
  'a check knows what is left by a resource with nothing to do%s',
  async delegated => {
    const playbook = `hosts: web1
resources:
  - name: Conf
    file: { path: DIR/conf, content: a }
    register: conf
${delegated}  - name: Reload
    command: { run: "echo {{ conf.stdout }}", always: true }
    when: conf.changed
    register: reload
  - name: Note
    file: { path: "DIR/{{ 'changed' if conf.changed else 'same' }}", content: "skipped: {{ reload.skipped }}" }
`;
    const statusesOf = async (check: boolean) => {
      const { exitCode, of } = await applyTo(playbook, { check });
      return [
        exitCode,
        ...of('resource').map(({ name, status, predictedFrom }) => [name, status, predictedFrom]),
      ];
    };
    expect(await statusesOf(true)).toEqual([
      2,
      ['Conf', 'would_change', []],
      ['Reload', 'would_change', ['Conf']],
      ['Note', 'would_change', ['Conf']],
    ]);
    expect((await statusesOf(false))[0]).toBe(0);
    const rest = [
      ['Conf', 'unchanged', []],
      ['Reload', 'skipped', []],
    ];
    expect(await statusesOf(true)).toEqual([2, ...rest, ['Note', 'would_change', []]]);
    expect(await statusesOf(false)).toEqual([0, ...rest, ['Note', 'changed', []]]);
    expect([read('changed'), read('same')]).toEqual(['skipped: False', 'skipped: True']);
    expect(await statusesOf(true)).toEqual([0, ...rest, ['Note', 'unchanged', []]]);
  },
);

it('a script may read an earlier change, so a check leaves its outcome open', async () => {
  const playbook = (content: string) => `hosts: web1
resources:
  - file: { path: DIR/version, content: "${content}" }
  - name: Migrated
    command: { run: "true", only_if: "test ! -e DIR/version || grep -q new DIR/version" }
    register: migrated
  - name: Note
    command: { run: "true", always: true }
    when: migrated.changed
`;
  const noted = async (content: string) =>
    (await applyTo(playbook(content), { check: true })).of('resource').at(-1);
  await applyTo(playbook('old'));
  expect(await noted('old')).toMatchObject({ name: 'Note', status: 'skipped' });
  expect(await noted('new')).toMatchObject({
    name: 'Note',
    status: 'would_change',
    predictedFrom: ['Migrated'],
  });
});
