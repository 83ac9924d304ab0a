import { stripVTControlCharacters } from 'node:util';

/** Control characters, and those that reorder or hide the text around them. */
const unsafe =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

/** Returns the text on one line, with visible control characters, so that it cannot control the terminal. */
export function visible(text: string): string {
  return text.replace(unsafe, picture);
}

/** Like `visible`, for a line of a file, whose tabs stay. */
export function visibleKeepingTabs(text: string): string {
  return text.replace(unsafe, character => (character === '\t' ? character : picture(character)));
}

/** Like `visible`, for a text of several lines: keeps line ends and tabs, and drops trailing white space. */
export function visibleLines(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .trimEnd()
    .replace(unsafe, character =>
      character === '\n' || character === '\t' ? character : picture(character),
    );
}

/** Returns the output of a program without its escape sequences. */
export function withoutEscapes(text: string): string {
  return stripVTControlCharacters(text);
}

/** Returns a value as JSON with escaped control characters. */
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
