import type { Problem } from '../problem.ts';
import { describe, effectOf, labelOf, open, predictedFrom, settledText, signOf } from './changes.ts';
import { escapeMarkup } from './markup.ts';
import type { Span } from './style.ts';
import type { ChangeView, CommandView, ResourceView } from './view.ts';

/** Characters of the output of a failed command. Of a longer output, the end is shown. */
const mostCharacters = 20_000;

/** The changes of a resource on hosts on which the lines of its texts are the same. */
export interface Variant {
  hosts: string;
  changes: readonly ChangeView[];
}

/** Returns the list of some resources in HTML, with the lines of their texts on each host. */
export function resourceList(
  resources: readonly ResourceView[],
  variantsOf: (resource: ResourceView) => readonly Variant[] = () => [],
): string {
  return `<ol>${resources.map(resource => item(resource, variantsOf(resource))).join('')}</ol>`;
}

function item(resource: ResourceView, variants: readonly Variant[]): string {
  const { module, status, doubt, warning, deviation, error } = resource;
  const after = status === 'would_change' ? predictedFrom(resource) : [];
  const planned = deviation?.planned ? spans(describe(deviation.planned, resource).flat()) : 'no change';
  return (
    `<li class="${effectOf(resource)}"><span class="sign">${signOf(resource).text}</span>` +
    `<b>${escapeMarkup(labelOf(resource))}</b> <code>${escapeMarkup(module)}</code> ` +
    `<span class="what">${what(resource)}</span>` +
    (after.length > 0 ? ` <span class="after">after ${escapeMarkup(after.join(', '))}</span>` : '') +
    (doubt === undefined || status !== 'would_change'
      ? ''
      : `<p class="deviation">may fail: ${escapeMarkup(doubt)}</p>`) +
    (warning === undefined || status !== 'would_change'
      ? ''
      : `<p class="deviation">note: ${escapeMarkup(warning)}</p>`) +
    (deviation === null ? '' : `<p class="deviation">≠ the plan showed: ${planned}</p>`) +
    (error === null ? '' : problemBox(error)) +
    (status === 'failed' ? outputBox(resource.commands ?? []) : '') +
    `${textBoxes(variants)}</li>`
  );
}

function what(resource: ResourceView): string {
  const { status, diff, skipped, unknown } = resource;
  if (diff !== null) return spans(describe(diff, resource).flat());
  if (status === 'would_change') return open;
  if (status === 'unchanged') return escapeMarkup(settledText(resource));
  if (unknown !== undefined) return `unknown here: ${escapeMarkup(unknown)}`;
  return skipped === undefined ? '' : `skipped: ${escapeMarkup(skipped)}`;
}

/** Returns the lines of the texts: those of the first variant unfolded, those of all others folded together. */
function textBoxes(variants: readonly Variant[]): string {
  const boxes = variants.map(({ hosts, changes }, i) =>
    changes.map(change => textBox(change, variants.length === 1 ? '' : ` on ${hosts}`, i === 0)).join(''),
  );
  const [first = '', ...others] = boxes;
  if (others.join('') === '') return first;
  const words = others.length === 1 ? '1 other variant' : `${others.length} other variants`;
  return `${first}<details><summary>${words}</summary>${others.join('')}</details>`;
}

function textBox({ key, text }: ChangeView, where: string, isOpen: boolean): string {
  if (text === undefined || text.lines.length === 0) return '';
  const classes: Readonly<Record<string, string>> = { '+': 'ins', '-': 'del', '@': 'gap', '\\': 'gap' };
  const lines = text.lines
    .map(line => `<span class="${classes[line[0]!] ?? ''}">${escapeMarkup(line)}</span>`)
    .join('\n');
  return `<details${isOpen ? ' open' : ''}><summary>${escapeMarkup(key + where)}</summary><pre>${lines}</pre></details>`;
}

/** Returns the commands of a failed change with their output. */
function outputBox(commands: readonly CommandView[]): string {
  if (commands.length === 0) return '';
  const text = commands.map(({ command, output }) => `$ ${command}\n${output}`).join('\n');
  const shown = text.length <= mostCharacters ? text : `…${text.slice(-mostCharacters)}`;
  return `<details class="output"><summary>output</summary><pre>${escapeMarkup(shown)}</pre></details>`;
}

export function problemBox({ code, message, cause, hint, at }: Problem): string {
  const place = at === undefined ? '' : `<code>${escapeMarkup(`${at.file}:${at.line}`)}</code> `;
  return (
    `<div class="problem"><p>${place}${escapeMarkup(message)} <code>${code}</code></p>` +
    (cause === undefined ? '' : `<pre>${escapeMarkup(cause)}</pre>`) +
    (hint === undefined ? '' : `<p class="hint">${escapeMarkup(hint)}</p>`) +
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
