import type { Ran, RanEvent } from './reconcile.ts';
import type { Expectation, Shown, Words } from './situation.ts';

/** The outcomes of a host in order; names may occur twice, in two plays. */
const outcomes = ({ events }: Ran, host: string): RanEvent[] =>
  events.filter(({ event, host: at }) => event === 'resource' && at === host);

const describe = ({ status, open, diff }: RanEvent): string =>
  `${status}${open ? ', open' : ''}${diff ? ` (${diff.kind}: ${diff.changes.map(({ key }: RanEvent) => key)})` : ''}`;

const wordsOf = ({ code, message, hint, cause, at }: RanEvent): string =>
  [at && `${at.file}:${at.line}:`, `[${code}]`, message, hint, cause].filter(Boolean).join('\n');

/** Returns the problems in the output of a run: of its resources, of its hosts, and on stderr. */
export function said(ran: Ran): string {
  const errors = ran.events.flatMap(({ event, error, problems }) =>
    event === 'resource' && error ? [error] : (problems ?? []),
  );
  return [...errors.map(wordsOf), ran.stderr].join('\n');
}

const short = (ran: Ran): string => said(ran).trim().split('\n').slice(0, 12).join('\n    ');

function shownAs({ status, open }: RanEvent): Shown | undefined {
  if (open && ['unchanged', 'would_change'].includes(status)) return '±';
  if (status === 'would_change') return 'changed';
  return status === 'unchanged' || status === 'unknown' ? status : undefined;
}

/** Returns complaints about a check that must find no obstacle, as sentences. */
export function checkComplaints(
  checked: Ran,
  host: string,
  expected: Readonly<Record<string, Shown>>,
): string[] {
  const all = outcomes(checked, host);
  const complaints: string[] = [];
  const failed = all.filter(({ status }) => status === 'failed').map(({ name }) => name);
  if (failed.length > 0 || ![0, 2].includes(checked.exit))
    complaints.push(
      `the check exits ${checked.exit}; it shows as impossible: ${failed}\n    ${short(checked)}`,
    );
  if (all.length === 0) complaints.push('the check shows no resource');
  const shown = all.map(shownAs);
  if (checked.exit === 0 && shown.includes('changed')) complaints.push('the check exits 0 and shows changes');
  if (checked.exit === 2 && shown.length > 0 && shown.every(one => one === 'unchanged' || one === 'unknown'))
    complaints.push('the check exits 2 and shows no change');
  for (const [name, wanted] of Object.entries(expected)) {
    const [first] = all.filter(({ name: at }) => at === name);
    if (!first) complaints.push(`${name}: the check does not show it`);
    else if (shownAs(first) !== wanted)
      complaints.push(`${name}: the check shows "${describe(first)}", not "${wanted}"`);
  }
  return complaints;
}

/** Returns complaints about an apply that differs from its check, as sentences. */
export function applyComplaints(checked: Ran, applied: Ran, host: string): string[] {
  const complaints: string[] = [];
  if (applied.exit !== 0) complaints.push(`the apply exits ${applied.exit}\n    ${short(applied)}`);
  const before = outcomes(checked, host);
  const after = outcomes(applied, host);
  if (before.length !== after.length)
    complaints.push(`the check shows ${before.length} resources, the apply ${after.length}`);
  for (const [at, one] of after.entries()) {
    const shown = before[at];
    if (!shown) continue;
    if (one.deviation)
      complaints.push(`${one.name}: a deviation, shown as "${describe(shown)}", is "${describe(one)}"`);
    const allowed = {
      unchanged: shown.open ? ['unchanged', 'changed', 'unknown'] : ['unchanged'],
      would_change: shown.open ? ['unchanged', 'changed', 'unknown'] : ['changed'],
    }[shown.status as string] ?? [shown.status];
    // Its own condition may turn out false.
    const isSkipped = shown.status === 'would_change' && shown.open && one.skipped === 'when';
    if (!isSkipped && !allowed.includes(one.status))
      complaints.push(`${one.name}: shown as "${describe(shown)}", but the apply says "${describe(one)}"`);
  }
  return complaints;
}

/** Returns complaints about an apply or a check of a host as declared. */
export function restComplaints(
  ran: Ran,
  host: string,
  { what, restless }: { what: string; restless: readonly string[] },
): string[] {
  const moved = outcomes(ran, host).filter(
    ({ name, status, deviation }) =>
      deviation || !(['unchanged', 'skipped', 'unknown'].includes(status) || restless.includes(name)),
  );
  const exits = restless.length > 0 ? [0, 2] : [0];
  return [
    ...(exits.includes(ran.exit) ? [] : [`${what} exits ${ran.exit}\n    ${short(ran)}`]),
    ...moved.map(one => `${one.name}: ${what} says "${describe(one)}"`),
  ];
}

/** Returns the expected texts that the problems of resources lack. */
function wordComplaints(ran: Ran, host: string, words: Words, what: string): string[] {
  return Object.entries(words).flatMap(([name, texts]) => {
    const failed = outcomes(ran, host).find(({ name: at, status }) => at === name && status === 'failed');
    if (!failed) return [`${name}: ${what} does not show it as impossible`];
    const told = wordsOf(failed.error ?? {});
    const missing = texts.filter(text => !told.toLowerCase().includes(text.toLowerCase()));
    return missing.map(text => `${name}: ${what} does not say "${text}" but "${told.trim()}"`);
  });
}

/** Returns complaints about a check and an apply that an obstacle must stop. */
export function blockedComplaints(
  checked: Ran,
  applied: Ran,
  host: string,
  { words, never }: Pick<Extract<Expectation, { kind: 'blocked' }>, 'words' | 'never'>,
): string[] {
  const changed = outcomes(applied, host).filter(({ status }) => status === 'changed');
  const told = said(checked).toLowerCase();
  return [
    ...(checked.exit === 1 ? [] : [`the check exits ${checked.exit}, not 1\n    ${short(checked)}`]),
    ...(applied.exit === 1 ? [] : [`the apply exits ${applied.exit}, not 1`]),
    ...wordComplaints(checked, host, words, 'the check'),
    ...never.filter(text => told.includes(text.toLowerCase())).map(text => `the check says "${text}"`),
    ...changed.map(({ name }) => `${name}: the apply changes it though the check shows what cannot be done`),
  ];
}

/** Returns complaints about a run whose failure only the apply can find. */
export function failureComplaints(
  checked: Ran,
  applied: Ran,
  host: string,
  { words, check }: Extract<Expectation, { kind: 'fails' }>,
): string[] {
  return [
    ...checkComplaints(checked, host, check),
    ...(applied.exit === 1 ? [] : [`the apply exits ${applied.exit}, not 1`]),
    ...wordComplaints(applied, host, words, 'the apply'),
  ];
}

/** Returns complaints about the output of a run: its texts and the lines that it names. */
export function saidComplaints(
  ran: Ran,
  says: readonly string[],
  lines: readonly number[],
  what: string,
): string[] {
  const told = said(ran);
  const lower = told.toLowerCase();
  return [
    ...says.filter(text => !lower.includes(text.toLowerCase())).map(text => `${what} does not say "${text}"`),
    ...lines
      .filter(line => !new RegExp(`lines? ${line}\\b|:${line}:`).test(told))
      .map(line => `${what} does not name line ${line}`),
  ].map((complaint, at) => (at === 0 ? `${complaint}\n    ${short(ran)}` : complaint));
}
