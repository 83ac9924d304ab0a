import type { Module } from '../../engine/module.ts';
import type { Ran, RanEvent } from '../e2e/reconcile.ts';
import type { Case } from './case.ts';

/** Something that does not hold. `kind` is the same for what probably has one cause. */
export interface Against {
  kind: string;
  details: string[];
}

/** The outcome of each resource, by play and name. */
export function outcomes(ran: Ran): Map<string, RanEvent> {
  const resources = ran.events.filter(({ event }) => event === 'resource');
  return new Map(resources.map(each => [`${each.play} / ${each.name}`, each]));
}

/** The failures that a run tells of, of resources and of hosts. */
export function errors(ran: Ran): { code: string; message: string }[] {
  return ran.events.flatMap(({ event, error, problems }) =>
    event === 'resource' && error ? [error] : (problems ?? []),
  );
}

/** A message without what it is about, so that like failures have one kind. */
const gist = (message: string): string =>
  message
    .split('\n')[0]!
    .replace(/[/\w@.-]*[/@.][/\w@.-]*\w|\d+|"[^"]*"/g, '…')
    .split(' ')
    .slice(0, 8)
    .join(' ');

/** Whether nothing was done, or would be. */
export const quiet = ({ status }: RanEvent): boolean => ['unchanged', 'skipped', 'unknown'].includes(status);
/** The end of what a run wrote. */
export const lastWords = ({ stdout, stderr }: Ran): string => (stderr || stdout).trim().slice(-600);
/** The module of an outcome and what it came to. */
export const label = ({ module, status, error }: RanEvent): string =>
  `${module} ${status}${error ? ` (${error.code})` : ''}`;
/** Every outcome, a line each. */
export const describe = (found: ReadonlyMap<string, RanEvent>): string[] => [...found.values()].map(tell);

/** An outcome in a line. */
export function tell(one: RanEvent): string {
  const changes = (one.diff?.changes ?? []).map(
    (change: RanEvent) => `${change.key} ${brief(change.before)} → ${brief(change.after)}`,
  );
  const kind = one.diff ? ` ${one.diff.kind} ${changes.join(', ')}` : '';
  const open = isOpen(one) ? ' ±' : '';
  return `${one.name} ${one.module}: ${one.status}${open}${kind}${one.error ? `: ${[one.error.message, one.error.hint].filter(Boolean).join(' ')}` : ''}`;
}

const brief = (value: unknown): string => JSON.stringify(value)?.slice(0, 60) ?? 'nothing';

const isOpen = (shown: RanEvent): boolean =>
  shown.open === true ||
  shown.diff?.kind === 'write' ||
  (shown.status === 'would_change' && shown.diff === null);

/** The outcomes of an apply that a check's outcome allows. */
export function allowed(shown: RanEvent, hasCondition: boolean): string[] {
  if (isOpen(shown)) return ['changed', 'unchanged', 'unknown', ...(hasCondition ? ['skipped'] : [])];
  return [shown.status === 'would_change' ? 'changed' : shown.status];
}

/** The messages of an apply about missing things. */
const missing = /^(obstacle|unit-missing|program-missing|not-running|invalid-value)$/;

/** The message of certbot about an unseen proof: only the authority knows what it sees. */
const unproven = /challenges? (have )?failed/i;

/**
 * Whether a failure is one that a check could not know: of a check, or of what is missing, shown as not known yet, or
 * the answer of a certificate authority or of a program that a text is for.
 */
function couldNotBeKnown(shown: RanEvent, failed: RanEvent, module: Module | undefined): boolean {
  const { code, cause = '' } = failed.error ?? {};
  if (failed.module === 'certbot' && unproven.test(cause)) return true;
  // Any text may stand where only Nginx or systemd knows whether it is valid.
  if (['file', 'tree', 'link', 'directory'].includes(failed.module) && code === 'validation-failed')
    return true;
  return isOpen(shown) && (module?.check === true || missing.test(code));
}

/** Holds the outcomes of an apply against those that its check showed. */
export function compareOutcomes(
  shown: ReadonlyMap<string, RanEvent>,
  happened: ReadonlyMap<string, RanEvent>,
  subject: Case,
  modules: Readonly<Record<string, Module>>,
): { against: Against[]; undecided: boolean } {
  const written = subject.plays.flat();
  const broke = [...happened.values()].some(({ status }) => status === 'failed');
  const against: Against[] = [];
  let undecided = false;
  for (const [name, one] of shown) {
    // A loop whose condition turns out false is skipped as a whole.
    const whole = happened.get(loopOf(name));
    const now = happened.get(name) ?? (whole?.status === 'skipped' ? whole : undefined);
    // After a failure others are not reached.
    if (broke && (now === undefined || ['would_change', 'skipped'].includes(now.status))) continue;
    const conditional = written.some(each => one.name.startsWith(each.name) && 'when' in each.keys);
    if (now?.deviation === null && allowed(one, conditional).includes(now.status)) continue;
    if (now?.status === 'failed' && couldNotBeKnown(one, now, modules[one.module])) {
      undecided = true;
      continue;
    }
    against.push({
      kind: `${one.module}: ${one.status}${isOpen(one) ? ' ±' : ''} → ${now?.status ?? 'not told'}${reason(now)}`,
      details: [`shown:    ${tell(one)}`, `happened: ${now === undefined ? 'nothing' : tell(now)}`],
    });
  }
  for (const [name, one] of happened)
    if (!shown.has(name) && !(one.status === 'skipped' && (broke || isLoop(name, shown))))
      against.push({ kind: `${one.module}: not shown → ${one.status}`, details: [tell(one)] });
  return { against, undecided };
}

/** The name of a loop in the name of one of its rounds, such as `Sites (shop)`. */
const loopOf = (round: string): string => round.replace(/ \(.*\)$/, '');
const isLoop = (name: string, shown: ReadonlyMap<string, RanEvent>): boolean =>
  [...shown.keys()].some(round => round !== name && loopOf(round) === name);

function reason(now: RanEvent | undefined): string {
  if (now?.error) return ` (${now.error.code}: ${gist(now.error.message)})`;
  return now?.deviation ? ' (deviation)' : '';
}

/** Holds what another verb shows against what a check showed. */
export function compareShown(
  verb: string,
  first: ReadonlyMap<string, RanEvent>,
  second: ReadonlyMap<string, RanEvent>,
): Against[] {
  const [one, other] = [describe(first), describe(second)];
  const differ = one.filter((line, at) => line !== other[at]);
  if (differ.length === 0 && one.length === other.length) return [];
  return [{ kind: `check and ${verb} show something else`, details: [...differ, ...other] }];
}
