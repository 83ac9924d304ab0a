/** Whether a character, of one code point, belongs to a set. */
export type CharacterSet = (character: string) => boolean;

/** A part of a regular expression. */
export type Pattern =
  | { kind: 'set'; has: CharacterSet }
  | { kind: 'sequence'; parts: readonly Pattern[] }
  | { kind: 'choice'; branches: readonly Pattern[] }
  | { kind: 'repeat'; of: Pattern; least: number; most: number; mode: 'greedy' | 'lazy' | 'possessive' }
  | { kind: 'group'; of: Pattern; index: number }
  | { kind: 'atomic'; of: Pattern }
  | { kind: 'look'; of: Pattern; behind: boolean; negated: boolean }
  | { kind: 'same'; index: number; ignoresCase: boolean }
  | { kind: 'place'; is: Anchor };

/** A condition about a position in the text. */
export type Anchor =
  | 'start'
  | 'end'
  | 'lineStart'
  | 'lineEnd'
  | 'lastLine'
  | 'word'
  | 'noWord'
  | 'asciiWord'
  | 'noAsciiWord';

/** A parsed regular expression. Groups count from 1. */
export interface Parsed {
  readonly pattern: Pattern;
  readonly groups: number;
  readonly names: ReadonlyMap<string, number>;
}

/** Returns the number of characters that a pattern always takes, or undefined if the number varies. */
export function widthOf(of: Pattern): number | undefined {
  switch (of.kind) {
    case 'set':
      return 1;
    case 'place':
    case 'look':
      return 0;
    case 'same':
      return undefined;
    case 'group':
    case 'atomic':
      return widthOf(of.of);
    case 'repeat': {
      const width = widthOf(of.of);
      if (width === 0) return 0;
      return width === undefined || of.least !== of.most ? undefined : width * of.least;
    }
    case 'sequence':
      return of.parts.reduce<number | undefined>((sum, part) => {
        const width = widthOf(part);
        return sum === undefined || width === undefined ? undefined : sum + width;
      }, 0);
    case 'choice': {
      const [first, ...others] = of.branches.map(widthOf);
      return others.every(width => width === first) ? first : undefined;
    }
  }
}
