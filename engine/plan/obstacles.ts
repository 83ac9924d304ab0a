import { posix } from 'node:path';
import type { Effect } from '../effect.ts';
import { nginxReads, unitAt, wholeChecks } from '../host-knowledge.ts';
import type { Obstacle } from '../module.ts';
import { type CommandResult, command, flags, type PathState, path, program } from '../probe.ts';
import type { CheckedStep, RunStep, Step } from '../step.ts';
import { foldersAbove } from '../util/paths.ts';
import { accountThere, certain, first, followed, type Outlook } from './certain-readings.ts';
import { mounted, readOnly } from './mounts.ts';
import { unitObstacle } from './unit-obstacles.ts';

/** Why a step is known to fail on the host as it will be at its turn: the first reason, if there is any. */
export function obstacleTo(step: Step, view: Outlook): Obstacle | undefined {
  switch (step.do) {
    case 'write':
      return (
        placeOf(step.path, view) ??
        inTheWay(step.path, ['directory'], 'a file', view) ??
        immutable(step.path, /[ai]/, view) ??
        owned(step.path, view) ??
        owners(step, view) ??
        programThere(/^[\w./+-]+(?=\s)/.exec(step.validate ?? '')?.[0], '/', view)
      );
    case 'link':
      return (
        placeOf(step.path, view) ??
        inTheWay(step.path, ['directory'], 'a link', view) ??
        immutable(step.path, /[ai]/, view)
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
    case 'sql':
      return rights(view, step.as ?? 'postgres') ?? accountThere('passwd', step.as ?? 'postgres', view);
    default:
      return undefined;
  }
}

/** Whether the program that checks a step refuses what is there already, in a file that the step does not change. */
function brokenAlready({ by, steps }: CheckedStep, view: Outlook): Obstacle | undefined {
  const probe = wholeChecks[by.join(' ')];
  const result = probe && certain(probe, view);
  const isOwn = steps.some(({ path }) => result?.stderr.includes(`/${posix.basename(path)}:`));
  if (!result || result.exit === 0 || isOwn) return undefined;
  return {
    says: `${by.join(' ')} fails already, whatever is changed here: ${result.stderr.trim().split('\n')[0]}`,
    fix: 'Mend the file that it names, in an earlier resource.',
  };
}

/** Whether something can be put at `at`: its folder is there, and may be written to. */
function placeOf(at: string, view: Outlook): Obstacle | undefined {
  const folder = posix.dirname(at);
  if (folder === '/') return changeable(folder, view);
  const there = followed(folder, view);
  if (there === null) {
    const { type, target = '' } = certain(path(folder), view) ?? {};
    const real = type === 'link' ? posix.resolve(posix.dirname(folder), target) : folder;
    return {
      says: `The directory ${real}${type === 'link' ? `, to which ${folder} links,` : ''} does not exist, and nothing before this makes it.`,
      fix: `Make it first, e.g. with\n    directory: { path: ${real} }`,
    };
  }
  if (there !== undefined && there.type !== 'directory')
    return { says: `${folder} is ${named(there.type)}, not a directory.` };
  return changeable(folder, view);
}

/** Whether the folders above a new directory are folders, as far as they are there. */
function parentsAreFolders(at: string, view: Outlook): Obstacle | undefined {
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

/** Whether a directory would stand where a program reads a file of its configuration, and fails. */
function readAsFile(at: string): Obstacle | undefined {
  const its = unitAt(at);
  const reader =
    its?.part === 'drop-in' && at.endsWith('.conf')
      ? `systemd reads a file of ${its.name}`
      : nginxReads.test(at) && 'Nginx reads a file';
  return reader ? { says: `${at} would be a directory, and ${reader} there.` } : undefined;
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

function ofRun(step: RunStep, view: Outlook): Obstacle | undefined {
  const unknown =
    step.as === undefined ? undefined : (accountThere('passwd', step.as, view) ?? rights(view, step.as));
  if (unknown !== undefined) return unknown;
  // The session enters the folder, and the program of another account begins in it.
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
        fix: `Make it first, e.g. with\n    directory: { path: ${step.cwd} }`,
      };
  }
  const named =
    typeof step.command === 'string' || step.env?.['PATH'] !== undefined ? undefined : step.command[0];
  return (
    ((step.touches ?? []).some(needsRoot) ? rights(view, 'root') : undefined) ??
    first(step.touches ?? [], effect => unitObstacle(effect, view)) ??
    first(step.reads ?? [], file => fileThere(file, view)) ??
    programThere(named, step.cwd ?? '/', view)
  );
}

/** Whether an account may enter the folders above something, as far as that does not depend on its groups. */
function enterable(at: string, account: string | undefined, view: Outlook): Obstacle | undefined {
  if (account === undefined || account === 'root') return undefined;
  return first(foldersAbove(at), folder => {
    const there = followed(folder, view);
    if (there?.type !== 'directory') return undefined;
    const isOwner = there.owner === account;
    const digits = there.mode.slice(-3);
    const mayEnter = isOwner ? /^[1357]/.test(digits) : /[1357]/.test(digits.slice(1));
    if (mayEnter) return undefined;
    return {
      says: `${account} may not enter ${folder}, whose mode is ${there.mode}.`,
      fix: 'Let it in with an x in the mode of the directory, such as 0755.',
    };
  });
}

function fileThere(at: string, view: Outlook): Obstacle | undefined {
  if (followed(at, view) !== null) return undefined;
  return {
    says: `There is no file ${at} on the host, and nothing before this brings it.`,
    fix: 'Put the resource that brings it before this one.',
  };
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

/** Whether a step can only be done by root. */
export const isForRoot = (step: Step): boolean => step.do === 'run' && (step.touches ?? []).some(needsRoot);

/** What only root can do. */
const needsRoot = ({ kind }: Effect): boolean =>
  ['packages', 'mark', 'unit', 'daemon-reload', 'package-lists'].includes(kind);

/** Whether the account may act as `wanted`. */
function rights(
  { account: own }: Outlook,
  wanted: string,
  what = `may not act as ${wanted} on the host`,
): Obstacle | undefined {
  return own === undefined || own === 'root' || own === wanted ? undefined : forbidden(own, what);
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

/** Whether the account may take something out of a folder such as /tmp, which only the owner of either may. */
function sticky(at: string, view: Outlook): Obstacle | undefined {
  const { account: own } = view;
  const folder = followed(posix.dirname(at), view);
  if (own === undefined || own === 'root' || !folder || folder.owner === own) return undefined;
  return (Number(folder.mode[0]) & 1) === 0 ? undefined : owned(at, view);
}

function forbidden(account: string, what: string): Obstacle {
  return { says: `${account} ${what}.`, fix: 'Did you mean become: true?' };
}

/** Whether `letters` are set on what is there already: then nobody may change it, root neither. */
function immutable(at: string, letters: RegExp, view: Outlook): Obstacle | undefined {
  const there = certain(path(at), view);
  if (there?.type !== 'file' && there?.type !== 'directory') return undefined;
  const letter = letters.exec(certain(flags(at), view) ?? '')?.[0];
  return letter === undefined
    ? undefined
    : {
        says: `${at} is ${letter === 'i' ? 'immutable' : 'append-only'}: not even root may change it.`,
        fix: `Allow it in an earlier resource, with\n    chattr -${letter} ${at}`,
      };
}

/** Whether things can be made and removed in a folder, by the account. */
const changeable = (folder: string, view: Outlook): Obstacle | undefined =>
  readOnly(folder, view) ?? immutable(folder, /i/, view) ?? writable(folder, view);

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
