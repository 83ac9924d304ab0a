import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { screenOf, terminalSvg } from '../scripts/terminal-svg.ts';

const root = join(import.meta.dirname, '..');
const linesOf = (sent: string) => screenOf(sent).map(pieces => pieces.map(({ text }) => text).join(''));

describe('the screen of a terminal', () => {
  it('has the lines that the program left, without the erased ones', () => {
    expect(linesOf('one\ntwo\n')).toEqual(['one', 'two']);
    expect(linesOf('working\x1b[K\n\x1b[1A\r\x1b[Jdone\n')).toEqual(['done']);
    expect(linesOf('\x1b[?25l10 %\r100 %\x1b[?25h')).toEqual(['100 %']);
  });

  it('has the styles of each piece of a line', () => {
    expect(screenOf('\x1b[1ma\x1b[22m \x1b[32mb\x1b[39mc')).toEqual([
      [
        { text: 'a', classes: 'bold' },
        { text: ' ', classes: '' },
        { text: 'b', classes: 'green' },
        { text: 'c', classes: '' },
      ],
    ]);
  });

  it('becomes an SVG with escaped text', () => {
    expect(terminalSvg('a <b> & c\n', { columns: 20 })).toContain('>a &lt;b&gt; &amp; c</tspan>');
  });
});

it('the picture in the README shows its first playbook: npx tsx scripts/picture.ts', () => {
  const [, playbook] = /^```yaml\n([\s\S]*?)^```/m.exec(readFileSync(join(root, 'README.md'), 'utf8'))!;
  const { name, resources } = parse(playbook!) as { name: string; resources: Record<string, object>[] };
  const picture = readFileSync(join(root, 'docs/terminal.svg'), 'utf8');
  expect(picture).toContain(`>${name}</tspan>`);
  const changed = resources.flatMap(resource => Object.keys(resource)).filter(each => each !== 'service');
  for (const module of changed) expect(picture).toMatch(new RegExp(`>${module} `));
});
