import { posix } from 'node:path';
import { nginxReads, unitAt } from '../host-knowledge.ts';
import type { Obstacle } from '../module.ts';
import { type PathState, path, program } from '../probe.ts';
import type { RunStep, Step } from '../step.ts';
import { foldersAbove } from '../util/paths.ts';
import { accountThere, certain, first, followed, type ObstacleView } from './certain-readings.ts';
import { mounted, readOnly, replacesMount } from './mounts.ts';
import { changeable, enterable, immutable, isForRoot, owned, rights, sticky } from './rights.ts';
import { unitObstacle } from './unit-obstacles.ts';
import { brokenAlready, refused } from './validation-obstacles.ts';

/** Returns the first obstacle of a step at its turn, or undefined if none is known. */
export function obstacleTo(step: Step, view: ObstacleView): Obstacle | undefined {
  switch (step.do) {
    case 'write':
      return (
        placeOf(step.path, view) ??
        inTheWay(step.path, ['directory'], 'a file', view) ??
        immutable(step.path, /[ai]/, view) ??
        replacesMount(step.path, view) ??
        owned(step.path, view) ??
        owners(step, view) ??
        programThere(/^[\w./+-]+(?=\s)/.exec(step.validate ?? '')?.[0], '/', view) ??
        refused(step, view)
      );
    case 'link':
      return (
        placeOf(step.path, view) ??
        inTheWay(step.path, ['directory'], 'a link', view) ??
        immutable(step.path, /[ai]/, view) ??
        replacesMount(step.path, view)
      );
    case 'directory':
      return (
        parentsAreFolders(step.path, view) ??
        inTheWay(step.path, ['file', 'link', 'other'], 'a directory', view) ??
        readAsFile(step.path) ??
        immutable(step.path, /[ai]/, view) ??
        owners(step, view)
      );
    case 'attributes':
      return (
        readOnly(posix.dirname(step.path), view) ??
        immutable(step.path, /[ai]/, view) ??
        owned(step.path, view) ??
        owners(step, view)
      );
    case 'remove':
      return (
        changeable(posix.dirname(step.path), view) ??
        immutable(step.path, /[ai]/, view) ??
        mounted(step.path, view) ??
        sticky(step.path, view) ??
        (step.recursive || step.empty ? undefined : inTheWay(step.path, ['directory'], undefined, view))
      );
    case 'checked':
      return (
        first(step.steps, one => obstacleTo(one, view)) ??
        brokenAlready(step, view) ??
        first(step.programs ?? [], name => programThere(name, '/', view))
      );
    case 'run':
      return ofRun(step, view);
    case 'owe':
      return rights(view, 'root', `may not note on the host that ${step.unit} is owed a ${step.action}`);
    case 'reboot':
      return rights(view, 'root', 'may not restart the host');
    case 'sql':
      return rights(view, step.as ?? 'postgres') ?? accountThere('passwd', step.as ?? 'postgres', view);
    default:
      return undefined;
  }
}

/** Returns the obstacle of a path whose folder is missing or cannot be written to. */
function placeOf(at: string, view: ObstacleView): Obstacle | undefined {
  const folder = posix.dirname(at);
  if (folder === '/') return changeable(folder, view);
  const there = followed(folder, view);
  if (there === null) {
    const { type, target = '' } = certain(path(folder), view) ?? {};
    const real = type === 'link' ? posix.resolve(posix.dirname(folder), target) : folder;
    return {
      says: `The directory ${real}${type === 'link' ? `, to which ${folder} links,` : ''} does not exist, and no earlier resource creates it.`,
      fix: `Create it first, e.g. with\n    directory: { path: ${real} }`,
    };
  }
  if (there !== undefined && there.type !== 'directory')
    return { says: `${folder} is ${named(there.type)}, not a directory.` };
  return changeable(folder, view);
}

/** Returns the obstacle of a new directory below something that is not a folder. */
function parentsAreFolders(at: string, view: ObstacleView): Obstacle | undefined {
  const above = foldersAbove(at);
  const wrong = first(above, folder => {
    const there = followed(folder, view);
    return there && there.type !== 'directory'
      ? { says: `${folder} is ${named(there.type)}, not a directory.` }
      : undefined;
  });
  if (wrong !== undefined) return wrong;
  const parent = above.findLast(folder => followed(folder, view) !== null) ?? '/';
  return followed(at, view) === null ? changeable(parent, view) : undefined;
}

/** Returns the obstacle of a directory in a place where a program reads a configuration file. */
function readAsFile(at: string): Obstacle | undefined {
  const unit = unitAt(at);
  const reader =
    unit?.part === 'drop-in' && at.endsWith('.conf')
      ? `systemd reads a file of ${unit.name}`
      : nginxReads.test(at) && 'Nginx reads a file';
  return reader ? { says: `${at} would be a directory, and ${reader} there.` } : undefined;
}

function inTheWay(
  at: string,
  types: readonly PathState['type'][],
  wanted: string | undefined,
  view: ObstacleView,
): Obstacle | undefined {
  const there = certain(path(at), view);
  if (!there || !types.includes(there.type)) return undefined;
  const end =
    wanted === undefined
      ? 'it is removed only when it is declared as one'
      : `it is not replaced by ${wanted}`;
  return { says: `${at} is ${named(there.type)}; ${end}.` };
}

const named = (type: PathState['type']): string => (type === 'other' ? 'a special file' : `a ${type}`);

function owners(
  { owner, group }: { owner?: string; group?: string },
  view: ObstacleView,
): Obstacle | undefined {
  return (
    (owner === undefined ? undefined : accountThere('passwd', owner, view)) ??
    (group === undefined ? undefined : accountThere('group', group, view)) ??
    (owner !== undefined && owner !== view.account ? rights(view, owner) : undefined)
  );
}

function ofRun(step: RunStep, view: ObstacleView): Obstacle | undefined {
  const acting = isForRoot(step) ? 'root' : step.as;
  const unknown =
    (step.as === undefined ? undefined : accountThere('passwd', step.as, view)) ??
    (acting === undefined ? undefined : rights(view, acting));
  if (unknown !== undefined) return unknown;
  // The session enters the folder, and the program of another account starts in it.
  const touched = (step.touches ?? []).flatMap(effect => ('path' in effect ? effect.path : []));
  const shut =
    (step.cwd === undefined ? undefined : enterable(`${step.cwd}/.`, view.account, view)) ??
    first(touched, place => enterable(place, step.as ?? view.account, view));
  if (shut !== undefined) return shut;
  if (step.cwd !== undefined && step.cwd !== '/') {
    const there = followed(step.cwd, view);
    if (there === null || (there !== undefined && there.type !== 'directory'))
      return {
        says: `The directory ${step.cwd}, in which ${step.label ?? 'the command'} runs, does not exist.`,
        fix: `Create it first, e.g. with\n    directory: { path: ${step.cwd} }`,
      };
  }
  const named =
    typeof step.command === 'string' || step.env?.['PATH'] !== undefined ? undefined : step.command[0];
  return (
    first(step.touches ?? [], effect => unitObstacle(effect, view)) ??
    first(step.users ?? [], user => accountThere('passwd', user, view)) ??
    first(step.groups ?? [], group => accountThere('group', group, view)) ??
    first(step.reads ?? [], file => fileThere(file, view)) ??
    programThere(named, step.cwd ?? '/', view)
  );
}

function fileThere(at: string, view: ObstacleView): Obstacle | undefined {
  return followed(at, view) !== null
    ? undefined
    : {
        says: `There is no file ${at} on the host, and no earlier resource brings it.`,
        fix: 'Move the resource that brings the file before this one.',
      };
}

/** Returns the obstacle of a missing program, searched as a shell does in a folder. */
function programThere(name: string | undefined, folder: string, view: ObstacleView): Obstacle | undefined {
  if (name === undefined || name === '') return undefined;
  if (!name.includes('/')) return certain(program(name), view) === null ? noProgram(name) : undefined;
  const there = followed(posix.resolve(folder, name), view);
  if (there === null) return noProgram(name);
  const isProgram = there === undefined || (there.type === 'file' && /[1357]/.test(there.mode.slice(-3)));
  return isProgram ? undefined : { says: `${name} is not a program: it cannot be executed.` };
}

const noProgram = (name: string): Obstacle => ({
  says: `There is no program ${name} on the host, and no earlier resource brings it.`,
  fix: 'Install it first, or give the path of an existing program.',
  code: 'program-missing',
});
