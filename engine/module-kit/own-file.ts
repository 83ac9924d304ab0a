import type { Claims, Context, Diff, State } from '../module.ts';
import { type Content, content, Missing, type PathState, path } from '../probe.ts';
import type { CheckedStep, Step } from '../step.ts';
import { type Conditional, compact, defined } from '../util/defined.ts';
import type { NewContent } from '../util/file-content.ts';
import { pathClaims } from './path-claims.ts';
import { textOf } from './state-text.ts';

/** A file of root that is the thing of a module, or its lasting half. */
export interface OwnFile {
  path: string;
  content: NewContent;
  /** Four octal digits; without it, `0644`. */
  mode?: string;
  /** A shell command that checks the staged file, named `%s` in it. */
  validate?: string;
  /** A command that checks the file together with others. If it fails, the old file is restored. */
  by?: readonly string[];
}

// biome-ignore lint/suspicious/noExplicitAny: arguments and readings have the types of the module's own functions
type Any = any;

/** The functions of a definition to which its file adds. */
interface Parts {
  file?(args: Any): OwnFile;
  probes?(args: Any): Record<string, unknown>;
  actual?(read: Any, args: Any, context: Context): Record<string, unknown> | null | Missing;
  desired?(args: Any, read: Any): Record<string, unknown>;
  steps?(diff: Diff, args: Any, read: Any, context: Context): Conditional<Step>;
  remove?(args: Any, read: Any, context: Context): Conditional<Step>;
  removal?: object;
  claims?(args: Any): Claims;
}

/** Returns a definition whose functions also read, compare, write, remove and claim its file. */
export function withOwnFile<D extends Parts>(own: D): D {
  if (own.file === undefined) return own;
  const fileOf = (args: Any) => ({ owner: 'root', group: 'root', mode: '0644', ...own.file!(args) });
  const changed = (args: Any, step: CheckedStep['steps'][number]): Step => {
    const { by } = fileOf(args);
    return by === undefined ? step : { do: 'checked', steps: [step], by };
  };
  const probesOf = (args: Any) => ({
    ownFile: path(fileOf(args).path),
    ownContent: content(fileOf(args).path),
  });
  const parts: Parts = {
    probes: args => ({ ...own.probes?.(args), ...probesOf(args) }),
    actual(read, args, context) {
      const file = stateOf(read);
      if (own.actual === undefined) return file;
      const rest = own.actual(read, args, context);
      if (rest instanceof Missing) return rest;
      return rest === null && file === null ? null : { ...rest, ...file };
    },
    desired(args, read) {
      const { content: bytes, owner, group, mode } = fileOf(args);
      return { ...own.desired?.(args, read), content: textOf(bytes), owner, group, mode };
    },
    steps(diff, args, read, context) {
      const others = compact<Step>(own.steps?.(diff, args, read, context) ?? []);
      // The file answers every difference that the module's own steps do not.
      const isDue = others.length === 0 || ['content', 'owner', 'group', 'mode'].some(key => diff.has(key));
      const { by: _, ...file } = fileOf(args);
      return [others, isDue && changed(args, { do: 'write', ...file })];
    },
    remove: (args, read, context) => [
      compact<Step>(own.remove?.(args, read, context) ?? []),
      changed(args, { do: 'remove', path: fileOf(args).path }),
    ],
    removal: { probes: probesOf, actual: (read: Any) => stateOf(read), ...own.removal },
    claims(args) {
      const { path: at, content: bytes, owner, group, mode } = fileOf(args);
      return { ...pathClaims(at, 'file', { owner, group, mode }, () => bytes), ...own.claims?.(args) };
    },
  };
  return { ...own, ...parts };
}

/** Returns the state of the file, or null if nothing is there. A thing of another type has no content. */
function stateOf({
  ownFile,
  ownContent,
}: {
  ownFile: PathState | null;
  ownContent: Content | null;
}): State | null {
  if (ownFile === null) return null;
  const { owner, group, mode } = ownFile;
  return defined({ content: ownFile.type === 'file' ? ownContent : undefined, owner, group, mode }) as State;
}
