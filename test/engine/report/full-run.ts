import { RunRecord } from '../../../engine/report/record.ts';
import { changes, create, flaskPlan, outcome, result, Sample, update } from './sample.ts';

export const play = 'Flask';

/** An apply of which every kind of event and of difference is part. */
export function fullRun(): Sample {
  const sample = new Sample();
  sample.redactor.add('correct horse', 'secrets.key');
  sample.emit({
    event: 'run_started',
    playbook: 'p.yml',
    play,
    check: false,
    hosts: ['web1', 'web2', 'web3'],
  });
  for (const host of ['web1', 'web2']) {
    sample.emit({ event: 'host_connected', host, play, account: 'root' });
    sample.emit({ event: 'host_plan', host, play, resources: flaskPlan('would_change').drifted });
    for (const [index, each] of flaskPlan('changed').drifted.entries()) {
      sample.emit({ event: 'resource_started', host, play, name: each.name, index, of: 21 });
      sample.emit({ event: 'resource', host, play, ...each });
    }
  }
  const error = {
    code: 'step-failed',
    message: 'psql exited 3 <b>&"\'',
    hint: 'Look.',
    cause: 'ERROR: ]]> no',
    resource: 'Role',
    at: { file: 'p.yml', line: 4, column: 2, length: 3, text: '  x' },
  } as const;
  const failed = outcome('Role', 'pg_role', 'failed', {
    diff: create({ login: true, limit: 20, none: null, member_of: ['a'] }),
    deviation: { planned: null },
    commands: [{ command: 'psql', output: 'ERROR' }],
    error,
  });
  const deviated = outcome('Motd', 'file', 'changed', {
    diff: changes({ key: 'mode', before: '0644', after: undefined }),
    deviation: { planned: update({ mode: '0640' }, { mode: '0600' }) },
  });
  sample.emit({ event: 'resource', host: 'web1', play, ...deviated });
  sample.emit({ event: 'resource', host: 'web1', play, ...failed });
  sample.emit({
    event: 'resource',
    host: 'web1',
    play,
    ...outcome('App', 'service', 'skipped', { skipped: 'Role' }),
  });
  const results = {
    web1: result('failed', { changed: 4, failed: 1, skipped: 1, unchanged: 18, deviations: 2 }),
    web2: result('changed', { changed: 3, unchanged: 18 }),
    web3: result('unreachable'),
  };
  sample.emit({ event: 'host_finished', host: 'web1', result: results.web1, problems: [error] });
  sample.emit({ event: 'host_finished', host: 'web2', result: results.web2, problems: [] });
  const unreachable = [{ code: 'unreachable', message: 'No route to host', host: 'web3' } as const];
  sample.emit({ event: 'host_finished', host: 'web3', result: results.web3, problems: unreachable });
  sample.emit({ event: 'run_finished', hosts: results, exit_code: 1, check: false, durationMs: 1234.5 });
  return sample;
}

/** Returns the record of the events. */
export function recordOf(sample: Sample): RunRecord {
  const record = new RunRecord();
  for (const view of sample.views) record.add(view);
  return record;
}
