import { describe, expect, it } from 'vitest';
import { columnsOf } from '../../../engine/report/columns.ts';
import { LiveView } from '../../../engine/report/live.ts';
import { fullRun, play } from './full-run.ts';
import { flaskPlan, Sample } from './sample.ts';

describe('live lines', () => {
  const plain = (lines: string[]) => lines.map(line => line.replace(/\u001b\[[0-9;]*m/g, ''));
  const fleet = (count: number) => {
    const live = new LiveView(0);
    const sample = new Sample();
    const hosts = Array.from({ length: count }, (_, i) => `web${i + 1}`);
    sample.emit({ event: 'run_started', playbook: 'p.yml', play, check: false, hosts });
    for (const [i, host] of hosts.entries()) {
      if (i % 2 === 0) continue;
      sample.emit({ event: 'host_connected', host, play, account: 'root' });
      sample.emit({ event: 'host_plan', host, play, resources: flaskPlan('would_change').drifted });
      sample.emit({
        event: 'resource_started',
        host,
        play,
        name: `A name 日本 ${'long '.repeat(40)}`,
        index: 3,
        of: 21,
      });
    }
    for (const view of sample.views) live.add(view, 0);
    return live;
  };

  it('all hosts have one if there is room', () => {
    expect(plain(fleet(2).lines(65_000, 60, 24))).toEqual([
      'web1  connecting',
      'web2  ━━━─────────────────   3/21  A name 日本 long long l…',
      '0 of 2 hosts done · 1:05',
    ]);
  });

  it.each([
    [500, 80, 24],
    [500, 20, 5],
    [500, 5, 1],
    [3, 200, 2],
  ])('of %i hosts fit a window of %i columns and %i rows', (count, columns, rows) => {
    const lines = plain(fleet(count).lines(0, columns, rows));
    expect(lines.length).toBeLessThanOrEqual(Math.max(2, rows));
    for (const line of lines) expect(columnsOf(line)).toBeLessThan(columns);
  });

  it('a finished host shows its result', () => {
    const live = new LiveView(0);
    for (const view of fullRun().views) live.add(view, 0);
    expect(plain(live.lines(0, 80, 24))).toEqual([
      'web1  ✗ 1 failed',
      'web2  ✓ 3 changed',
      'web3  ✗ unreachable',
      '3 of 3 hosts done · 7 changed · 1 failed · 1 unreachable · 0:00',
    ]);
  });
});
