import type { HostResult } from '../events.ts';
import { grouped } from '../util/grouped.ts';
import { hostList, nameList } from './columns.ts';
import { problemBox, resourceList } from './html-resource.ts';
import { css } from './html-style.ts';
import { durationText, timeline } from './html-timeline.ts';
import { escapeMarkup } from './markup.ts';
import type { HostRecord, RunRecord } from './record.ts';
import type { ResourceView } from './view.ts';

/** Where a run came from, as plain text. */
export interface Origin {
  /** Account and machine: `alice@laptop`. */
  by: string;
  inventories: readonly string[];
  /** The commit of the playbook's repository, with `-dirty` if files differ from it. */
  commit?: string;
}

/** Hosts that ended alike, in every play. */
interface Group {
  id: string;
  hosts: string[];
  kind: Kind;
  result: HostResult | undefined;
  card: string;
}

/** The ends of hosts, worst first, with their words in the filter. */
const kinds = { failed: 'failed', changed: 'changed', ok: 'as declared' } as const;
type Kind = keyof typeof kinds;

/**
 * Returns the run as one HTML file without other files and without scripts: how it went, a table of the hosts with failures
 * first, the times, and a card for each group of hosts that ended alike.
 */
export function htmlReport(record: RunRecord, origin?: Origin): string {
  const title = [...record.plays.keys()].join(', ') || record.playbook;
  const groups = groupsOf(record);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeMarkup(title)} · reconcile</title>
<style>${css}</style>
</head>
<body>
<header>
<p class="kind">${record.check ? 'Check: nothing was changed' : 'Apply'}</p>
<h1>${escapeMarkup(title)}</h1>
${statusLine(record)}
${facts(record, origin)}
</header>
<main>
${hostTable(record, groups)}
${timeline(record)}
<section><h2>Details</h2>
${groups.map(({ id, hosts, kind, card }) => `<article id="${id}" data-kind="${kind}"><h3>${groupTitle(hosts, record)}</h3>${card}</article>`).join('\n')}
</section>
</main>
</body>
</html>
`;
}

function groupTitle(hosts: readonly string[], record: RunRecord): string {
  const count = hosts.length > 1 ? ` <small>${hosts.length} hosts</small>` : '';
  return escapeMarkup(hostList(hosts, record.hosts, Infinity)) + count;
}

/** Returns in one line how the run went. */
function statusLine(record: RunRecord): string {
  const results = [...record.results.values()];
  const all = record.hosts.length;
  const count = (...wanted: HostResult['status'][]) =>
    results.filter(({ status }) => wanted.includes(status)).length;
  const changes = results.reduce((sum, { changed }) => sum + changed, 0);
  const changing = results.filter(({ changed }) => changed > 0).length;
  const ended: [number, string][] = [
    [count('failed'), record.check ? 'cannot be applied to' : 'failed'],
    [count('reverted'), 'reverted'],
    [count('unreachable'), 'unreachable'],
    [count('not_reached'), 'not reached'],
  ];
  const bad = ended
    .filter(([number]) => number > 0)
    .map(([number, words], i) =>
      i === 0 ? `${number} of ${counted(all, 'host')} ${words}` : `${number} ${words}`,
    );
  const changed =
    changes === 0
      ? ''
      : `${counted(changes, 'change')} ${record.check ? 'planned ' : ''}on ${changing} of ${counted(all, 'host')}`;
  const calm = all === 1 ? 'The host is as declared' : `All ${all} hosts are as declared`;
  const words = [
    ...(record.exitCode === 130 ? ['Interrupted'] : []),
    ...(record.stopped === undefined ? [] : [`Stopped: ${record.stopped.why.replace(/\.$/, '')}`]),
    ...(bad.length === 0 ? [] : [bad.join(', ')]),
    ...(changed === '' ? [] : [changed]),
  ];
  const isBad = bad.length > 0 || record.exitCode === 130 || record.stopped !== undefined;
  const kind = isBad ? 'failed' : changes > 0 ? 'changed' : 'ok';
  const sign = { failed: '✗', changed: record.check ? '~' : '✓', ok: '✓' }[kind];
  return `<p class="status ${kind}" role="status">${sign} ${escapeMarkup((words.length === 0 ? [calm] : words).join(' · '))}</p>`;
}

function facts(record: RunRecord, origin: Origin | undefined): string {
  const started = record.startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
  const code = (text: string) => `<code>${escapeMarkup(text)}</code>`;
  const rows: [string, string][] = [
    ['Playbook', code(record.playbook)],
    ...(origin === undefined
      ? []
      : ([
          ['Commit', origin.commit === undefined ? '' : code(origin.commit)],
          ['Inventory', origin.inventories.map(code).join(', ')],
          ['By', escapeMarkup(origin.by)],
        ] as [string, string][])),
    ['Started', `<time datetime="${escapeMarkup(record.startedAt)}">${escapeMarkup(started)}</time>`],
    ['Took', durationText(record.durationMs)],
  ];
  return `<dl>${rows
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`)
    .join('')}</dl>`;
}

/** Returns the groups of hosts that ended alike but for the lines of texts, failures first, then those with changes. */
function groupsOf(record: RunRecord): Group[] {
  const plays = [...record.plays.values()];
  const alike = grouped(record.hosts, host => {
    const problems = record.hostProblems(host).map(({ host: _, ...problem }) => problem);
    const outlines = plays.map(({ hosts }) =>
      [...(hosts.get(host)?.resources.values() ?? [])].map(outlineOf),
    );
    return JSON.stringify([record.results.get(host), problems, outlines]);
  });
  const groups = [...alike.values()].map(hosts => {
    const result = record.results.get(hosts[0]!);
    const bodies = plays.flatMap(play => {
      const own = hosts.flatMap(host => play.hosts.get(host) ?? []);
      const heading = plays.length > 1 ? `<h4>${escapeMarkup(play.name)}</h4>` : '';
      return own.length === 0 ? [] : [heading + playBody(own)];
    });
    const problems = record.hostProblems(hosts[0]!).map(problemBox).join('');
    return { hosts, result, kind: kindOf(result), card: problems + bodies.join('') };
  });
  const order = Object.keys(kinds);
  return groups
    .sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind))
    .map((group, i) => ({ ...group, id: `hosts-${i + 1}` }));
}

/** Returns what a card shows of a resource, without the lines of its texts. */
function outlineOf({ duration_ms: _, commands, error, diff, ...rest }: ResourceView): unknown {
  return {
    ...rest,
    ...(rest.status === 'failed' && { commands }),
    error: error && { ...error, host: undefined },
    diff: diff && {
      ...diff,
      changes: diff.changes.map(({ text, ...change }) => ({ ...change, text: text?.summary })),
    },
  };
}

function kindOf(result: HostResult | undefined): Kind {
  if (result === undefined) return 'failed';
  return result.status === 'ok' ? 'ok' : result.status === 'changed' ? 'changed' : 'failed';
}

/** Returns the resources of a play on hosts that are alike but for the lines of texts. */
function playBody(hosts: readonly HostRecord[]): string {
  const all = [...hosts[0]!.resources.values()];
  const variantsOf = ({ name }: ResourceView) =>
    [
      ...grouped(hosts, ({ resources }) =>
        JSON.stringify(resources.get(name)!.diff?.changes.map(({ text }) => text)),
      ).values(),
    ].map(own => ({
      hosts: nameList(own.map(({ host }) => host)),
      changes: own[0]!.resources.get(name)!.diff?.changes ?? [],
    }));
  const isQuiet = ({ status, deviation }: ResourceView) =>
    (status === 'unchanged' || status === 'skipped') && deviation === null;
  const loud = all.filter(resource => !isQuiet(resource));
  const rest = all.filter(isQuiet);
  const count = (status: ResourceView['status']) =>
    rest.filter(resource => resource.status === status).length;
  const words = [
    `${count('unchanged')} unchanged`,
    ...(count('skipped') > 0 ? [`${count('skipped')} skipped`] : []),
  ];
  return [
    loud.length > 0
      ? resourceList(loud, variantsOf)
      : rest.length > 0
        ? '<p class="quiet">Everything is as declared.</p>'
        : '',
    rest.length === 0 ? '' : `<details><summary>${words.join(', ')}</summary>${resourceList(rest)}</details>`,
  ].join('');
}

/** Returns the table of the hosts. Radio buttons filter it and the cards, without a script. */
function hostTable(record: RunRecord, groups: readonly Group[]): string {
  const hostsOf = (kind: Kind) =>
    groups.filter(group => group.kind === kind).reduce((sum, { hosts }) => sum + hosts.length, 0);
  const choice = (id: string, words: string, count: number, checked: boolean) =>
    `<label><input type="radio" name="show" id="show-${id}"${checked ? ' checked' : ''}> ${words} <b>${count}</b></label>`;
  const filter = [
    choice('all', 'all', record.hosts.length, true),
    ...Object.entries(kinds).map(([kind, words]) =>
      choice(kind, kind === 'changed' && record.check ? 'would change' : words, hostsOf(kind as Kind), false),
    ),
  ];
  const keys = ['changed', 'unchanged', 'failed', 'skipped', 'deviations'] as const;
  const cell = (count: number | undefined) =>
    count === undefined || count === 0 ? '<td class="none">0</td>' : `<td>${count}</td>`;
  const rows = groups.map(({ id, hosts, kind, result }) => {
    const status = result === undefined ? 'no result' : statusWords(result, record.check);
    return (
      `<tr data-kind="${kind}"><th scope="row"><a href="#${id}">${escapeMarkup(hostList(hosts, record.hosts, 3))}</a></th>` +
      `<td class="${kind}">${status}</td>${keys.map(key => cell(result?.[key])).join('')}</tr>`
    );
  });
  const heads = [
    'Host',
    'Result',
    record.check ? 'Would change' : 'Changed',
    'Unchanged',
    'Failed',
    'Skipped',
    'Deviations',
  ];
  return `<section><h2>Hosts</h2>
<fieldset class="filter"><legend>Show</legend>${filter.join('')}</fieldset>
<div class="wide" role="region" aria-label="Hosts" tabindex="0"><table class="hosts"><thead><tr>${heads.map(head => `<th scope="col">${head}</th>`).join('')}</tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div></section>`;
}

function statusWords({ status }: HostResult, check: boolean): string {
  if (status === 'ok') return kinds.ok;
  if (status === 'changed') return check ? 'would change' : 'changed';
  return status.replace('_', ' ');
}

function counted(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}
