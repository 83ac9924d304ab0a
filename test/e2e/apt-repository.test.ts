import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.ts';
import { newer, older } from '../lab/releases.ts';
import { describeLab } from '../lab/require.ts';
import { expectAsShown } from './as-shown.ts';
import { build, errors, problems, reconcile, statuses } from './reconcile.ts';

const managed = ['web1', 'web2'] as const;
const signers = 'apt-get -q update && apt-get -qy install --no-install-recommends gpg gpg-agent busybox';

describeLab('a repository that a vendor signs', () => {
  let lab: Lab<'vendor' | (typeof managed)[number]>;
  let folder: string;
  let at: string;
  let keys: { one: string; two: string };

  const must = async (name: keyof typeof lab.hosts, script: string) => {
    const { code, stdout, stderr } = await lab.exec(name, script);
    expect([code, stderr]).toEqual([0, '']);
    return stdout;
  };
  const apply = async (resources: unknown[], ...words: string[]) => {
    writeFileSync(join(folder, 'site.yml'), JSON.stringify({ hosts: managed, become: true, resources }));
    return reconcile(folder, ['apply', 'site.yml', '--json', ...words]);
  };
  /** Expects that the check shows the changes of the apply, and that a second apply changes nothing. */
  const expectApplied = async (...resources: unknown[]) => {
    const checked = await apply(resources, '--check');
    expect([checked.exit, problems(checked)]).toEqual([2, []]);
    const applied = await apply(resources);
    expect([applied.exit, problems(applied)]).toEqual([0, []]);
    for (const name of managed) expectAsShown(checked, applied, name);
    const again = await apply(resources);
    expect([again.exit, managed.flatMap(name => Object.values(statuses(again, name)))]).toEqual([
      0,
      managed.flatMap(() => resources.map(() => 'unchanged')),
    ]);
  };
  const vendor = (more: object = {}) => ({
    apt_repository: { name: 'vendor', uris: [at], suites: ['stable'], components: ['main'], ...more },
  });
  const fetched = (name: 'one' | 'two') => ({ key: { url: `${at}/${name}.asc`, fingerprint: keys[name] } });
  const configuration = () =>
    Promise.all(managed.map(name => must(name, 'cd /etc/apt && find . -type f -exec sha256sum {} + | sort')));

  beforeAll(async () => {
    build();
    const prepared = { release: older, prepared: signers };
    lab = await openLab({ hosts: { web1: older, web2: newer, vendor: prepared } });
    folder = mkdtempSync(join(tmpdir(), 'reconcile-e2e-'));
    writeFileSync(join(folder, 'inventory.yml'), lab.inventory());
    const made = await lab.exec('vendor', readFileSync(join(import.meta.dirname, 'vendor.sh'), 'utf8'));
    expect(made).toMatchObject({ code: 0 });
    at = `http://${lab.hosts.vendor.address}:8099`;
    const [one = '', two = ''] = (await must('vendor', 'cd /srv/vendor && cat one two')).split('\n');
    keys = { one, two };
    for (const name of ['one.asc', 'two.asc', 'both.gpg'])
      writeFileSync(join(folder, name), readFileSync(join(lab.root('vendor'), 'srv/vendor', name)));
    // The caching proxy of the lab would keep packages of an earlier vendor.
    for (const name of managed)
      await must(
        name,
        `echo 'Acquire::http::Proxy::${lab.hosts.vendor.address} "DIRECT";' >/etc/apt/apt.conf.d/90vendor`,
      );
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });

  it('gives a blank host its package in the pinned version, without gnupg', async () => {
    const pin = { packages: ['vendor-tool'], version: '1.0', priority: 1001 };
    await expectApplied(vendor({ ...fetched('one'), pin }), { apt: { packages: ['vendor-tool'] } });
    for (const name of managed)
      expect(
        await must(name, "dpkg-query -f '${Version}' -W vendor-tool; command -v gpg || echo :none"),
      ).toBe('1.0:none\n');
  });

  it('is usable again after the vendor and the playbook rotate the key', async () => {
    await must('vendor', '/srv/sign two');
    for (const name of managed)
      expect((await lab.exec(name, 'apt-get -q update --error-on=any')).code).toBe(100);
    await expectApplied(vendor(fetched('two')));
    for (const name of managed) await must(name, 'apt-get -q update --error-on=any');
    await must('vendor', '/srv/sign one');
    await expectApplied(vendor({ src: 'both.gpg' }));
  });

  it('is left as it is when something about a new source is wrong', async () => {
    const before = await configuration();
    const wrong: [reason: string, more: object][] = [
      ['has the fingerprint', { key: { url: `${at}/two.asc`, fingerprint: keys.one } }],
      ['has the fingerprint', { key: { url: `${at}/both.gpg`, fingerprint: keys.one } }],
      ['cannot be fetched', { key: { url: `${at}/none.asc`, fingerprint: keys.one } }],
      ['is not a public key', { key: { url: `${at}/dists/stable/Release`, fingerprint: keys.one } }],
      ['is not signed', { src: 'two.asc' }],
      ['does not have a Release file', { src: 'one.asc', suites: ['unstable'] }],
      ['has no component mian, only: main', { src: 'one.asc', components: ['mian'] }],
      ['Failed to fetch http', { src: 'one.asc', uris: [`http://${lab.hosts.vendor.address}:8098`] }],
    ];
    for (const [reason, more] of wrong) {
      const checked = await apply([vendor(more)], '--check');
      expect([reason, checked.exit, problems(checked)]).toEqual([reason, 2, []]);
      const { exit, events } = await apply([vendor(more)]);
      const said = errors({ exit, events, stdout: '', stderr: '' }).map(each => JSON.stringify(each));
      expect([exit, said]).toEqual([1, managed.map(() => expect.stringContaining(reason))]);
    }
    expect(await configuration()).toEqual(before);
  });

  it('replaces an older file of the same repository, beside which apt would read no source', async () => {
    for (const name of managed)
      await must(
        name,
        `cd /etc/apt && cp keyrings/vendor.gpg keyrings/old.gpg && rm sources.list.d/vendor.sources &&
        echo 'deb [signed-by=/etc/apt/keyrings/old.gpg] ${at} stable main' >sources.list.d/old.list`,
      );
    const checked = await apply([vendor({ src: 'one.asc' })], '--check');
    expect(errors(checked).map(({ code }) => code)).toEqual(['obstacle', 'obstacle']);
    const replaces = ['/etc/apt/sources.list.d/old.list'];
    await expectApplied(vendor({ src: 'one.asc', replaces }));
    for (const name of managed) await must(name, 'apt-get -q update --error-on=any');
  });

  it('stays unchanged while the vendor is gone, and a new one is Debian’s own', async () => {
    await must('vendor', 'systemctl stop vendor');
    expect((await apply([vendor({ src: 'one.asc' })])).exit).toBe(0);
    await expectApplied({
      apt_repository: {
        name: 'backports',
        uris: ['http://deb.debian.org/debian'],
        suites: ['{{ facts.os.codename }}-backports'],
        components: ['main', 'contrib'],
        signed_by: '/usr/share/keyrings/debian-archive-keyring.gpg',
        pin: { packages: ['golang-*'], release: 'n={{ facts.os.codename }}-backports', priority: 600 },
      },
    });
    await expectApplied({ apt_repository: { name: 'vendor', state: 'absent' } });
    for (const name of managed) {
      const left = await must(name, 'ls /etc/apt/sources.list.d /etc/apt/keyrings /etc/apt/preferences.d');
      expect(left).not.toContain('vendor');
      await must(name, 'apt-get -q update --error-on=any');
      expect(await must(name, 'apt-cache policy golang-go')).toMatch(/Candidate: .*~bpo/);
    }
  });
});
