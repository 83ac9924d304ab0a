import { posix } from 'node:path';
import { contentLimitBytes } from '../probe.ts';
import { shellCommand } from '../quote.ts';
import type { Step } from '../step.ts';
import { FileContent, type Input } from '../util/file-content.ts';

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

/** The fewest bytes of a packet of frames. The files of a packet are in memory together while it is sent. */
const packetBytes = 256 * 1024;

/** Returns the shell that does many steps, and adds its standard input to `inputs`. */
export function compileMany(many: readonly Small[], first: number, inputs: Input[]): string {
  const base = folderAbove(many.map(({ path }) => path));
  const packets: Packet[] = [new Packet()];
  for (const [i, step] of many.entries()) {
    const { do: kind, path, mode = '-', owner = '-', group = '-' } = step;
    const given = step.do === 'write' ? step.content : '';
    const content = typeof given === 'string' ? Buffer.from(given) : given;
    const words = [first + i, kind, content.length, mode, owner, group, `${path.slice(base.length + 1)}/`];
    if (packets.at(-1)!.length > packetBytes) packets.push(new Packet());
    packets.at(-1)!.add(Buffer.from(`${words.join(' ')}\n`), content);
  }
  packets.at(-1)!.add(Buffer.from('end\n'));
  inputs.push(...packets);
  const size = packets.reduce((sum, { length }) => sum + length, 0);
  const make = many[0]?.do === 'directory' ? 'make' : '';
  return `head -c ${size} | { ${shellCommand(['r_many', base, make])}; }`;
}

/** Frames that are sent as one piece, or not at all if a file has changed: no line may stand before another content. */
class Packet {
  length = 0;
  readonly #parts: (Uint8Array | FileContent)[] = [];

  add(...parts: readonly (Uint8Array | FileContent)[]): void {
    this.#parts.push(...parts);
    for (const { length } of parts) this.length += length;
  }

  pieces(): Uint8Array[] {
    return [Buffer.concat(this.#parts.map(part => (part instanceof FileContent ? part.bytes() : part)))];
  }
}

/** Whether a step needs nothing but its path, content, owner, group and mode, in words of a line. */
function isSmall(step: Step): step is Small {
  if (step.do !== 'write' && step.do !== 'directory' && step.do !== 'attributes') return false;
  const { path, owner = '-', group = '-', mode } = step;
  if (path.includes('\n') || posix.normalize(path) !== path || path.endsWith('/')) return false;
  if (![owner, group].every(name => /^(-|\w[\w.@-]*\$?)$/.test(name))) return false;
  if (step.do === 'write')
    return (
      mode !== undefined &&
      step.validate === undefined &&
      step.backup === undefined &&
      !(step.content instanceof FileContent && step.content.length > contentLimitBytes)
    );
  return step.do === 'directory' || !step.recursive;
}

/** Returns the innermost folder above all paths, without a slash at its end. */
function folderAbove(paths: readonly string[]): string {
  const [first = [], ...others] = paths.map(path => path.split('/').slice(0, -1));
  const differs = (i: number) => others.some(other => other[i] !== first[i]);
  const end = first.findIndex((_, i) => differs(i));
  return first.slice(0, end < 0 ? undefined : end).join('/');
}
