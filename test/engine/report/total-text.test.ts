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
