import type { Ran } from '../e2e/reconcile.ts';
import type { Case, CaseResource } from './case.ts';
import { type Expected, FileModel, type Source } from './model.ts';

/** Returns the outcomes of a check that the model of files does not expect. */
export interface Disagreement {
  kind: string;
  details: string[];
}

/**
 * Walks the model through a case and returns what it holds against a check of it: nothing for a case that the model does
 * not know all of, because it has other modules, conditions or contents that are worked out.
 */
export function expectations(source: Source, { plays }: Case): (check: Ran) => Disagreement[] {
  const resources = plays.flat();
  if (!resources.every(isPlain)) return () => [];
  const model = new FileModel(source);
  const expected: [CaseResource, Expected][] = [];
  for (const resource of resources) {
    const outcome = model.step(resource);
    expected.push([resource, outcome]);
    // Later resources are never reached.
    if (outcome === 'obstacle') break;
  }
  return check => disagreements(expected, check);
}

function isPlain({ module, args, keys }: CaseResource): boolean {
  const literal = Object.values(args).every(value => !String(value).includes('{{'));
  const others = ['src', 'template', 'validate', 'backup'].some(key => key in args);
  return (
    ['file', 'directory', 'link'].includes(module) &&
    literal &&
    !others &&
    !['loop', 'when', 'become'].some(key => key in keys)
  );
}

function disagreements(expected: readonly [CaseResource, Expected][], check: Ran): Disagreement[] {
  const last = expected.at(-1)!;
  if (last[1] === 'obstacle') {
    const { module, name } = last[0];
    if (check.exit === 1) return [];
    return [{ kind: `${module}: obstacle, check exits ${check.exit}`, details: [`${name} cannot be done`] }];
  }
  if (check.exit === 1) return [{ kind: 'no obstacle, check exits 1', details: [check.stdout.slice(-600)] }];
  return expected.flatMap(([{ name, module }, outcome]) => {
    const shown = check.events.find(each => each.event === 'resource' && each.name === name);
    const open = shown?.open === true || shown?.diff?.kind === 'write';
    const status = `${shown?.status}${open ? ' ±' : ''}`;
    if (status === outcome) return [];
    return [{ kind: `${module}: ${outcome} expected, ${status} shown`, details: [`${name} of the check`] }];
  });
}
