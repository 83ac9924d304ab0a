import { expect, it } from 'vitest';
import { RunRecord } from '../../../engine/report/record.ts';
import { summaryText } from '../../../engine/report/summary.ts';

it('a summary counts the changes that were declined', () => {
  const record = new RunRecord();
  const run = { time: '', run: '', play: 'p' };
  record.add({ ...run, event: 'run_started', playbook: 'p.yml', check: false, hosts: ['m1'] });
  const counts = { changed: 0, unchanged: 15, failed: 0, skipped: 0, deviations: 0, unconfirmed: 2 };
  record.add({
    ...run,
    event: 'host_finished',
    host: 'm1',
    result: { status: 'ok', ...counts },
    problems: [],
  });
  expect(summaryText(record, { color: false, aligned: false, columns: Infinity })).toBe(
    'm1: 0 changed, 15 unchanged, 0 failed, 2 not applied\n',
  );
});
