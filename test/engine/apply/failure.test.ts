import { expect, it } from 'vitest';
import { failure } from '../../../engine/apply/failure.ts';
import type { Step } from '../../../engine/step.ts';

const answer = { exit: 1, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) } as never;
const problem = (step: Step, stderr: string) => failure([{ step, exit: 1, stdout: '', stderr }], answer);

it('a command without the rights names become', () => {
  expect(problem({ do: 'run', command: 'touch /etc/x' }, "touch: '/etc/x': Permission denied")).toMatchObject(
    {
      code: 'step-failed',
      hint: expect.stringContaining('become: true'),
    },
  );
  expect(problem({ do: 'run', command: 'false' }, 'no')).not.toHaveProperty('hint');
});

it('a refused configuration says that the old files are in place', () => {
  const checked: Step = { do: 'checked', steps: [], by: ['nginx', '-t'] };
  expect(problem(checked, 'nginx: [emerg] unknown directive')).toMatchObject({
    code: 'validation-failed',
    hint: expect.stringContaining('The old files are in place.'),
  });
});
