import { expect, it } from 'vitest';
import { obstacleTo } from '../../../engine/plan/obstacles.ts';
import { type PathState, type Probe, path } from '../../../engine/probe.ts';
import { keyOf } from '../../../engine/probes/probe-kinds.ts';
import type { RunStep } from '../../../engine/step.ts';

const closed = { type: 'directory', mode: '0700', owner: 'root', group: 'root' } as PathState;
const viewOf = (folder: string) => ({
  account: 'deploy',
  predict: <T>(probe: Probe<T>) => ({
    reading: keyOf(probe) === keyOf(path(folder)) ? { value: closed as T } : { unread: true as const },
    open: false,
  }),
});
const step = (path: string): RunStep => ({
  do: 'run',
  command: 'true',
  touches: [{ kind: 'removal', path }],
});
const obstacle = (folder: string) => obstacleTo(step(`${folder}/a`), viewOf(folder) as never);

it('an account that changes the state directory lacks become, whatever the mode of the directory', () => {
  expect(obstacle('/var/lib/reconcile')).toMatchObject({
    says: 'deploy may not act as root on the host.',
    fix: 'Did you mean become: true?',
  });
});

it('an account that may not enter the directory of another account gets both remedies', () => {
  expect(obstacle('/srv/closed')).toMatchObject({
    says: 'deploy may not enter /srv/closed, whose mode is 0700.',
    fix: expect.stringMatching(/become: true\?.* 0755/),
  });
});
