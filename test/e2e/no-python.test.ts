import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.ts';
import { describeLab } from '../lab/require.ts';
import { build, named, reconcile, statuses } from './reconcile.ts';

const playbook = `
name: A stack without Python
hosts: all
become: true
resources:
  - name: Packages
    apt: { packages: [nginx, postgresql], update_cache: 1h, recommends: false }
  - pg_role: { name: app, createdb: true }
  - pg_database: { name: app, owner: app }
  - directory: { path: /srv/app, owner: www-data, mode: "0755" }
  - file: { path: /srv/app/index.html, content: "It needs no Python.\\n", owner: www-data, mode: "0644" }
  - name: Site
    nginx_site:
      name: app
      server_names: [_]
      listen: [8080]
      root: /srv/app
      locations: { /: { try_files: $uri $uri/ =404 } }
  - service: { name: nginx, enabled: true, state: running }
`;

describeLab('a host without python3', () => {
  let lab: Lab<'web1'>;
  let folder: string;
  beforeAll(async () => {
    build();
    lab = await openLab({ hosts: { web1: 'bookworm' } });
    folder = mkdtempSync(join(tmpdir(), 'reconcile-e2e-'));
    writeFileSync(join(folder, 'inventory.yml'), lab.inventory());
    writeFileSync(join(folder, 'site.yml'), playbook);
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });

  it('receives files, packages, a database and a site, as the check showed, and stays without python3', async () => {
    const checked = await reconcile(folder, ['apply', 'site.yml', '--check', '--json']);
    expect(checked.exit).toBe(2);
    const applied = await reconcile(folder, ['apply', 'site.yml', '--json']);
    expect([applied.exit, applied.events.filter(({ error }) => error)]).toEqual([0, []]);
    expect(named(applied, 'web1', 'changed')).toEqual(named(checked, 'web1', 'would_change'));
    const again = await reconcile(folder, ['apply', 'site.yml', '--json']);
    expect(named(again, 'web1', 'unchanged')).toEqual(Object.keys(statuses(again, 'web1')));
    const seen = await lab.exec(
      'web1',
      'command -v python3; runuser -u postgres -- psql -Atc "SELECT datname FROM pg_database" app',
    );
    expect(seen.stdout).toContain('app\n');
    expect(seen.stdout).not.toContain('python');
    const answer = await fetch(`http://${lab.hosts.web1.address}:8080/`);
    expect(await answer.text()).toBe('It needs no Python.\n');
  });
});
