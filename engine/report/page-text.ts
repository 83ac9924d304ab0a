import { paint, span, wrap } from './style.ts';

/** A part of a page between two blank lines, or a line that is a block of its own. */
interface Block {
  kind: 'text' | 'table' | 'verbatim';
  lines: string[];
}

/**
 * Returns a page in Markdown for output: without notes, and with the command that `commandOf` returns for a link to a page.
 * Paragraphs and lists are filled to a finite number of columns, and tables that are too wide become lists.
 */
export function pageText(
  markdown: string,
  columns: number,
  commandOf: (link: string) => string | undefined,
): string {
  return blocksOf(markdown.replace(/<!--.*?-->\n*/g, ''))
    .flatMap(({ kind, lines }) => {
      if (kind === 'verbatim') return lines;
      const linked = linksIn(lines.join('\n'), commandOf).split('\n');
      if (columns === Infinity) return linked;
      if (kind === 'table') return tableLines(linked, columns);
      return filled(linked.map(line => line.trim()).join(' '), lines[0]!, columns);
    })
    .join('\n');
}

function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let isCode = false;
  for (const line of markdown.split('\n')) {
    const fence = line.trimStart().startsWith('```');
    const kind =
      isCode || fence || /^\s*$|^#|^!\[/.test(line) ? 'verbatim' : line.startsWith('|') ? 'table' : 'text';
    if (fence) isCode = !isCode;
    const last = blocks.at(-1);
    if (last?.kind === kind && !(kind === 'text' && isItem(line))) last.lines.push(line);
    else blocks.push({ kind, lines: [line] });
  }
  return blocks;
}

const isItem = (line: string): boolean => /^\s*(?:[-*]|\d+\.) /.test(line);

function linksIn(text: string, commandOf: (link: string) => string | undefined): string {
  return text.replace(/\[([^\]]+)\]\((?!\w+:)([^)]+)\)/g, (_, words: string, link: string) => {
    const command = commandOf(link);
    return command === undefined ? words : `${words} (\`${command}\`)`;
  });
}

/** Fills lines. The lines after the first stand below the text of an item. */
function filled(words: string, first: string, columns: number): string[] {
  const [, indent = '', mark = ''] = /^(\s*)((?:[-*]|\d+\.) )?/.exec(first) ?? [];
  const hanging = indent.length + mark.length;
  return wrap([span(words.slice(mark.length))], Math.max(20, columns - hanging)).map(
    (line, i) => `${i === 0 ? indent + mark : ' '.repeat(hanging)}${paint(line, false)}`,
  );
}

function tableLines(rows: readonly string[], columns: number): string[] {
  if (rows.every(row => row.length <= columns)) return [...rows];
  return rows
    .filter(row => !/^[|\s:-]*$/.test(row))
    .flatMap(row => {
      const cells = row.split(/(?<!\\)\|/).map(cell => cell.trim().replaceAll('\\|', '|'));
      return filled(`- ${cells.filter(cell => cell !== '').join(' · ')}`, '- ', columns);
    });
}
