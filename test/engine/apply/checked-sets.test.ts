import { expect, test } from 'vitest';
import { inSets } from '../../../engine/apply/checked-sets.ts';
import type { Step } from '../../../engine/step.ts';

const write = (path: string): Step => ({ do: 'write', path, content: '' });

test('consecutive files of a set are checked together', () => {
  const steps = inSets([
    write('/etc/motd'),
    write('/etc/sudoers.d/a'),
    { do: 'attributes', path: '/etc/sudoers.d/a', mode: '0440' },
    write('/etc/ssh/sshd_config'),
    { do: 'owe', unit: 'ssh.service', action: 'reload', because: 'a' },
    { do: 'remove', path: '/etc/ssh/sshd_config.d/old' },
  ]);
  expect(steps.map(step => (step.do === 'checked' ? [step.label, step.steps.length] : step.do))).toEqual([
    'write',
    ['visudo -c', 2],
    ['sshd -t', 1],
    'owe',
    ['sshd -t', 1],
  ]);
});

test.each([
  '/etc/ssh/ssh_host_ed25519_key',
  '/etc/ssh/sshd_config.dpkg-old',
  '/etc/sudoers.old',
  '/srv/etc/nginx/x',
])('%s belongs to no set', path => {
  expect(inSets([write(path)])).toEqual([write(path)]);
});
