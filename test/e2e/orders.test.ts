import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LineCounter, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml';
import { type Lab, openLab } from '../lab/lab.ts';
import { newer, older } from '../lab/releases.ts';
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
    const hosts = { web1: older, web2: newer, web3: newer, web4: older };
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

  for (const { title, ...order } of orders)
    it(`with ${title} agrees with its check, or is refused with the line to move`, () => live(order));

  async function live({ host, change, named: later }: Omit<Order, 'title'>): Promise<void> {
    const document = parseDocument(readFileSync(join(folder, triedAlone.flask), 'utf8'));
    document.set('hosts', host);
    change(document.get('resources') as Resources);
    const text = document.toString({ lineWidth: 0 });
    writeFileSync(join(folder, `${host}.yml`), text);
    const apply = (...args: string[]) => reconcile(folder, ['apply', `${host}.yml`, '--json', ...args]);
    const checked = await apply('--check');
    if (checked.exit === 2) await expectWorking(checked, host, apply);
    else {
      expect(later, `the check exits ${checked.exit}: ${checked.stderr}`).toBeDefined();
      await expectStopped(checked, host, apply, linesOf(text, later!));
    }
  }

  async function expectWorking(checked: Ran, host: Order['host'], apply: () => Promise<Ran>): Promise<void> {
    expect(problems(checked)).toEqual([]);
    const applied = await apply();
    expect([applied.exit, problems(applied)]).toEqual([0, []]);
    expectAsShown(checked, applied, host);
    const answer = await lab.https(host, 'https://example.com/');
    expect([answer.status, answer.body]).toEqual([200, 'Flask + PostgreSQL + Nginx is running.']);
    const again = await apply();
    expect([again.exit, problems(again)]).toEqual([0, []]);
    expect(named(again, host, 'unchanged')).toEqual(Object.keys(statuses(again, host)));
  }

  async function expectStopped(
    checked: Ran,
    host: Order['host'],
    apply: () => Promise<Ran>,
    lines: readonly number[],
  ): Promise<void> {
    expect([1, 3]).toContain(checked.exit);
    const told = checked.stderr + JSON.stringify(checked.events);
    expect(told).toMatch(new RegExp(`line (${lines.join('|')})\\b`));
    expect((await apply()).exit).toBe(checked.exit);
    const left = await lab.exec(host, 'ls -A /srv /etc/nginx /etc/letsencrypt /var/lib/postgresql 2>&1');
    expect(left.stdout.split('\n').filter(line => line && !/^\/srv:$|No such file/.test(line))).toEqual([]);
  }
});

/** The lines of a playbook that a resource stands on. */
function linesOf(text: string, name: string): number[] {
  const counter = new LineCounter();
  const resources = parseDocument(text, { lineCounter: counter }).get('resources') as Resources;
  const [start, end] = resources.items[at(resources, name)]!.range!;
  const [first, last] = [counter.linePos(start).line, counter.linePos(end).line];
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
