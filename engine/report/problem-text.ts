import type { Place, Problem, Warning } from '../problem.ts';
import { columnsOf } from './columns.ts';
import { visible, visibleKeepingTabs, visibleLines } from './visible.ts';

/** Maximum number of characters of a source line. */
const lineWidth = 110;

/** Returns problems as text: place, sentence, code, the underlined source line, and the hint. Ends with LF. */
export function renderProblems(
  problems: readonly (Problem | Warning)[],
  options: { color?: boolean } = {},
): string {
  const paint = options.color === true ? colored : plain;
  return problems.map(problem => `${render(problem, paint)}\n`).join('\n');
}

interface Paint {
  strong(text: string): string;
  wrong(text: string): string;
  warning(text: string): string;
  faint(text: string): string;
}

const plain: Paint = {
  strong: text => text,
  wrong: text => text,
  warning: text => text,
  faint: text => text,
};
const code = (open: number, close: number) => (text: string) => `\u001b[${open}m${text}\u001b[${close}m`;
const colored: Paint = {
  strong: code(1, 22),
  wrong: code(31, 39),
  warning: code(33, 39),
  faint: code(2, 22),
};

function render(problem: Problem | Warning, paint: Paint): string {
  const { code, message, hint, at, via = [], host, resource, cause } = problem;
  const subject = [host, at === undefined ? undefined : `${at.file}:${at.line}:${at.column}`, resource];
  const start = subject.filter(part => part !== undefined).map(part => `${paint.strong(visible(part))}: `);
  const question = /^Did you mean [^\n]*\?$/.test(hint ?? '') ? ` ${visible(hint!)}` : '';
  const severity = 'severity' in problem ? `${paint.warning('warning:')} ` : '';
  const lines = [
    `${start.join('')}${severity}${visibleLines(sentence(message))}${question} ${paint.faint(`[${code}]`)}`,
  ];
  if (at?.text !== undefined) lines.push(...excerpt(at, at.text, paint));
  if (hint !== undefined && question === '') lines.push(...indented(hint));
  for (const { file, line, column } of via)
    lines.push(paint.faint(visible(`  included from ${file}:${line}:${column}`)));
  if (cause !== undefined && cause.trim() !== '') lines.push(...indented(cause));
  return lines.join('\n');
}

/** Returns the line of a place, and carets under its characters. */
function excerpt(at: Place, text: string, paint: Paint): string[] {
  // A long line is cut around the place.
  const from = at.column - 1 <= lineWidth - 20 ? 0 : at.column - 21;
  const shown = `${from > 0 ? '…' : ''}${text.slice(from, from + lineWidth)}`;
  const start = at.column - 1 - from + (from > 0 ? 1 : 0);
  const length = Math.max(1, Math.min(at.length ?? 1, shown.length - start));
  const columns = (text: string) => columnsOf(visible(text));
  const margin = `  ${at.line} | `;
  const padding = shown.slice(0, start).replace(/[^\t]+/g, part => ' '.repeat(columns(part)));
  const carets = '^'.repeat(Math.max(1, columns(shown.slice(start, start + length))));
  return [
    `${paint.faint(margin)}${visibleKeepingTabs(shown.trimEnd())}`,
    `${' '.repeat(margin.length - 2)}${paint.faint('|')} ${padding}${paint.wrong(carets)}`,
  ];
}

function indented(text: string): string[] {
  return visibleLines(text)
    .split('\n')
    .map(line => `  ${line}`.trimEnd());
}

function sentence(message: string): string {
  return /[.?!:…]$/.test(message) ? message : `${message}.`;
}
