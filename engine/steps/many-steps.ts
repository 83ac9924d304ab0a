import { posix } from 'node:path';
import { shellCommand } from '../quote.ts';
import type { Step } from '../step.ts';

/** The fewest neighbouring steps that one process does together. */
const fewest = 16;

/** A step that the process of many steps knows (host-shell/many.pl). */
type Small = Extract<Step, { do: 'write' | 'directory' | 'attributes' }>;

/** Neighbouring steps: a single one, or many that one process does together. */
export type Group = { first: number; step: Step } | { first: number; many: readonly Small[] };

/** Returns the steps in groups, in their order. */
export function groupsOf(steps: readonly Step[]): Group[] {
  const groups: Group[] = [];
  for (let first = 0; first < steps.length; ) {
    const many: Small[] = [];
    for (let step = steps[first]; step && isSmall(step); step = steps[first + many.length]) many.push(step);
    if (many.length >= fewest) groups.push({ first, many });
    else
      groups.push(
        ...steps.slice(first, first + (many.length || 1)).map((step, i) => ({ first: first + i, step })),
      );
    first += many.length || 1;
  }
  return groups;
}

/** Returns the shell that does many steps, and adds its standard input to `inputs`. */
export function compileMany(many: readonly Small[], first: number, inputs: Buffer[]): string {
  const base = folderAbove(many.map(({ path }) => path));
  const frames = many.flatMap((step, i) => {
    const { do: kind, path, mode = '-', owner = '-', group = '-' } = step;
    const content = step.do === 'write' ? Buffer.from(step.content as Uint8Array) : Buffer.alloc(0);
    const words = [first + i, kind, content.length, mode, owner, group, `${path.slice(base.length + 1)}/`];
    return [Buffer.from(`${words.join(' ')}\n`), content];
  });
  const all = [...frames, Buffer.from('end\n')];
  inputs.push(...all);
  const size = all.reduce((sum, { length }) => sum + length, 0);
  const make = many[0]?.do === 'directory' ? 'make' : '';
  return `head -c ${size} | { ${shellCommand(['r_many', base, make])}; }`;
}

/** Whether a step needs nothing but its path, content, owner, group and mode, in words of a line. */
function isSmall(step: Step): step is Small {
  if (step.do !== 'write' && step.do !== 'directory' && step.do !== 'attributes') return false;
  const { path, owner = '-', group = '-', mode } = step;
  if (path.includes('\n') || posix.normalize(path) !== path || path.endsWith('/')) return false;
  if (![owner, group].every(name => /^(-|\w[\w.@-]*\$?)$/.test(name))) return false;
  if (step.do === 'write')
    return mode !== undefined && step.validate === undefined && step.backup === undefined;
  return step.do === 'directory' || !step.recursive;
}

/** Returns the innermost folder above all paths, without a slash at its end. */
function folderAbove(paths: readonly string[]): string {
  const [first = [], ...others] = paths.map(path => path.split('/').slice(0, -1));
  const differs = (i: number) => others.some(other => other[i] !== first[i]);
  const end = first.findIndex((_, i) => differs(i));
  return first.slice(0, end < 0 ? undefined : end).join('/');
}
