import { type Span, type Style, span } from './style.ts';
import type { ChangeView, DiffView, ResourceView, ValueView } from './view.ts';

/** The mark of an outcome in one character, and its style. */
export interface Sign {
  text: string;
  style: Style;
}

const signs = {
  create: { text: '+', style: 'green' },
  update: { text: '~', style: 'yellow' },
  write: { text: '±', style: 'green' },
  remove: { text: '-', style: 'red' },
  answer: { text: '!', style: 'magenta' },
  failed: { text: '✗', style: ['red', 'bold'] },
  unchanged: { text: '=', style: 'dim' },
  skipped: { text: '·', style: 'dim' },
} as const satisfies Record<string, { text: string; style: Style }>;

export function signOf({ status, diff }: ResourceView): Sign {
  if (status === 'failed' || status === 'skipped') return signs[status];
  if (diff === null && status === 'would_change') return signs.write;
  if (diff === null) return status === 'changed' ? signs.update : signs.unchanged;
  const answers = diff.kind !== 'write' && diff.changes.length > 0 && diff.changes.every(isAnswer);
  return answers ? signs.answer : signs[diff.kind];
}

/** Replaces a diff that is unknown before an earlier change. */
export const open = 'not known yet';

/** Returns the name of a resource, with the host that it is delegated to: `Pool member → lb1`. */
export function labelOf({ name, delegated_to: on }: ResourceView): string {
  return on === undefined ? name : `${name} → ${on}`;
}

/** An owed restart or reload, which is shown as an action, not as a value. */
function isAnswer({ before, after }: ChangeView): boolean {
  return after === 'no' && typeof before === 'string' && before.startsWith('because ');
}

/** Returns the changes in a few unbreakable words each: `mode 0644 → 0600, `, `content 1 line of 3`. */
export function describe(diff: DiffView): Span[][] {
  if (diff.changes.length === 0) return [[span(diff.kind)]];
  const last = diff.changes.length - 1;
  return diff.changes.map((change, i) => {
    const words = describeChange(change, diff.kind);
    return i === last ? words : [...words, span(', ')];
  });
}

/** Returns the names of the resources that a diff was predicted from, without those that the diff names itself. */
export function predictedFrom({ diff, predicted_from }: ResourceView): string[] {
  const answered = (diff?.changes ?? []).filter(isAnswer).map(({ before }) => String(before));
  return predicted_from.filter(name => !answered.some(text => text.includes(name)));
}

function describeChange(change: ChangeView, kind: DiffView['kind']): Span[] {
  const { key, before, after, text } = change;
  if (isAnswer(change)) return [span(key, 'bold'), span(' '), span(String(before), 'dim')];
  if (text !== undefined) return [span(key), span(' '), span(text.summary)];
  if (kind === 'create' || before === undefined) return [span(key), span(' '), span(shown(after))];
  if (kind === 'remove') return [span(key), span(' '), span(shown(before))];
  if (Array.isArray(before) || Array.isArray(after)) return describeList(key, listOf(before), listOf(after));
  return [span(key), span(' '), span(shown(before), 'red'), span(' → ', 'dim'), span(shown(after), 'green')];
}

function describeList(key: string, before: string[], after: string[]): Span[] {
  const added = after
    .filter(element => !before.includes(element))
    .map(element => span(`+${element}`, 'green'));
  const removed = before
    .filter(element => !after.includes(element))
    .map(element => span(`-${element}`, 'red'));
  const elements = [...added, ...removed];
  if (elements.length === 0) return [span(`${key} in another order: ${shown(after)}`)];
  return [span(key), ...elements.flatMap(element => [span(' '), element])];
}

function listOf(value: ValueView | undefined): string[] {
  if (Array.isArray(value)) return value;
  return value === undefined || value === null ? [] : [shown(value)];
}

/** Returns a value in words. */
function shown(value: ValueView | undefined): string {
  if (value === undefined || value === null) return 'none';
  if (value === true) return 'yes';
  if (value === false) return 'no';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ');
  const text = String(value);
  return text === '' || text !== text.trim() ? JSON.stringify(text) : text;
}
