import { posix } from 'node:path';
import type { Effect } from '../effect.ts';
import { unitAt } from '../host-knowledge.ts';
import type { Obstacle } from '../module.ts';
import {
  account,
  type CommandResult,
  command,
  content,
  type PathState,
  type Probe,
  path,
  program,
  unit,
} from '../probe.ts';
import type { RunStep, Step } from '../step.ts';
import type { ForecastReading } from './forecast.ts';
import { ancestors } from './forecast-paths.ts';

/** What obstacles are looked for in. */
interface Outlook {
  foresee(probe: Probe): ForecastReading;
  /** The account that does the steps; undefined = not known. */
  account: string | undefined;
}

/** Why a step is known to fail on the host as it will be at its turn: the first reason, if there is any. */
export function obstacleTo(step: Step, view: Outlook): Obstacle | undefined {
  switch (step.do) {
    case 'write':
      return (
        placeOf(step.path, view) ??
        inTheWay(step.path, ['directory'], 'a file', view) ??
        owners(step, view) ??
        programThere(/^[\w./+-]+(?=\s)/.exec(step.validate ?? '')?.[0], '/', view)
      );
    case 'link':
      return placeOf(step.path, view) ?? inTheWay(step.path, ['directory'], 'a link', view);
    case 'directory':
      return (
        foldersOf(step.path, view) ??
        inTheWay(step.path, ['file', 'link', 'other'], 'a directory', view) ??
        unitFileAt(step.path) ??
        owners(step, view)
      );
    case 'attributes':
      return owned(step.path, view) ?? owners(step, view);
    case 'remove':
      return (
        writable(posix.dirname(step.path), view) ??
        (step.recursive || step.empty ? undefined : inTheWay(step.path, ['directory'], undefined, view))
      );
    case 'checked':
      return (
        first(step.steps, one => obstacleTo(one, view)) ??
        first(step.programs ?? [], name => programThere(name, '/', view))
      );
    case 'run':
      return ofRun(step, view);
    case 'sql':
      return rights(view, step.as ?? 'postgres') ?? accountThere('passwd', step.as ?? 'postgres', view);
    default:
      return undefined;
  }
}

/** The value of a probe where it is certain. */
function certain<T>(probe: Probe<T>, { foresee }: Outlook): T | undefined {
  const { reading, open } = foresee(probe);
  return open || !('value' in reading) ? undefined : (reading.value as T);
}

/** Whether something can be put at `at`: its folder is there, and may be written to. */
function placeOf(at: string, view: Outlook): Obstacle | undefined {
  const folder = posix.dirname(at);
  if (folder === '/') return writable(folder, view);
  const there = followed(folder, view);
  if (there === null)
    return {
      says: `The directory ${folder} does not exist, and nothing before this makes it.`,
      fix: `Make it first, e.g. with\n    directory: { path: ${folder} }`,
    };
  if (there !== undefined && there.type !== 'directory')
    return { says: `${folder} is ${named(there.type)}, not a directory.` };
  return writable(folder, view);
}

/** What a path leads to; undefined = not certain. */
function followed(at: string, view: Outlook, links = 0): PathState | null | undefined {
  const there = certain(path(at), view);
  if (there?.type !== 'link' || links > 40) return there;
  return followed(posix.resolve(posix.dirname(at), there.target ?? ''), view, links + 1);
}

/** Whether the folders above a new directory are folders, as far as they are there. */
function foldersOf(at: string, view: Outlook): Obstacle | undefined {
  const above = ancestors(at);
  const wrong = first(above, folder => {
    const there = followed(folder, view);
    return there && there.type !== 'directory'
      ? { says: `${folder} is ${named(there.type)}, not a directory.` }
      : undefined;
  });
  if (wrong !== undefined) return wrong;
  const parent = above.findLast(folder => followed(folder, view) !== null) ?? '/';
  return followed(at, view) === null ? writable(parent, view) : undefined;
}

/** systemd never has a unit loaded that has a directory in the place of one of its files. */
function unitFileAt(at: string): Obstacle | undefined {
  const its = unitAt(at);
  return its?.part === 'drop-in' && at.endsWith('.conf')
    ? { says: `${at} would be a directory, and systemd reads a file of ${its.name} there.` }
    : undefined;
}

function inTheWay(
  at: string,
  types: readonly PathState['type'][],
  wanted: string | undefined,
  view: Outlook,
): Obstacle | undefined {
  const there = certain(path(at), view);
  if (!there || !types.includes(there.type)) return undefined;
  const end =
    wanted === undefined
      ? 'it is removed only when it is declared as one'
      : `it is not replaced by ${wanted}`;
  return { says: `${at} is ${named(there.type)}; ${end}.` };
}

function named(type: PathState['type']): string {
  return type === 'other' ? 'a special file' : `a ${type}`;
}

function owners({ owner, group }: { owner?: string; group?: string }, view: Outlook): Obstacle | undefined {
  return (
    (owner === undefined ? undefined : accountThere('passwd', owner, view)) ??
    (group === undefined ? undefined : accountThere('group', group, view)) ??
    (owner !== undefined && owner !== view.account ? rights(view, owner) : undefined)
  );
}

function accountThere(database: 'passwd' | 'group', name: string, view: Outlook): Obstacle | undefined {
  if (/^\d+$/.test(name) || certain(account(database, name), view) !== null) return undefined;
  const what = database === 'passwd' ? 'account' : 'group';
  return {
    says: `There is no ${what} ${name} on the host, and nothing before this makes one.`,
    fix: `Make it first, or give the name of one that is there.`,
  };
}

function ofRun(step: RunStep, view: Outlook): Obstacle | undefined {
  if (step.as !== undefined) {
    const unknown = accountThere('passwd', step.as, view) ?? rights(view, step.as);
    if (unknown !== undefined) return unknown;
  }
  if (step.cwd !== undefined && step.cwd !== '/') {
    const there = followed(step.cwd, view);
    if (there === null || (there !== undefined && there.type !== 'directory'))
      return {
        says: `The directory ${step.cwd}, in which ${step.label ?? 'the command'} runs, does not exist.`,
        fix: `Make it first, e.g. with\n    directory: { path: ${step.cwd} }`,
      };
  }
  const named =
    typeof step.command === 'string' || step.env?.['PATH'] !== undefined ? undefined : step.command[0];
  return (
    ((step.touches ?? []).some(needsRoot) ? rights(view, 'root') : undefined) ??
    first(step.touches ?? [], effect => required(effect, view) ?? linkable(effect, view)) ??
    first(step.reads ?? [], file => fileThere(file, view)) ??
    programThere(named, step.cwd ?? '/', view)
  );
}

function fileThere(at: string, view: Outlook): Obstacle | undefined {
  if (followed(at, view) !== null) return undefined;
  return {
    says: `There is no file ${at} on the host, and nothing before this brings it.`,
    fix: 'Put the resource that brings it before this one.',
  };
}

/** systemctl puts links into the folders of targets, and no file gives way to one. */
function linkable(effect: Effect, view: Outlook): Obstacle | undefined {
  if (effect.on !== 'below' || !unitLink.test(effect.path)) return undefined;
  const there = certain(path(effect.path), view);
  return there?.type === 'file'
    ? {
        says: `${effect.path} is a file, where systemctl enable puts a link.`,
        fix: `Declare it as absent before, e.g. with\n    file: { path: ${effect.path}, state: absent }`,
      }
    : undefined;
}

/** A link by which a target wants a unit. */
const unitLink = /\.target\.(wants|requires)\/[^/]+$/;

/** Whether a unit that is started has all that it cannot do without, by its file: other units, and its conditions. */
function required(effect: Effect, view: Outlook): Obstacle | undefined {
  if (effect.on !== 'unit' || effect.sets['ActiveState'] !== 'active') return undefined;
  const { Requires = '', FragmentPath, DropInPaths = '' } = certain(unit(effect.name), view) ?? {};
  const file = FragmentPath || `/etc/systemd/system/${effect.name}`;
  const files = [file, ...DropInPaths.split(' ').filter(Boolean)];
  const texts = files.map(file => certain(content(file), view)?.bytes?.toString() ?? '');
  const condition = conditionsIn(texts.join('\n')).find(({ at }) => followed(at, view) === null);
  if (condition !== undefined)
    return {
      says: `${effect.name} does not start without ${condition.at}: its file has ${condition.key}.`,
      fix: `Make ${condition.at} in an earlier resource.`,
    };
  const missing = Requires.split(/\s+/)
    .filter(Boolean)
    .find(name => certain(unit(name), view)?.['LoadState'] === 'not-found');
  return missing === undefined
    ? undefined
    : {
        says: `${effect.name} requires ${missing}, which is not on the host, and nothing before this brings it.`,
        fix: `Declare ${missing} in an earlier resource, or leave it out of the unit.`,
      };
}

/** What must be there for a unit to start, by its text (systemd.unit(5), “Conditions and Asserts”). */
function conditionsIn(text: string): { key: string; at: string }[] {
  const keys =
    /^((?:Condition|Assert)(?:PathExists|PathIsDirectory|FileNotEmpty|FileIsExecutable))=(\/[^%\s]*)\s*$/gm;
  return [...text.matchAll(keys)].map(([, key, at]) => ({ key: key!, at: at! }));
}

/** Whether a program is there, as a shell would look for it in a folder. */
function programThere(name: string | undefined, folder: string, view: Outlook): Obstacle | undefined {
  if (name === undefined || name === '') return undefined;
  if (!name.includes('/')) return certain(program(name), view) === null ? noProgram(name) : undefined;
  const there = followed(posix.resolve(folder, name), view);
  if (there === null) return noProgram(name);
  const isProgram = there === undefined || (there.type === 'file' && /[1357]/.test(there.mode.slice(-3)));
  return isProgram ? undefined : { says: `${name} is not a program: it cannot be executed.` };
}

const noProgram = (name: string): Obstacle => ({
  says: `There is no program ${name} on the host, and nothing before this brings it.`,
  fix: 'Install it first, or give the path of one that is there.',
  code: 'program-missing',
});

/** What only root can do. */
const needsRoot = ({ on }: Effect): boolean =>
  ['packages', 'hold', 'unit', 'daemon-reload', 'package-lists'].includes(on);

/** Whether the account may act as `wanted`. */
function rights({ account: own }: Outlook, wanted: string): Obstacle | undefined {
  if (own === undefined || own === 'root' || own === wanted) return undefined;
  return forbidden(own, `may not act as ${wanted} on the host`);
}

/** Whether the account may change owner and mode of something. */
function owned(at: string, view: Outlook): Obstacle | undefined {
  const { account: own } = view;
  if (own === undefined || own === 'root') return undefined;
  const there = followed(at, view);
  return there && there.owner !== own
    ? forbidden(own, `may not change ${at}, which belongs to ${there.owner}`)
    : undefined;
}

function forbidden(account: string, what: string): Obstacle {
  return { says: `${account} ${what}.`, fix: 'Did you mean become: true?' };
}

/** Whether the account may make and remove things in a folder. */
function writable(folder: string, view: Outlook): Obstacle | undefined {
  const { account: own } = view;
  if (own === undefined || own === 'root') return undefined;
  const there = followed(folder, view);
  if (there?.type !== 'directory') return undefined;
  const groups = certain<CommandResult>(command('id -Gn', { about: [] }), view)
    ?.stdout.trim()
    .split(/\s+/);
  if (groups === undefined) return undefined;
  const digit = there.owner === own ? 1 : groups.includes(there.group) ? 2 : 3;
  if ((Number(there.mode[digit]) & 2) !== 0) return undefined;
  return forbidden(own, `may not write to ${folder}`);
}

function first<T>(all: readonly T[], ask: (one: T) => Obstacle | undefined): Obstacle | undefined {
  for (const one of all) {
    const found = ask(one);
    if (found !== undefined) return found;
  }
  return undefined;
}
