import type { Place, Problem, Warning } from '../problem.ts';
import { columnsOf } from './columns.ts';
import { paint, paragraphs, type Span, span, wrap } from './style.ts';
import { visible, visibleKeepingTabs, visibleLines } from './visible.ts';

/** Maximum number of characters of a source line. */
const lineWidth = 110;

/**
 * Returns problems as text: place, sentence, code, the underlined source line, and the hint. Ends with LF. Sentences are
 * wrapped at `columns`; indented lines of a hint, such as commands, stay in one piece.
 */
export function renderProblems(
  problems: readonly (Problem | Warning)[],
  { color = false, columns = Infinity }: { color?: boolean; columns?: number } = {},
): string {
  return problems
    .map(problem =>
      linesOf(problem, columns)
        .map(line => `${paint(line, color)}\n`)
        .join(''),
    )
    .join('\n');
}

function linesOf(problem: Problem | Warning, columns: number): Span[][] {
  const { code, message, hint, at, via = [], host, resource, cause } = problem;
  const subject = [host, at === undefined ? undefined : `${at.file}:${at.line}:${at.column}`, resource];
  const start = subject.flatMap(part =>
    part === undefined ? [] : [span(visible(part), 'bold'), span(': ')],
  );
  const severity = 'severity' in problem ? [span('warning:', 'yellow'), span(' ')] : [];
  const question = /^Did you mean [^\n]*\?$/.test(hint ?? '') ? ` ${visible(hint!)}` : '';
  const sentences = `${visibleLines(sentence(message))}${question}`.split('\n');
  return [
    ...sentences.flatMap((text, i) => {
      const begin = i === 0 ? [...start, ...severity] : [];
      const end = i === sentences.length - 1 ? [span(' '), span(`[${code}]`, 'dim')] : [];
      const words = [...begin, span(text), ...end];
      return /^\s/.test(text) ? [words] : wrap(words, Math.max(10, columns));
    }),
    ...(at?.text === undefined ? [] : excerpt(at, at.text, columns)),
    ...(hint !== undefined && question === '' ? paragraphs(visibleLines(hint), 2, columns) : []),
    ...via.map(({ file, line, column }) => [
      span(visible(`  included from ${file}:${line}:${column}`), 'dim'),
    ]),
    ...(cause !== undefined && cause.trim() !== '' ? indented(cause) : []),
  ];
}

/** Returns the line of a place, and carets under its characters. */
function excerpt(at: Place, text: string, columns: number): Span[][] {
  const margin = `  ${at.line} | `;
  const width = Math.max(30, Math.min(lineWidth, columns - margin.length - 2));
  // A long line is cut around the place.
  const from = at.column - 1 <= width - 20 ? 0 : at.column - Math.min(21, width);
  const shown = `${from > 0 ? '…' : ''}${text.slice(from, from + width)}`;
  const start = at.column - 1 - from + (from > 0 ? 1 : 0);
  const length = Math.max(1, Math.min(at.length ?? 1, shown.length - start));
  const columnsIn = (text: string) => columnsOf(visible(text));
  const padding = shown.slice(0, start).replace(/[^\t]+/g, part => ' '.repeat(columnsIn(part)));
  const carets = '^'.repeat(Math.max(1, columnsIn(shown.slice(start, start + length))));
  return [
    [span(margin, 'dim'), span(visibleKeepingTabs(shown.trimEnd()))],
    [span(' '.repeat(margin.length - 2)), span('|', 'dim'), span(` ${padding}`), span(carets, 'red')],
  ];
}

function indented(text: string): Span[][] {
  return visibleLines(text)
    .split('\n')
    .map(line => [span(`  ${line}`)]);
}

function sentence(message: string): string {
  return /[.?!:…]$/.test(message) ? message : `${message}.`;
}
