import { expect, it } from 'vitest';
import { packagesWrite } from '../../engine/host-knowledge.ts';

it('packages name their files in the folders of cron, logrotate and sudo after themselves', () => {
  expect(packagesWrite('/etc/cron.d/backup', ['cron', 'nginx'])).toBe(false);
  expect(packagesWrite('/etc/logrotate.d/nginx', ['nginx-common'])).toBe(true);
  expect(packagesWrite('/etc/sudoers.d/90-cloud-init-users', ['cloud-init'])).toBe(true);
  expect(packagesWrite('/etc/cron.d/e2scrub_all', ['e2fsprogs'])).toBe(true);
});

it('packages write any file of other shared folders, but no file with a name that only reconcile gives', () => {
  expect(packagesWrite('/etc/modprobe.d/a.conf', ['nginx'])).toBe(true);
  expect(packagesWrite('/etc/systemd/journald.conf.d/zz-reconcile-journal.conf', ['systemd'])).toBe(false);
});
