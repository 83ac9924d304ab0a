import { expect, it } from 'vitest';
import { packagesWrite, unitAt } from '../../engine/host-knowledge.ts';

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

it.each([
  ['/etc/systemd/system/app.service', 'app.service', 'file'],
  ['/etc/systemd/system/app.service.d/a.conf', 'app.service', 'drop-in'],
  ['/etc/containers/systemd/web.container', 'web.service', 'quadlet'],
  ['/etc/containers/systemd/web.network', 'web-network.service', 'quadlet'],
])('%s is read for %s', (path, name, part) => {
  expect(unitAt(path)).toEqual({ name, part });
});
