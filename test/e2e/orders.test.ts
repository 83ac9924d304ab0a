import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseDocument, type YAMLMap, type YAMLSeq } from 'yaml';
import { type Lab, openLab } from '../lab/lab.ts';
import { describeLab } from '../lab/require.ts';
import { expectAsShown } from './as-shown.ts';
import { build, named, problems, type Ran, reconcile, statuses, triedAlone, workspace } from './reconcile.ts';

/** The resources of a playbook in order, and what is done to them. */
type Resources = YAMLSeq<YAMLMap>;

const at = (resources: Resources, name: string): number =>
  resources.items.findIndex(item => item.get('name') === name);

/** Puts one resource right before or behind another one. */
function move(resources: Resources, name: string, where: 'before' | 'behind', other: string): void {
  const [moved] = resources.items.splice(at(resources, name), 1);
  resources.items.splice(at(resources, other) + (where === 'behind' ? 1 : 0), 0, moved!);
}

interface Order {
  title: string;
  host: 'web1' | 'web2' | 'web3' | 'web4';
  change(resources: Resources): void;
  /** The resource whose line is named where the engine cannot find the order by itself. */
  named?: string;
}

const orders: Order[] = [
  {
    title: 'the certificate after the site that uses it',
    host: 'web1',
    change: resources => move(resources, 'Certificate', 'behind', 'Site'),
    named: 'Certificate',
  },
  {
    title: 'the default site last',
    host: 'web2',
    change: resources => move(resources, 'Default site', 'behind', 'Site'),
  },
  {
    title: 'the environment before the code that its requirements are part of',
    host: 'web3',
    change: resources => move(resources, 'Python packages', 'before', 'App code'),
    named: 'App code',
  },
  {
    title: 'the default site taken away as a link',
    host: 'web4',
    change(resources) {
      const path = '/etc/nginx/sites-enabled/default';
      const link = { path, target: '/etc/nginx/sites-available/default', state: 'absent' };
      const site = resources.items[at(resources, 'Default site')]!;
      site.delete('nginx_site');
      site.set('link', link);
    },
  },
];

describeLab('the Flask stack as others would write it', () => {
  let lab: Lab<Order['host']>;
  let folder: string;

  beforeAll(async () => {
    build();
    const hosts = { web1: 'bookworm', web2: 'trixie', web3: 'trixie', web4: 'bookworm' } as const;
    lab = await openLab({ hosts, acme: true });
    const groups = Object.fromEntries(
      orders.map(({ host }) => {
        const { directory, caBundle } = lab.hosts[host].acme;
        return [`of_${host}`, { hosts: [host], vars: { acme_server: directory, acme_ca_bundle: caBundle } }];
      }),
    );
    folder = workspace(lab, { groups });
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });

  describe.each(orders)('with $title', ({ host, change, named: later }) => {
    let text: string;
    let checked: Ran;
    const apply = (...args: string[]) => reconcile(folder, ['apply', `${host}.yml`, '--json', ...args]);

    beforeAll(async () => {
      const document = parseDocument(readFileSync(join(folder, triedAlone.flask), 'utf8'));
      document.set('hosts', host);
      change(document.get('resources') as Resources);
      text = document.toString({ lineWidth: 0 });
      writeFileSync(join(folder, `${host}.yml`), text);
      checked = await apply('--check');
    });

    const works = () => checked.exit === 2;

    it('either shows what it will do or is refused with the line to move, before anything is changed', async () => {
      if (works()) {
        expect(problems(checked)).toEqual([]);
        return;
      }
      expect(later, `the check exits ${checked.exit}: ${checked.stderr}`).toBeDefined();
      const told = checked.stderr + JSON.stringify(checked.events);
      const line = text.split('\n').findIndex(each => each.includes(`- name: ${later}`)) + 1;
      expect([[1, 3].includes(checked.exit), told]).toEqual([
        true,
        expect.stringMatching(new RegExp(`line ${line}\\b|:${line}:`)),
      ]);
      expect((await apply()).exit).toBe(checked.exit);
      const left = await lab.exec(
        host,
        'ls -A /srv /etc/nginx /etc/letsencrypt /var/lib/postgresql 2>/dev/null',
      );
      expect(left.stdout.replaceAll(/^.*:$/gm, '').trim()).toBe('');
    });

    it('does what it shows, serves the site, and then changes nothing', async () => {
      if (!works()) return;
      const applied = await apply();
      expect([applied.exit, problems(applied)]).toEqual([0, []]);
      expectAsShown(checked, applied, host);
      const answer = await lab.https(host, 'https://example.com/');
      expect([answer.status, answer.body]).toEqual([200, 'Flask + PostgreSQL + Nginx is running.']);
      const again = await apply();
      expect([again.exit, problems(again)]).toEqual([0, []]);
      expect(named(again, host, 'unchanged')).toEqual(Object.keys(statuses(again, host)));
    });
  });
});
