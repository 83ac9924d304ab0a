import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { htmlReport, type Origin } from '../../../engine/report/html.ts';
import { ChromiumPage, chromiumPath, describeChromium } from '../../chromium.ts';
import { fleetCheck } from './fleet.ts';
import { fullRun, play, recordOf } from './full-run.ts';
import { reportRun } from './report-run.ts';
import { flaskPlan, outcome, result, Sample } from './sample.ts';

const headings = (html: string) => [...html.matchAll(/<h3>(.*?)<\/h3>/g)].map(([, name]) => name);
const status = (html: string) => /role="status">(.*?)</.exec(html)![1];
const origin: Origin = { by: 'alice@laptop', inventories: ['hosts.yml'], commit: '1a2b3c4d5e6f-dirty' };

describe('the HTML report', () => {
  const html = htmlReport(recordOf(fullRun()));

  it('needs no other file and no script, and escapes its texts', () => {
    for (const each of [html, htmlReport(recordOf(reportRun()), origin)])
      expect(each).not.toMatch(/<(?:script|link|img)|https?:\/\/|url\(/);
    expect(html).toContain('psql exited 3 &lt;b&gt;&amp;&quot;&#39;');
  });

  it('has a card for each host with a different result, failures first', () => {
    expect(headings(html)).toEqual(['web1', 'web3', 'web2']);
    expect(headings(htmlReport(recordOf(reportRun())))).toEqual([
      'web5',
      'web6',
      'web1…web3 <small>3 hosts</small>',
      'web4',
    ]);
  });

  it('shows hosts with the same result once', () => {
    const sample = new Sample();
    sample.emit({ event: 'run_started', playbook: 'p.yml', play, check: true, hosts: ['a', 'b'] });
    for (const host of ['a', 'b']) {
      sample.emit({ event: 'host_plan', host, play, resources: flaskPlan('would_change').blank });
    }
    expect(htmlReport(recordOf(sample))).toContain('<h3>a, b <small>2 hosts</small></h3>');
  });

  it('shows hosts that differ only in the lines of a text in one card, with the lines of each', () => {
    const whole = htmlReport(recordOf(fleetCheck(50)));
    expect(headings(whole)).toEqual([
      'web31',
      'all 50 hosts except web2, web12, web21, web22, web31, web32, web42 <small>43 hosts</small>',
      'web2, web12, web22, web32, web42 <small>5 hosts</small>',
      'web21',
    ]);
    expect(whole).toContain(
      '<details><summary>42 other variants</summary><details><summary>content on web3<',
    );
    for (const host of ['web1', 'web50']) {
      expect(whole).toContain(`<summary>content on ${host}</summary>`);
      expect(whole).toContain(`>+HOST=${host}<`);
    }
  });

  it('says in one line how the run went', () => {
    expect(status(htmlReport(recordOf(reportRun())))).toBe(
      '✗ 1 of 6 hosts failed, 1 unreachable · 7 changes on 4 of 6 hosts',
    );
    expect(status(htmlReport(recordOf(fleetCheck(2))))).toBe('~ 19 changes planned on 2 of 2 hosts');
    const calm = new Sample();
    calm.emit({ event: 'run_started', playbook: 'p.yml', play, check: false, hosts: ['a'] });
    calm.emit({ event: 'resource', host: 'a', play, ...outcome('Motd', 'file', 'unchanged') });
    calm.emit({ event: 'host_finished', host: 'a', result: result('ok', { unchanged: 1 }), problems: [] });
    expect(status(htmlReport(recordOf(calm)))).toBe('✓ The host is as declared');
  });

  it('names the account, the commit and the inventory', () => {
    const whole = htmlReport(recordOf(reportRun()), origin);
    for (const text of ['alice@laptop', 'hosts.yml', '1a2b3c4d5e6f-dirty'])
      expect(whole).toMatch(new RegExp(`<dd>(<code>)?${text}(</code>)?</dd>`));
  });

  it('shows the time of each host and of its long resources', () => {
    const whole = htmlReport(recordOf(reportRun()));
    expect(whole).toContain('<i class="busy" style="left:2.50%;width:60.00%" title="web1: 24 s"></i>');
    expect(whole).toContain(
      '<i class="update" style="left:5.00%;width:32.50%" title="System packages: 13 s"></i>',
    );
  });

  it('shows the commands of what failed, with their output', () => {
    expect(htmlReport(recordOf(reportRun()))).toContain('<pre>$ nginx -t\nnginx: configuration file xxx');
  });

  it('closes every element that it opens', () => {
    const open: string[] = [];
    for (const [, closing, name] of html.matchAll(/<(\/?)([a-z0-9]+)[^>]*>/g)) {
      if (name === 'meta' || name === 'input') continue;
      if (closing) expect(open.pop()).toBe(name);
      else open.push(name!);
    }
    expect(open).toEqual([]);
  });
});

describeChromium('the HTML report in Chromium', () => {
  let page: ChromiumPage;
  beforeAll(async () => {
    page = await ChromiumPage.open(chromiumPath()!);
  }, 60_000);
  afterAll(() => page?.close());

  const html = htmlReport(recordOf(reportRun()), origin);
  const shownHosts = () =>
    page.value<string[]>(
      `[...document.querySelectorAll('.hosts tbody tr, article')].filter(each => each.checkVisibility()).map(each => each.querySelector('a, h3').firstChild.data.trim())`,
    );
  const focused = () => page.value<string>('document.activeElement.id || document.activeElement.hash');

  it.each([400, 800, 1400])('fits a window of %i pixels', async width => {
    await page.show(html, width);
    expect(await page.value('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
  });

  it('links each row of the table to its card', async () => {
    await page.show(html, 800);
    expect(
      await page.value(`[...document.querySelectorAll('.hosts a')].map(({ hash, firstChild }) => [firstChild.data,
        document.querySelector(hash).querySelector('h3').firstChild.data.trim()])`),
    ).toEqual(['web5', 'web6', 'web1…web3', 'web4'].map(name => [name, name]));
  });

  it('filters the table and the cards by the keyboard alone', async () => {
    await page.show(html, 800);
    expect(await shownHosts()).toEqual([
      ...['web5', 'web6', 'web1…web3', 'web4'],
      ...['web5', 'web6', 'web1…web3', 'web4'],
    ]);
    await page.press('Tab');
    expect(await focused()).toBe('show-all');
    await page.press('ArrowRight');
    expect(await shownHosts()).toEqual(['web5', 'web6', 'web5', 'web6']);
    await page.press('ArrowRight');
    expect(await shownHosts()).toEqual(['web1…web3', 'web1…web3']);
    for (const _ of ['the table', 'its first link']) await page.press('Tab');
    expect(await focused()).toBe('#hosts-3');
  });

  it('is dark in a dark browser, and white without the filter on paper', async () => {
    await page.show(html, 800);
    const look = async (media: string) => {
      const features = [{ name: 'prefers-color-scheme', value: 'dark' }];
      await page.send('Emulation.setEmulatedMedia', { media, features });
      return page.value(
        `[getComputedStyle(document.body).backgroundColor, document.querySelector('.filter').checkVisibility()]`,
      );
    };
    expect(await look('screen')).toEqual(['rgb(20, 23, 28)', true]);
    expect(await look('print')).toEqual(['rgb(255, 255, 255)', false]);
  });
});
