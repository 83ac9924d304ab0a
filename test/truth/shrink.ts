import type { Case, CaseResource } from './case.ts';

/**
 * The smallest case found on which `fails` still holds, trying at most `budget` others, each once. The case that is given
 * counts as one on which it holds.
 */
export async function shrink(
  subject: Case,
  fails: (candidate: Case) => Promise<boolean>,
  budget: number,
): Promise<Case> {
  const tried = new Set([JSON.stringify(subject)]);
  let smallest = subject;
  for (let progress = true; progress; ) {
    progress = false;
    for (const candidate of smaller(smallest)) {
      const text = JSON.stringify(candidate);
      if (tried.has(text)) continue;
      if (tried.size > budget) return smallest;
      tried.add(text);
      if (!(await fails(candidate))) continue;
      smallest = candidate;
      progress = true;
      break;
    }
  }
  return smallest;
}

/** Cases that lack one thing of a case, those that lack most first. */
export function* smaller(subject: Case): Generator<Case> {
  const { plays, start } = subject;
  const all = plays.flat();
  if (start.length > 0) yield { ...subject, start: [] };
  for (let kept = 1; kept < all.length; kept += 1) yield keeping(subject, all.slice(0, kept));
  for (const each of all.toReversed())
    if (all.length > 1)
      yield keeping(
        subject,
        all.filter(other => other !== each),
      );
  if (plays.length > 1) yield { ...subject, plays: [all] };
  if (subject.layer !== 'blank') yield { ...subject, layer: 'blank' };
  for (const line of start) yield { ...subject, start: start.filter(other => other !== line) };
  for (const each of all)
    for (const simpler of simplerResources(each))
      yield { ...subject, plays: plays.map(play => play.map(one => (one === each ? simpler : one))) };
}

/** The case with only these resources, and without what refers to the others. */
function keeping(subject: Case, kept: readonly CaseResource[]): Case {
  const gone = subject.plays.flat().filter(each => !kept.includes(each));
  const plays = subject.plays
    .map(play => play.filter(each => kept.includes(each)).map(each => withoutReferences(each, gone)))
    .filter(play => play.length > 0);
  return { ...subject, plays };
}

const references = ['restart_on', 'reload_on', 'run_on'] as const;

function withoutReferences(resource: CaseResource, gone: readonly CaseResource[]): CaseResource {
  const names = gone.map(({ name }) => name);
  const registered = gone.flatMap(({ keys: { register } }) =>
    register === undefined ? [] : [String(register)],
  );
  const [args, keys] = [{ ...resource.args }, { ...resource.keys }];
  for (const key of references) {
    if (!Array.isArray(args[key])) continue;
    args[key] = (args[key] as string[]).filter(name => !names.includes(name));
    if ((args[key] as string[]).length === 0) delete args[key];
  }
  const mentions = (value: unknown) =>
    registered.some(name => new RegExp(`\\b${name}\\.`).test(String(value)));
  if (mentions(keys['when'])) delete keys['when'];
  if (mentions(args['content'])) args['content'] = '# one\n';
  return { ...resource, args, keys };
}

function* simplerResources(resource: CaseResource): Generator<CaseResource> {
  const { args, keys } = resource;
  if (Array.isArray(keys['loop'])) {
    const { loop, ...others } = keys;
    for (const item of loop as unknown[]) yield { ...resource, keys: others, args: withItem(args, item) };
  }
  for (const key of Object.keys(keys)) if (key !== 'loop') yield { ...resource, keys: without(keys, key) };
  for (const key of Object.keys(args)) {
    yield { ...resource, args: without(args, key) };
    const value = args[key];
    if (!Array.isArray(value) || value.length < 2) continue;
    for (const each of value) yield { ...resource, args: { ...args, [key]: [each] } };
  }
}

function withItem(args: Record<string, unknown>, item: unknown): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(args).map(([key, value]) => [key, value === '{{ item }}' ? item : value]),
  );
}

function without(map: Record<string, unknown>, key: string): Record<string, unknown> {
  const { [key]: _, ...others } = map;
  return others;
}
