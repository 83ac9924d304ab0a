import { expect, it } from 'vitest';
import { contentChecks, wholeChecks } from '../../../engine/host-knowledge.ts';
import { brokenAlready, refused } from '../../../engine/plan/validation-obstacles.ts';
import type { CommandResult, Probe } from '../../../engine/probe.ts';
import { keyOf } from '../../../engine/probes/probe-kinds.ts';
import type { WriteStep } from '../../../engine/step.ts';

/** The view in which one probe has an answer. */
const viewOf = (probe: Probe<CommandResult>, value: CommandResult, open = false) =>
  ({
    predict: (asked: Probe) => ({
      reading: keyOf(asked) === keyOf(probe) ? { value } : { unread: true },
      open,
    }),
  }) as never;

const content = 'deploy ALL=\n';
const step: WriteStep = { do: 'write', path: '/etc/sudoers.d/a', content, validate: 'visudo -cf %s' };
const [probe] = contentChecks['visudo -cf %s']!(content) as [Probe<CommandResult>];
const error = { exit: 1, stdout: '', stderr: 'stdin:1:12: syntax error\ndeploy ALL=\n' };

it('content that its program refuses is an obstacle with the first words of the program', () => {
  expect(refused(step, viewOf(probe, error))).toEqual({
    says: 'visudo -cf /etc/sudoers.d/a refuses the new content: stdin:1:12: syntax error',
  });
});

it('content in bytes is checked like a text', () => {
  expect(refused({ ...step, content: Buffer.from(content) }, viewOf(probe, error))).toBeDefined();
});

it('content is no obstacle if its program accepts it, may still come, or is another one', () => {
  expect(refused(step, viewOf(probe, { ...error, exit: 0 }))).toBeUndefined();
  expect(refused(step, viewOf(probe, error, true))).toBeUndefined();
  expect(refused({ ...step, validate: 'test -s %s' }, viewOf(probe, error))).toBeUndefined();
});

it('a whole check that fails because of another file is an obstacle, and because of the changed file is none', () => {
  const [by, whole] = [['visudo', '-c'], wholeChecks['visudo -c']!];
  const fails = (path: string) =>
    viewOf(whole, { exit: 1, stdout: '', stderr: `${path}:1:12: syntax error` });
  const checked = { do: 'checked', steps: [step], by } as const;
  expect(brokenAlready(checked, fails('/etc/sudoers.d/b'))).toMatchObject({
    says: expect.stringContaining('visudo -c fails already'),
  });
  expect(brokenAlready(checked, fails('/etc/sudoers.d/a'))).toBeUndefined();
});
