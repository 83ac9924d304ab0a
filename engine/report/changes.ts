import { type Span, type Style, span } from './style.ts';
import type { ChangeView, DiffView, ResourceView, ValueView } from './view.ts';

/** The mark of an outcome in one character, its style, and its meaning if that is not obvious. */
export interface Sign {
  text: string;
  style: Style;
  legend?: string;
}

const signs = {
  create: { text: '+', style: 'green' },
  update: { text: '~', style: 'yellow' },
  write: { text: '±', style: 'green', legend: 'perhaps: known only when it is applied' },
  remove: { text: '-', style: 'red' },
  answer: { text: '!', style: 'magenta', legend: 'restarts or reloads' },
  run: { text: '»', style: 'cyan', legend: 'runs' },
  failed: { text: '✗', style: ['red', 'bold'] },
  unchanged: { text: '=', style: 'dim' },
  skipped: { text: '·', style: 'dim' },
  unknown: { text: '?', style: 'dim', legend: 'this host cannot have it' },
} as const satisfies Record<string, Sign>;

/** The sign of a resource that differed from the plan at its turn. */
export const deviationSign: Sign = { text: '≠', style: 'yellow', legend: 'differs from the plan' };

/** Returns the outcome of a resource in one word: `answer` restarts or reloads something, `write` is not certain. */
export function effectOf({ status, diff, runs }: ResourceView): keyof typeof signs {
  if (status === 'failed' || status === 'skipped' || status === 'unknown') return status;
  if (diff === null && status === 'would_change') return 'write';
  if (diff === null) return status === 'changed' ? 'update' : 'unchanged';
  if (diff.kind === 'write') return 'write';
  if (runs) return 'run';
  return diff.kind === 'update' && answersOf(diff).length > 0 ? 'answer' : diff.kind;
}

export function signOf(resource: ResourceView): Sign {
  return signs[effectOf(resource)];
}

/** Replaces a diff that is unknown before an earlier change. */
export const open = 'not known yet';

/**
 * Returns the name of a resource, with the host that it is delegated to: `Pool member → lb1`. Of a list in a default name
 * only the first element stays: `apt curl +9`.
 */
export function labelOf({ name, module, delegated_to: on }: ResourceView): string {
  const label = shortName(name, module);
  return on === undefined ? label : `${label} → ${on}`;
}

function shortName(name: string, module: string): string {
  const [, first, others] = /^\S+ ([^\s,]+)((?:, [^\s,]+){2,})$/.exec(name) ?? [];
  if (others === undefined || !name.startsWith(`${module} `)) return name;
  return `${module} ${first} +${others.split(', ').length - 1}`;
}

/** Returns the keys of owed restarts and reloads, which are shown as actions, not as values. */
export function answersOf({ changes }: DiffView): string[] {
  return changes.filter(isAnswer).map(({ key }) => key);
}

function isAnswer({ before, after }: ChangeView): boolean {
  return after === 'no' && typeof before === 'string' && before.startsWith('because ');
}

/** Returns the elements that a diff removes from lists. */
export function removedBy({ kind, changes }: DiffView): string[] {
  if (kind !== 'update') return [];
  return changes.flatMap(({ before, after }) =>
    Array.isArray(before) ? replacementsIn(before, listOf(after)).removed : [],
  );
}

/** The elements that differ between two lists. `replaced` are those of which only the version differs, in one text each. */
function replacementsIn(before: readonly string[], after: readonly string[]) {
  const added = after.filter(element => !before.includes(element));
  const removed = before.filter(element => !after.includes(element));
  const pairs = removed.flatMap(old => {
    const [, name, version] = versioned.exec(old) ?? [];
    const others = added.filter(element => name !== undefined && versioned.exec(element)?.[1] === name);
    const [now, ...more] = others;
    return now === undefined || more.length > 0 ? [] : [{ old, now, name, version }];
  });
  return {
    added: added.filter(element => !pairs.some(({ now }) => now === element)),
    removed: removed.filter(element => !pairs.some(({ old }) => old === element)),
    replaced: pairs.map(({ now, name, version }) => ({
      element: now,
      text: `${name} ${version} → ${versioned.exec(now)![2]}`,
    })),
  };
}

/** A name with a version, such as `nginx 1.22.1-9` or `nginx=1.22.*`. */
const versioned = /^([a-z0-9][a-z0-9+.:-]*)[ =](\d[\w.+:~*-]*[.+:~*-][\w.+:~*-]*)$/;

/**
 * Returns the changes of a resource in a few unbreakable words each: `mode 0644 → 0600, `, `content 1 line of 3`. A list
 * ends with a count after `most` elements; removed elements are always shown.
 */
export function describe(diff: DiffView, resource: ResourceView, most = Infinity): Span[][] {
  if (diff.changes.length === 0) return [[span(diff.kind)]];
  const last = diff.changes.length - 1;
  return diff.changes.map((change, i) => {
    const words = describeChange(change, diff.kind, resource, most);
    return i === last ? words : [...words, span(', ')];
  });
}

/** Returns why a resource stays unchanged. */
export function settledText({ runs, idle }: ResourceView): string {
  return [runs ? 'not needed' : 'as declared', idle].filter(Boolean).join(': ');
}

/** Returns the names of the resources that a diff was predicted from, without those that the diff names itself. */
export function predictedFrom({ diff, predicted_from }: ResourceView): string[] {
  const answered = (diff?.changes ?? []).filter(isAnswer).map(({ before }) => String(before));
  return predicted_from.filter(name => !answered.some(text => text.includes(name)));
}

/** Returns the first `most` elements, and the number of the others: `a, b +7`. */
export function listText(elements: readonly string[], most: number): string {
  if (elements.length <= most) return elements.join(', ');
  return `${elements.slice(0, most).join(', ')} +${elements.length - most}`;
}

function describeChange(
  change: ChangeView,
  kind: DiffView['kind'],
  resource: ResourceView,
  most: number,
): Span[] {
  const { key, before, after, text } = change;
  if (isAnswer(change)) return [span(key, 'bold'), span(' '), span(String(before), 'dim')];
  if (resource.runs && key === 'run') {
    const verb = resource.status === 'changed' ? 'ran' : 'runs';
    const why = typeof before === 'string' ? [span(` because ${before}`, 'dim')] : [];
    return [span(verb, 'bold'), span(' '), span(shown(after, most)), ...why];
  }
  if (text !== undefined) return [span(key), span(' '), span(text.summary)];
  if (kind === 'create' || before === undefined) return [span(key), span(' '), span(shown(after, most))];
  if (kind === 'remove') return [span(key), span(' '), span(shown(before, most))];
  if (Array.isArray(before) || Array.isArray(after)) return describeList(change, most);
  return [
    span(key),
    span(' '),
    span(shown(before, most), 'red'),
    span(' → ', 'dim'),
    span(shown(after, most), 'green'),
  ];
}

function describeList({ key, before, after, notes = {} }: ChangeView, most: number): Span[] {
  const { added, removed, replaced } = replacementsIn(listOf(before), listOf(after));
  const noted = (text: string, element: string) => [text, notes[element] ?? []].flat().join(' ');
  const elements = [
    ...added.slice(0, most).map(element => span(noted(`+${element}`, element), 'green')),
    ...(added.length > most ? [span(`and ${added.length - most} more`, 'green')] : []),
    ...replaced.map(({ element, text }) => span(noted(text, element), 'yellow')),
    ...removed.map(element => span(`-${element}`, 'red')),
  ];
  if (elements.length === 0) return [span(`${key} in another order: ${shown(after, most)}`)];
  return [span(key), ...elements.flatMap(element => [span(' '), element])];
}

function listOf(value: ValueView | undefined): string[] {
  if (Array.isArray(value)) return value;
  return value === undefined || value === null ? [] : [shown(value, Infinity)];
}

/** Returns a value in words. */
function shown(value: ValueView | undefined, most: number): string {
  if (value === undefined || value === null) return 'none';
  if (value === true) return 'yes';
  if (value === false) return 'no';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : listText(value, most);
  const text = String(value);
  return text === '' || text !== text.trim() ? JSON.stringify(text) : text;
}
