/** Draws the bytes that a program sent to a terminal as an SVG with text that can be selected and searched. */
import { columnsOf } from '../engine/report/columns.ts';
import { escapeMarkup } from '../engine/report/markup.ts';

/** A piece of a line in one style: names of classes of the stylesheet. */
interface Piece {
  text: string;
  classes: string;
}

interface Cell {
  character: string;
  classes: string;
}

/** The colours of the select graphic rendition codes that reconcile uses, by code. */
const colors: Readonly<Record<number, string>> = {
  30: 'black',
  31: 'red',
  32: 'green',
  33: 'yellow',
  34: 'blue',
  35: 'magenta',
  36: 'cyan',
  37: 'white',
  90: 'gray',
};

const characterWidth = 8.43;
const lineHeight = 20;
const margin = 20;
const bar = 32;

const css = `.ground { fill: #fbfbfc; stroke: #d0d7de; }
.dot { fill: #d0d7de; }
text { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 14px; fill: #1f2328; }
.bold { font-weight: 700; } .dim { fill-opacity: .65; } .underline { text-decoration: underline; }
.red { fill: #b42318; } .green { fill: #1a7f37; } .yellow { fill: #8a5a00; } .blue { fill: #0b57d0; }
.magenta { fill: #8250df; } .cyan { fill: #0a6c74; } .gray { fill: #667085; }
@media (prefers-color-scheme: dark) {
  .ground { fill: #12161c; stroke: #30363d; } .dot { fill: #3a424d; } text { fill: #e6edf3; }
  .red { fill: #ff8b80; } .green { fill: #56d37a; } .yellow { fill: #e9bd5c; } .blue { fill: #7fb0ff; }
  .magenta { fill: #c9a0ff; } .cyan { fill: #5fd4dd; } .gray { fill: #98a2b3; }
}`;

/** Returns the SVG of a terminal after it received `sent`. */
export function terminalSvg(sent: string, { columns }: { columns: number }): string {
  const lines = screenOf(sent);
  const width = Math.ceil(columns * characterWidth + 2 * margin);
  const height = bar + lines.length * lineHeight + margin;
  const texts = lines.flatMap((line, row) => lineSvg(line, bar + (row + 1) * lineHeight - 5));
  const dots = [0, 1, 2].map(i => `<circle class="dot" cx="${margin + i * 18}" cy="18" r="5"/>`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escapeMarkup(textOf(lines[0] ?? []))}</title>`,
    `<style>${css}</style>`,
    `<rect class="ground" x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8"/>`,
    ...dots,
    ...texts,
    '</svg>\n',
  ].join('\n');
}

/** Returns the lines of a terminal after it received `sent`, without the empty ones at the end. */
export function screenOf(sent: string): Piece[][] {
  const screen: Cell[][] = [[]];
  let [row, column] = [0, 0];
  let classes: readonly string[] = [];
  const line = () => (screen[row] ??= []);
  for (const [token, parameters, final] of sent.matchAll(/\x1b\[([?\d;]*)([A-Za-z])|[^\x1b]/gu)) {
    if (final === 'm') classes = styled(classes, parameters!.split(';').map(Number));
    else if (final === 'A') row = Math.max(0, row - Number(parameters || 1));
    else if (final === 'K') line().length = Math.min(line().length, column);
    else if (final === 'J') {
      line().length = Math.min(line().length, column);
      screen.length = row + 1;
    } else if (final !== undefined) continue;
    else if (token === '\r') column = 0;
    else if (token === '\n') {
      row++;
      column = 0;
      line();
    } else {
      while (line().length < column) line().push({ character: ' ', classes: '' });
      line()[column++] = { character: token, classes: classes.join(' ') };
    }
  }
  const pieces = screen.map(piecesOf);
  return pieces.slice(0, pieces.findLastIndex(each => textOf(each).trim() !== '') + 1);
}

/** Returns the classes after one select graphic rendition sequence. */
function styled(before: readonly string[], codes: readonly number[]): readonly string[] {
  let classes = before;
  const without = (...names: string[]) => classes.filter(name => !names.includes(name));
  const hues = Object.values(colors);
  for (const code of codes) {
    if (code === 0) classes = [];
    else if (code === 1) classes = [...without('bold'), 'bold'];
    else if (code === 2) classes = [...without('dim'), 'dim'];
    else if (code === 4) classes = [...without('underline'), 'underline'];
    else if (code === 22) classes = without('bold', 'dim');
    else if (code === 24) classes = without('underline');
    else if (code === 39) classes = without(...hues);
    else if (colors[code] !== undefined) classes = [...without(...hues), colors[code]];
  }
  return classes;
}

function piecesOf(cells: readonly Cell[]): Piece[] {
  const pieces: Piece[] = [];
  for (const { character, classes } of cells) {
    const last = pieces.at(-1);
    if (last !== undefined && last.classes === classes) last.text += character;
    else pieces.push({ text: character, classes });
  }
  return pieces;
}

const textOf = (pieces: readonly Piece[]): string => pieces.map(({ text }) => text).join('');

/** Each word has its own column, so that a font of another width misplaces nothing. */
function lineSvg(pieces: readonly Piece[], y: number): string[] {
  if (textOf(pieces).trim() === '') return [];
  let before = '';
  const spans = pieces.flatMap(({ text, classes }) => {
    const style = classes === '' ? '' : ` class="${classes}"`;
    const words = [...text.matchAll(/\S+(?: \S+)*/g)].map(({ 0: run, index }) => {
      const x = margin + columnsOf(before + text.slice(0, index)) * characterWidth;
      const length = columnsOf(run) * characterWidth;
      return `<tspan${style} x="${x.toFixed(1)}" textLength="${length.toFixed(1)}">${escapeMarkup(run)}</tspan>`;
    });
    before += text;
    return words;
  });
  return [`<text y="${y}">${spans.join('')}</text>`];
}
