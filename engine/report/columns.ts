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

/** Returns the text, cut to `columns` with a `…` in its first half if it is longer: the end of a path says most. */
export function truncateMiddle(text: string, columns: number): string {
  const all = columnsOf(text);
  if (all <= columns) return text;
  const start = takeColumns(text, Math.floor((columns - 1) / 3));
  let end = '';
  let left = columns - 1 - columnsOf(start);
  for (const { segment } of [...graphemes(text)].reverse()) {
    left -= wide.test(segment) ? 2 : 1;
    if (left < 0) break;
    end = segment + end;
  }
  return columns <= 0 ? '' : `${start}…${end}`;
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

/** Returns the names in the given order. Three or more that count up become `web1…web7`. Ends with a count after `most`. */
export function nameList(names: readonly string[], most = Infinity): string {
  const runs = runsOf(names);
  if (runs.length <= most) return runs.map(({ text }) => text).join(', ');
  const left = runs.slice(most).reduce((sum, { count }) => sum + count, 0);
  return `${runs
    .slice(0, most)
    .map(({ text }) => text)
    .join(', ')} +${left}`;
}

/** Names or ranges of names in a list of hosts. The others are only counted. */
const mostRanges = 6;

/** Returns some of all hosts in a few words: `all 50 hosts`, `all 50 hosts except web7`, `web1, web2`, `web1, web3 +21`. */
export function hostList(hosts: readonly string[], all: readonly string[], most = mostRanges): string {
  if (all.length > 3 && hosts.length === all.length) return `all ${all.length} hosts`;
  if (hosts.length > all.length / 2 && runsOf(hosts).length > 3) {
    const own = new Set(hosts);
    const others = all.filter(host => !own.has(host));
    if (runsOf(others).length <= most) return `all ${all.length} hosts except ${nameList(others)}`;
  }
  return nameList(hosts, most);
}

function runsOf(names: readonly string[]): { text: string; count: number }[] {
  const runs: { text: string; count: number }[] = [];
  for (let i = 0; i < names.length; ) {
    let end = i;
    while (end + 1 < names.length && follows(names[end]!, names[end + 1]!)) end++;
    if (end - i >= 2) runs.push({ text: `${names[i]}…${names[end]}`, count: end - i + 1 });
    else runs.push(...names.slice(i, end + 1).map(text => ({ text, count: 1 })));
    i = end + 1;
  }
  return runs;
}

function follows(name: string, next: string): boolean {
  const [, prefix, digits, suffix] = /^(.*?)(\d+)(\D*)$/.exec(name) ?? [];
  if (digits === undefined) return false;
  return next === prefix + String(Number(digits) + 1).padStart(digits.length, '0') + suffix;
}
