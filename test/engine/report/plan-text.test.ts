import { describe, expect, it, test } from 'vitest';
import type { HostResult } from '../../../engine/events.ts';
import { textOf } from '../../../engine/module-kit/state-text.ts';
import type { ResultLayout } from '../../../engine/report/result-text.ts';
import {
  changes,
  create,
  finish,
  flaskPlan,
  outcome,
  remove,
  result,
  Sample,
  shown,
  start,
  update,
} from './sample.ts';

/** A check of three hosts, two of them alike, and one that is as declared. */
function typicalCheck(): Sample {
  const sample = new Sample();
  const play = start(sample, true, ['web1', 'web2', 'web3', 'db']);
  const { blank, drifted } = flaskPlan('would_change');
  for (const host of ['web1', 'web2']) sample.emit({ event: 'host_plan', host, play, resources: blank });
  sample.emit({ event: 'host_plan', host: 'web3', play, resources: drifted });
  sample.emit({ event: 'host_plan', host: 'db', play, resources: [outcome('Hosts', 'file', 'unchanged')] });
  const hosts = {
    web1: result('changed', { changed: 4, unchanged: 17 }),
    web2: result('changed', { changed: 4, unchanged: 17 }),
    web3: result('changed', { changed: 3, unchanged: 18 }),
    db: result('ok', { unchanged: 1 }),
  };
  finish(sample, hosts, 2);
  return sample;
}

/** An apply in which nearly everything goes wrong. */
function badApply(): Sample {
  const sample = new Sample();
  const play = start(sample, false, ['web1', 'web2', 'web3']);
  const { blank, drifted } = flaskPlan('changed');
  const on = (host: string) => ({ event: 'resource', host, play }) as const;
  sample.emit({ ...on('web1'), ...blank[0]! });
  sample.emit({
    ...on('web1'),
    ...outcome('Site', 'nginx_site', 'failed', {
      diff: create({ content: textOf('server {\n') }),
      error: {
        code: 'validation-failed',
        message: 'nginx -t exited 1; the old files are back.',
        at: { file: 'playbooks/flask.yml', line: 31, column: 5, text: '  - name: Site' },
        host: 'web1',
        resource: 'Site',
        cause:
          'nginx: [emerg] unexpected end of file in /etc/nginx/sites-enabled/site:2\n\u001b[31mtest failed\u001b[0m',
        hint: 'Look at the file with:\n    cat templates/site.j2',
      },
    }),
  });
  for (const name of ['App', 'Firewall']) {
    sample.emit({ ...on('web1'), ...outcome(name, 'service', 'skipped', { skipped: 'Site' }) });
  }
  sample.emit({ ...on('web1'), ...outcome('On Ubuntu', 'apt', 'skipped', { skipped: 'when' }) });
  const deviation = { planned: update({ mode: '0640' }, { mode: '0600' }) };
  sample.emit({ ...on('web2'), ...drifted[1]!, deviation });
  sample.emit({ ...on('web2'), ...outcome('Motd', 'file', 'unchanged', { deviation }) });
  sample.emit({
    event: 'host_finished',
    host: 'web3',
    result: result('unreachable'),
    problems: [
      {
        code: 'unreachable',
        message: 'No answer from 203.0.113.13:22 in 10 s.',
        host: 'web3',
        hint: 'Is it on?',
      },
    ],
  });
  const hosts = {
    web1: result('failed', { changed: 1, failed: 1, skipped: 3 }),
    web2: result('changed', { changed: 1, unchanged: 1, deviations: 2 }),
    web3: result('unreachable'),
  };
  finish(sample, hosts, 1, false);
  return sample;
}

/** Values that are hard to lay out. */
function strangeValues(): Sample {
  const sample = new Sample();
  const play = start(sample, true, ['höst-日本']);
  const resources = [
    outcome('Überschrift mit 日本語 und 👩‍👩‍👧', 'file', 'would_change', {
      diff: update({ owner: 'root', empty: '' }, { owner: 'www data', empty: ' x ' }),
    }),
    outcome('a'.repeat(70), 'command', 'would_change', {
      diff: create({ run: `echo ${'long '.repeat(60)}` }),
    }),
    outcome('Escapes', 'file', 'would_change', {
      diff: update(
        { content: textOf('\tindented\u001b[2J\r\n') },
        { content: textOf(`\tindented ${'x'.repeat(120)}\n`) },
      ),
    }),
    outcome('Bytes', 'file', 'would_change', {
      diff: changes({ key: 'content', before: undefined, after: textOf(Buffer.from([0, 1])) }),
    }),
    outcome('Many lines', 'file', 'would_change', { diff: create({ content: textOf('line\n'.repeat(62)) }) }),
    outcome('Set', 'apt', 'would_change', {
      diff: update({ order: ['a', 'b'], gone: ['a', 'b'] }, { order: ['b', 'a'], gone: [] }),
    }),
    outcome('Gone', 'link', 'would_change', {
      diff: remove({ target: '/x', force: false, list: ['a', 'b'], no: null }),
    }),
    outcome('Nothing to say', 'command', 'would_change'),
  ];
  sample.emit({ event: 'host_plan', host: 'höst-日本', play, resources });
  finish(sample, { 'höst-日本': result('changed', { changed: 8 }) }, 2);
  return sample;
}

/** A fleet in which some hosts differ. */
function fleet(): Sample {
  const sample = new Sample();
  const names = Array.from({ length: 500 }, (_, i) => `web${String(i + 1).padStart(3, '0')}`);
  const play = start(sample, true, names);
  const hosts: Record<string, HostResult> = {};
  for (const [i, host] of names.entries()) {
    if (i % 100 === 99) {
      const problems = [{ code: 'unreachable', message: 'Connection refused.', host } as const];
      hosts[host] = result('unreachable');
      sample.emit({ event: 'host_finished', host, result: hosts[host], problems });
      continue;
    }
    const { blank } = flaskPlan('would_change');
    hosts[host] = result('changed', { changed: 2, unchanged: 19 });
    sample.emit({ event: 'host_plan', host, play, resources: blank.slice(0, 2) });
  }
  finish(sample, hosts, 4);
  return sample;
}

/** Two plays, the second on fewer hosts. */
function twoPlays(): Sample {
  const sample = new Sample();
  const first = start(sample, false, ['web1', 'db'], 'Basics');
  const second = 'Database';
  const hosts = { web1: result('ok', { unchanged: 1 }), db: result('failed', { changed: 1, failed: 1 }) };
  sample.emit({ event: 'resource', host: 'db', play: first, ...flaskPlan('changed').drifted[2]! });
  sample.emit({ event: 'resource', host: 'web1', play: first, ...outcome('Motd', 'file', 'unchanged') });
  sample.emit({ event: 'run_started', playbook: 'p.yml', play: second, check: false, hosts: ['db'] });
  sample.emit({
    event: 'host_finished',
    host: 'db',
    result: hosts.db,
    problems: [{ code: 'connection-lost', message: 'The connection ended during pg_role app.', host: 'db' }],
  });
  finish(sample, hosts, 1, false);
  return sample;
}

test.each<[title: string, sample: () => Sample, options: Partial<ResultLayout>]>([
  ['a typical check', typicalCheck, {}],
  ['a typical check in a narrow window', typicalCheck, { columns: 64, aligned: true }],
  ['a typical check in a very narrow window', typicalCheck, { columns: 40, diff: false }],
  ['a typical check with details', typicalCheck, { verbosity: 1, diff: false }],
  ['a typical check in colour', typicalCheck, { color: true, columns: 120, aligned: true }],
  ['an apply that fails', badApply, {}],
  ['an apply that fails in a narrow window', badApply, { columns: 60, diff: false }],
  ['strange values', strangeValues, {}],
  ['strange values in a window', strangeValues, { columns: 80 }],
  ['a fleet', fleet, { diff: false }],
  ['two plays', twoPlays, {}],
])('%s reads well', async (title, sample, options) => {
  const file = `golden/${title.replaceAll(' ', '-')}.txt`;
  await expect(shown(sample(), options)).toMatchFileSnapshot(file);
});

describe('the last line', () => {
  it('of an apply is the summary of a host', () => {
    const sample = new Sample();
    const play = start(sample, false, ['web1']);
    for (const each of flaskPlan('changed').blank)
      sample.emit({ event: 'resource', host: 'web1', play, ...each });
    finish(sample, { web1: result('changed', { changed: 4, unchanged: 19 }) }, 0, false);
    expect(shown(sample)).toMatch(/\nweb1: 4 changed, 19 unchanged, 0 failed\n$/);
  });

  it('of an interrupted apply is a summary too', () => {
    const sample = new Sample();
    start(sample, false, ['web1']);
    finish(sample, { web1: result('ok', { unchanged: 1, skipped: 3 }) }, 130, false);
    expect(shown(sample)).toMatch(/Interrupted.*\n\nweb1: 0 changed, 1 unchanged, 0 failed, 3 skipped\n$/);
  });

  it('of a check without changes offers nothing to apply', () => {
    const sample = new Sample();
    const play = start(sample, true, ['web1']);
    sample.emit({
      event: 'host_plan',
      host: 'web1',
      play,
      resources: [outcome('Motd', 'file', 'unchanged')],
    });
    finish(sample, { web1: result('ok', { unchanged: 1 }) }, 0);
    expect(shown(sample)).toMatch(/\nweb1 {2}nothing would change\n\nweb1: 0 would change, 1 unchanged\n$/);
  });
});

it('with -vv the commands and their output are shown below a resource', () => {
  const sample = new Sample();
  const play = start(sample, false, ['web1']);
  const commands = [{ command: 'psql <<END\nALTER ROLE app\nEND', output: 'ALTER ROLE\n' }];
  const role = outcome('Role', 'pg_role', 'changed', {
    diff: update({ login: false }, { login: true }),
    commands,
  });
  sample.emit({ event: 'resource', host: 'web1', play, ...role });
  finish(sample, { web1: result('changed', { changed: 1 }) }, 0, false);
  expect(shown(sample, { verbosity: 2 })).toContain(
    [
      '  ~ Role  pg_role  login no → yes',
      '      $ psql <<END',
      '        ALTER ROLE app',
      '        END',
      '        ALTER ROLE',
      '',
    ].join('\n'),
  );
  expect(shown(sample)).not.toContain('psql');
});

it('something to know stands below a planned change, and not below a change that was made', () => {
  const noted = (status: 'would_change' | 'changed') => {
    const sample = new Sample();
    const play = start(sample, true, ['web1']);
    const warning = 'Docker publishes 8080/tcp past these rules.';
    const rules = outcome('Rules', 'firewall', status, { diff: create({ in_force: true }), warning });
    sample.emit({ event: 'host_plan', host: 'web1', play, resources: [rules] });
    return shown(sample);
  };
  expect(noted('would_change')).toContain('      note: Docker publishes 8080/tcp past these rules.\n');
  expect(noted('changed')).not.toContain('note:');
});

it('a resource that a host cannot have is one quiet line, and its own number', () => {
  const sample = new Sample();
  const play = start(sample, true, ['web1']);
  const unknown = 'A container has no swap of its own; its machine has.';
  const resources = [
    outcome('swap /swap', 'swap', 'unknown', { unknown }),
    outcome('Motd', 'file', 'unchanged'),
  ];
  sample.emit({ event: 'host_plan', host: 'web1', play, resources });
  finish(sample, { web1: result('ok', { unchanged: 1, unknown: 1 }) }, 0);
  const text = shown(sample);
  expect(text).toContain(
    '  ? swap /swap  swap  unknown here: A container has no swap of its own; its machine has.\n',
  );
  expect(text).toContain('? this host cannot have it\n');
  expect(text).toContain('web1: 0 would change, 1 unchanged, 1 unknown here\n');
});

it('a possible obstacle stands below its change until the change is made', () => {
  const sample = new Sample();
  const play = start(sample, true, ['web1']);
  const tool = outcome('Tool', 'apt', 'would_change', {
    diff: { ...update({ installed: [] }, { installed: ['tool'] }), kind: 'write' },
    open: true,
    doubt: 'apt knows no package tool.',
  });
  sample.emit({ event: 'host_plan', host: 'web1', play, resources: [tool] });
  finish(sample, { web1: result('changed', { changed: 1 }) }, 2);
  expect(shown(sample)).toContain(
    '  ± Tool  apt  installed +tool\n      may fail: apt knows no package tool.\n',
  );
});
