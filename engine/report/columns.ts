/** Characters that take two columns of a terminal: East Asian scripts and pictures. */
const wide =
  /^(?:\p{Emoji_Presentation}|.\ufe0f|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}])/u;
const printableAscii = /^[\x20-\x7e]*$/;

/** Created at the first use, because that takes a while. */
let segmenter: Intl.Segmenter | undefined;

function graphemes(text: string): Iterable<{ segment: string }> {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return segmenter.segment(text);
}

/** Returns the columns that a text without control characters takes on a terminal. */
export function columnsOf(text: string): number {
  if (printableAscii.test(text)) return text.length;
  let columns = 0;
  for (const { segment } of graphemes(text)) columns += wide.test(segment) ? 2 : 1;
  return columns;
}

/** Returns the text, cut to `columns` with a final `…` if it is longer. */
export function truncate(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  if (columns <= 0) return '';
  return takeColumns(text, columns - 1) + '…';
}

/** Returns the text with spaces up to `columns`. */
export function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - columnsOf(text)));
}

/** Returns the beginning of the text that fits into `columns`. */
export function takeColumns(text: string, columns: number): string {
  let taken = '';
  let left = columns;
  for (const { segment } of graphemes(text)) {
    left -= wide.test(segment) ? 2 : 1;
    if (left < 0) break;
    taken += segment;
  }
  return taken;
}

/** Returns the names in the given order. Three or more that count up become `web1…web7`. */
export function nameList(names: readonly string[]): string {
  const shown: string[] = [];
  for (let i = 0; i < names.length; ) {
    let end = i;
    while (end + 1 < names.length && follows(names[end]!, names[end + 1]!)) end++;
    if (end - i >= 2) shown.push(`${names[i]}…${names[end]}`);
    else shown.push(...names.slice(i, end + 1));
    i = end + 1;
  }
  return shown.join(', ');
}

function follows(name: string, next: string): boolean {
  const [, prefix, digits, suffix] = /^(.*?)(\d+)(\D*)$/.exec(name) ?? [];
  if (digits === undefined) return false;
  return next === prefix + String(Number(digits) + 1).padStart(digits.length, '0') + suffix;
}
