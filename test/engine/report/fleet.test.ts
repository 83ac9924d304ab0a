// Tests engine/report/plan-text.ts with many hosts.
import { describe, expect, it } from 'vitest';
import { textOf } from '../../../engine/module-kit/state-text.ts';
import { columnsOf } from '../../../engine/report/columns.ts';
import { fleetCheck } from './fleet.ts';
import { create, finish, outcome, result, Sample, shown, start, update } from './sample.ts';

describe.each([1, 2, 50, 500])('a check of %i hosts', count => {
  it.each([80, 200])('reads well in %i columns', async columns => {
    const text = shown(fleetCheck(count), { columns, aligned: true });
    for (const line of text.split('\n')) expect(columnsOf(line)).toBeLessThanOrEqual(columns);
    await expect(text).toMatchFileSnapshot(`golden/a-check-of-${count}-in-${columns}-columns.txt`);
  });
});

describe('a plan by resource', () => {
  it('lays out what is the same on all hosts once', () => {
    // One line for each of 40 resources: no host adds any.
    const resources = Array.from({ length: 40 }, (_, i) =>
      outcome(`file /etc/${i}`, 'file', 'would_change', { diff: create({ mode: '0644' }) }),
    );
    const texts = [1, 500].map(count => {
      const sample = new Sample();
      const hosts = Array.from({ length: count }, (_, i) => `web${i + 1}`);
      const play = start(sample, true, hosts);
      for (const host of hosts) sample.emit({ event: 'host_plan', host, play, resources });
      return shown(sample).split('\n').length;
    });
    expect(texts[0]).toBe(texts[1]);
  });

  it('shows the first sections of many, those with problems above all, and counts the others', () => {
    const sample = new Sample();
    const hosts = Array.from({ length: 20 }, (_, i) => `web${i + 1}`);
    const play = start(sample, true, hosts);
    for (const host of hosts) {
      const diff = update({ address: 'none' }, { address: `of ${host}` });
      const error = { code: 'obstacle', message: 'No such account.', host } as const;
      const resources =
        host === 'web20'
          ? [outcome('Network', 'file', 'failed', { diff, error })]
          : [outcome('Network', 'file', 'would_change', { diff })];
      sample.emit({ event: 'host_plan', host, play, resources });
    }
    const text = shown(sample);
    expect(text.match(/^web\d+$/gm)).toEqual([...hosts.slice(0, 11), 'web20']);
    expect(text).toContain('\n… web12…web19 differ in other ways (8 hosts); -v shows all\n');
    expect(shown(sample, { verbosity: 1 }).match(/^web\d+$/gm)).toEqual(hosts);
  });

  it('shows all texts of up to three variants of a change', () => {
    const sample = new Sample();
    const hosts = ['web1', 'web2', 'web3'];
    const play = start(sample, true, hosts);
    for (const host of hosts) {
      const diff = update({ content: textOf('old\n') }, { content: textOf(`${host}\n`) });
      sample.emit({
        event: 'host_plan',
        host,
        play,
        resources: [outcome('Motd', 'file', 'would_change', { diff })],
      });
    }
    expect(shown(sample).match(/^ +\+ .*$/gm)).toEqual(hosts.map(host => `        + ${host}`));
  });

  it('calls a command that ran by this word, and one whose guard holds not needed', () => {
    const sample = new Sample();
    const play = start(sample, false, ['web1']);
    const on = { event: 'resource', host: 'web1', play } as const;
    const ran = { diff: create({ run: 'make' }), runs: true } as const;
    sample.emit({ ...on, ...outcome('Build', 'command', 'changed', ran) });
    sample.emit({ ...on, ...outcome('Once', 'command', 'unchanged', { runs: true }) });
    finish(sample, { web1: result('changed', { changed: 1, unchanged: 1 }) }, 0, false);
    const text = shown(sample, { verbosity: 1 });
    expect(text).toContain('  » Build  command  ran make\n  = Once   command  not needed\n');
  });

  it('says why a command with several conditions runs, and why it is not needed', () => {
    const sample = new Sample();
    const play = start(sample, true, ['web1']);
    const diff = update({ run: 'it never ran here' }, { run: 'set-up.sh' });
    const resources = [
      outcome('Script', 'command', 'would_change', { diff, runs: true }),
      outcome('Once', 'command', 'unchanged', { runs: true, idle: '/srv/x exists' }),
    ];
    sample.emit({ event: 'host_plan', host: 'web1', play, resources });
    const text = shown(sample, { verbosity: 1 });
    expect(text).toContain('  » Script  command  runs set-up.sh because it never ran here\n');
    expect(text).toContain('  = Once    command  not needed: /srv/x exists\n');
  });
});
