import { expect, it } from 'vitest';
import { aroundReboot, unprovenBefore } from '../../../engine/apply/reboot.ts';
import type { Risk } from '../../../engine/apply/risky-changes.ts';
import type { Step } from '../../../engine/step.ts';

const reboot: Step = { do: 'reboot', withinS: 600 };
const before: Step = { do: 'directory', path: '/srv/a' };
const after: Step = { do: 'directory', path: '/srv/b' };
const risk = (...armed: string[]) => ({ armed }) as unknown as Risk;

it('the steps after a reboot are apart from those before it', () => {
  expect(aroundReboot([before, reboot, after])).toEqual([[before, reboot], [after]]);
  expect(aroundReboot([before, after])).toEqual([[], [before, after]]);
});

it('a reboot is refused while the host would revert a risky change at boot', () => {
  expect(unprovenBefore([reboot], risk('sshd settings'))?.says).toContain('sshd settings');
  expect(unprovenBefore([reboot], risk())).toBeUndefined();
  expect(unprovenBefore([before], risk('sshd settings'))).toBeUndefined();
});
