import type { HostResult } from '../events.ts';
import type { Problem } from '../problem.ts';
import { grouped } from '../util/grouped.ts';
import { describe, labelOf, open, predictedFrom, signOf } from './changes.ts';
import { nameList } from './columns.ts';
import { css } from './html-style.ts';
import { escapeMarkup } from './markup.ts';
import type { HostRecord, PlayRecord, RunRecord } from './record.ts';
import type { Span } from './style.ts';
import type { ChangeView, ResourceView } from './view.ts';

/** Returns the run as one HTML file without other files. Hosts with the same result share a card. */
export function htmlReport(record: RunRecord): string {
  const title = [...record.plays.keys()].join(', ') || record.playbook;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeMarkup(title)} · reconcile</title>
<style>${css}</style>
</head>
<body>
<header>
<p class="kind">${record.check ? 'Check: nothing was changed' : 'Apply'}</p>
<h1>${escapeMarkup(title)}</h1>
<p class="facts"><code>${escapeMarkup(record.playbook)}</code> · <time datetime="${record.startedAt}">${escapeMarkup(
    record.startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC'),
  )}</time> · ${(record.durationMs / 1000).toFixed(1)} s</p>
</header>
<main>
${tiles(record)}
${[...record.plays.values()].map((play, i, all) => playSection(record, play, all.slice(i + 1))).join('\n')}
</main>
</body>
</html>
`;
}

function tiles(record: RunRecord): string {
  const results = [...record.results.values()];
  const sum = (key: Exclude<keyof HostResult, 'status'>) =>
    results.reduce((all, result) => all + (result[key] ?? 0), 0);
  const unreachable = results.filter(({ status }) => status === 'unreachable').length;
  const tile = (count: number, name: string, kind: string) =>
    `<li class="${count > 0 ? kind : 'none'}"><b>${count}</b> ${name}</li>`;
  return `<ul class="tiles">
${tile(record.hosts.length, record.hosts.length === 1 ? 'host' : 'hosts', 'hosts')}
${tile(sum('changed'), record.check ? 'would change' : 'changed', 'changed')}
${tile(sum('unchanged'), 'unchanged', 'unchanged')}
${tile(sum('failed'), 'failed', 'failed')}
${tile(unreachable, 'unreachable', 'failed')}
${tile(sum('deviations'), sum('deviations') === 1 ? 'deviation' : 'deviations', 'deviation')}
</ul>`;
}

function playSection(record: RunRecord, play: PlayRecord, later: readonly PlayRecord[]): string {
  const groups = grouped(play.hosts.values(), host => {
    const last = !later.some(({ hosts }) => hosts.has(host.host));
    return cardBody(host, last ? record.hostProblems(host.host) : []);
  });
  const cards = [...groups].map(([card, hosts]) => {
    const count = hosts.length > 1 ? ` <small>${hosts.length} hosts</small>` : '';
    return `<article><h3>${escapeMarkup(nameList(hosts.map(({ host }) => host)))}${count}</h3>${card}</article>`;
  });
  return `<section><h2>${escapeMarkup(play.name)}</h2>\n${cards.join('\n')}\n</section>`;
}

function cardBody(host: HostRecord, problems: readonly Problem[]): string {
  const resources = [...host.resources.values()];
  const quiet = (resource: ResourceView) =>
    (resource.status === 'unchanged' || resource.status === 'skipped') && resource.deviation === null;
  const loud = resources.filter(resource => !quiet(resource));
  const rest = resources.filter(quiet);
  const count = (status: ResourceView['status']) =>
    rest.filter(resource => resource.status === status).length;
  const words = [
    `${count('unchanged')} unchanged`,
    ...(count('skipped') > 0 ? [`${count('skipped')} skipped`] : []),
  ];
  return [
    ...problems.map(problemBox),
    loud.length === 0 && problems.length === 0 ? '<p class="quiet">Everything is as declared.</p>' : '',
    loud.length === 0 ? '' : `<ol>${loud.map(row).join('')}</ol>`,
    rest.length === 0
      ? ''
      : `<details><summary>${words.join(', ')}</summary><ol>${rest.map(row).join('')}</ol></details>`,
  ].join('');
}

function row(resource: ResourceView): string {
  const { module, status, diff, doubt, deviation, error, skipped } = resource;
  const after = status === 'would_change' ? predictedFrom(resource) : [];
  const kind = status === 'failed' ? 'failed' : (diff?.kind ?? status);
  const words = skipped === undefined ? '' : `skipped: ${escapeMarkup(skipped)}`;
  const what =
    diff === null ? (status === 'would_change' ? open : words) : spans(describe(diff, resource).flat());
  const texts = (diff?.changes ?? []).map(textBox).join('');
  const planned = deviation?.planned ? spans(describe(deviation.planned, resource).flat()) : 'no change';
  return (
    `<li class="${kind}"><span class="sign">${signOf(resource).text}</span><b>${escapeMarkup(labelOf(resource))}</b> ` +
    `<code>${escapeMarkup(module)}</code> <span class="what">${what}</span>` +
    (after.length > 0 ? ` <span class="after">after ${escapeMarkup(after.join(', '))}</span>` : '') +
    (doubt === undefined || status !== 'would_change'
      ? ''
      : `<p class="deviation">may fail: ${escapeMarkup(doubt)}</p>`) +
    (deviation === null ? '' : `<p class="deviation">≠ the plan showed: ${planned}</p>`) +
    (error === null ? '' : problemBox(error)) +
    `${texts}</li>`
  );
}

function textBox({ key, text }: ChangeView): string {
  if (text === undefined || text.lines.length === 0) return '';
  const classes: Readonly<Record<string, string>> = { '+': 'ins', '-': 'del', '@': 'gap', '\\': 'gap' };
  const lines = text.lines
    .map(line => `<span class="${classes[line[0]!] ?? ''}">${escapeMarkup(line)}</span>`)
    .join('\n');
  return `<details open><summary>${escapeMarkup(key)}</summary><pre>${lines}</pre></details>`;
}

function problemBox({ code, message, cause, hint, at }: Problem): string {
  const place = at === undefined ? '' : `<code>${escapeMarkup(`${at.file}:${at.line}`)}</code> `;
  return (
    `<div class="problem"><p>${place}${escapeMarkup(message)} <code>${code}</code></p>` +
    (cause === undefined ? '' : `<pre>${escapeMarkup(cause)}</pre>`) +
    (hint === undefined ? '' : `<p>${escapeMarkup(hint)}</p>`) +
    '</div>'
  );
}

/** The classes of the spans: green for additions, red for removals. */
function spans(list: readonly Span[]): string {
  const tags: Readonly<Record<string, string>> = { green: 'ins', red: 'del' };
  return list
    .map(({ text, style }) => {
      const tag = typeof style === 'string' ? tags[style] : undefined;
      return tag === undefined ? escapeMarkup(text) : `<${tag}>${escapeMarkup(text)}</${tag}>`;
    })
    .join('');
}
