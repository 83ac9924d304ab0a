import { stripVTControlCharacters } from 'node:util';

/** Control characters, and those that reorder or hide the text around them. */
const unsafe =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

/** The text on one line, with every control character made visible, so that it cannot steer the terminal. */
export function visible(text: string): string {
  return text.replace(unsafe, picture);
}

/** The same for a line of a file, whose tabs stay. */
export function visibleKeepingTabs(text: string): string {
  return text.replace(unsafe, character => (character === '\t' ? character : picture(character)));
}

/** The same for a text of several lines: line ends and tabs stay, trailing white space goes. */
export function visibleLines(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .trimEnd()
    .replace(unsafe, character =>
      character === '\n' || character === '\t' ? character : picture(character),
    );
}

/** What a program printed, without the escape sequences that it coloured its words with. */
export function withoutEscapes(text: string): string {
  return stripVTControlCharacters(text);
}

/** A value as JSON in which whatever could steer a terminal is escaped. */
export function visibleJson(value: unknown, space?: number): string {
  const json = JSON.stringify(value, undefined, space);
  return json.replace(unsafe, character =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function picture(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '␡';
  return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}
