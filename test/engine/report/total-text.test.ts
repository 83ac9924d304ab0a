import { describe, expect, it } from 'vitest';
import { fleetCheck } from './fleet.ts';
import { outcome, remove, Sample, shown, start, update } from './sample.ts';

describe('the total', () => {
  it('agrees with the lines of the hosts', () => {
    const text = shown(fleetCheck(50));
    const plan = /^Plan: (.*) on 48 hosts$/m.exec(text)![1]!;
    const counted = [...plan.matchAll(/(?:^|, )(\d+) /g)].reduce((sum, [, count]) => sum + Number(count), 0);
    expect(text).toContain(`\n50 hosts: ${counted} would change`);
  });

  it('does not count a package with another version as removed', () => {
    const sample = new Sample();
    const play = start(sample, true, ['web1']);
    const before = ['curl 7.88', 'rule 22', 'web 1.0'];
    const after = ['curl 7.89', 'rule 80', 'web 1.1', 'web 1.2'];
    const resources = [
      outcome('apt curl', 'apt', 'would_change', {
        diff: {
          ...update({ installed: before }, { installed: after }),
          changes: [{ key: 'installed', before, after, notes: { 'curl 7.89': '(+1)', 'web 1.2': '(+4)' } }],
        },
      }),
    ];
    sample.emit({ event: 'host_plan', host: 'web1', play, resources });
    const text = shown(sample);
    expect(text).toContain('Plan: 1 to change (removes rule 22, web 1.0) on 1 host\n');
    expect(text.replaceAll(/\s+/g, ' ')).toContain(
      'installed +rule 80 +web 1.1 +web 1.2 (+4) curl 7.88 → 7.89 (+1) -rule 22 -web 1.0',
    );
  });

  it('names what is removed, also from lists', () => {
    const sample = new Sample();
    const play = start(sample, true, ['web1']);
    const resources = [
      outcome('apt nginx, php', 'apt', 'would_change', {
        diff: update({ installed: ['nginx', 'php'] }, { installed: [] }),
      }),
      outcome('file /etc/old', 'file', 'would_change', { diff: remove({ mode: '0644' }) }),
    ];
    sample.emit({ event: 'host_plan', host: 'web1', play, resources });
    expect(shown(sample)).toContain(
      'Plan: 1 to change (removes nginx, php), 1 to remove (/etc/old) on 1 host\n',
    );
  });
});
