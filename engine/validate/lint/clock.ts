import type { Body } from '../../expression/expression.ts';
import { referencesOf, type Tree } from '../../expression/template-tree.ts';
import type { Rule } from './rule.ts';

/** Warns of arguments that change with the time of the run. A condition with now() is no argument. */
export const clockInArgument: Rule = {
  code: 'clock-in-argument',
  explanation:
    'An argument or a template uses `now()`, directly or through a variable. Each later apply finds another time and changes the resource again, so the host never comes to rest. Take `now()` into conditions (`when`), or write a date that stays.',
  *check(subject) {
    const clocks = new Set<string>();
    const trees = subject.variables.map(({ name, tree }) => ({ name, tree }));
    for (let known = -1; known < clocks.size; ) {
      known = clocks.size;
      for (const { name, tree } of trees)
        if (tellsTime(tree) || referencesOf(tree).some(({ path }) => isAmong(path, clocks))) clocks.add(name);
    }
    for (const { resource, text, texts } of subject.resources) {
      if (resource.module.check === true) continue;
      for (const { body, where, source } of texts) {
        const by = callsNow(body) ? 'now()' : [...clocks].find(name => mentions(body, name));
        if (by === undefined) continue;
        yield {
          message: `This uses ${by === 'now()' ? by : `now() through the variable ${by}`}, so every later apply changes it again.`,
          hint: 'Write a date that stays, or use now() in a condition only.',
          at: where(0, source.length),
          of: text,
        };
      }
    }
  },
};

const isAmong = ([first, second]: readonly string[], names: ReadonlySet<string>) =>
  names.has(first === 'vars' ? (second ?? '') : first!);

function tellsTime(tree: Tree): boolean {
  switch (tree.kind) {
    case 'template':
      return callsNow(tree.template.body);
    case 'list':
      return tree.elements.some(tellsTime);
    case 'map':
      return tree.entries.some(([, each]) => tellsTime(each));
    default:
      return false;
  }
}

/** Whether a part of a template calls now(). */
function callsNow(part: unknown): boolean {
  return contains(part, it => it['kind'] === 'call' && isName(it['callee'], 'now'));
}

const isName = (node: unknown, name: string) => {
  const { kind, name: own } = (node ?? {}) as { kind?: string; name?: string };
  return kind === 'name' && own === name;
};

/** Whether a template uses a variable by its name or as `vars.NAME`. */
function mentions(body: Body, variable: string): boolean {
  return contains(
    body,
    it =>
      isName(it, variable) ||
      (it['kind'] === 'attribute' && isName(it['of'], 'vars') && it['name'] === variable),
  );
}

function contains(part: unknown, isMeant: (node: Record<string, unknown>) => boolean): boolean {
  if (typeof part !== 'object' || part === null) return false;
  if (isMeant(part as Record<string, unknown>)) return true;
  return Object.values(part).some(inner => contains(inner, isMeant));
}
