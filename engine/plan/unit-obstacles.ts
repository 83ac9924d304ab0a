import type { Effect } from '../effect.ts';
import type { Obstacle } from '../module.ts';
import { content, path, unit } from '../probe.ts';
import { accountThere, certain, first, followed, type ObstacleView } from './certain-readings.ts';

/** Returns the obstacle of a step that cannot enable or start a unit. */
export function unitObstacle(effect: Effect, view: ObstacleView): Obstacle | undefined {
  if (effect.kind === 'below') return linkable(effect.path, view);
  if (effect.kind === 'unit' && effect.sets['UnitFileState'] === 'enabled')
    return enableable(effect.name, view);
  const isStart = effect.kind === 'unit' && effect.sets['ActiveState'] === 'active';
  return isStart ? startable(effect.name, view) : undefined;
}

/** Returns the obstacle of a unit whose [Install] leads to no link: its only alias is its own name. */
function enableable(name: string, view: ObstacleView): Obstacle | undefined {
  const { FragmentPath } = certain(unit(name), view) ?? {};
  const file = FragmentPath || `/etc/systemd/system/${name}`;
  const text = certain(content(file), view)?.bytes?.toString() ?? '';
  const aliases = [...text.matchAll(/^\s*Alias\s*=(.*)$/gm)].flatMap(([, words]) =>
    words!.trim().split(/\s+/),
  );
  const leadsOn = /^\s*(WantedBy|RequiredBy|UpheldBy|Also)\s*=\s*\S/m.test(text);
  if (leadsOn || aliases.length === 0 || aliases.some(alias => alias !== '' && alias !== name))
    return undefined;
  return {
    says: `${name} cannot be enabled: in [Install], its only Alias= is its own name, so nothing starts it at boot.`,
    fix: 'Give it a WantedBy=, such as multi-user.target, or leave out `enabled`.',
  };
}

/** Returns the obstacle of a file in the place of a link that systemctl creates in the folder of a target. */
function linkable(at: string, view: ObstacleView): Obstacle | undefined {
  if (!unitLink.test(at) || certain(path(at), view)?.type !== 'file') return undefined;
  return {
    says: `${at} is a file, where systemctl enable puts a link.`,
    fix: `Declare it as absent before, e.g. with\n    file: { path: ${at}, state: absent }`,
  };
}

/** The links by which a target wants or requires a unit. */
const unitLink = /\.target\.(wants|requires)\/[^/]+$/;

/** Returns the unit that a socket, timer, path or automount unit starts: systemd.socket(5), systemd.timer(5), systemd.path(5). */
function triggered(name: string, text: string): string | undefined {
  if (name.endsWith('.automount')) return name.replace(/automount$/, 'mount');
  const kind = /^(.*)\.(socket|timer|path)$/.exec(name);
  if (kind === null || text.trim() === '') return undefined;
  const named = /^\s*(?:Unit|Service)\s*=\s*(\S+)/m.exec(text)?.[1];
  const isEach = kind[2] === 'socket' && /^\s*Accept\s*=\s*(yes|true|on|1)\s*$/im.test(text);
  return named ?? (isEach ? undefined : `${kind[1]}.service`);
}

/** Returns the obstacle of a unit whose files name a missing unit, path or account. */
function startable(name: string, view: ObstacleView): Obstacle | undefined {
  const { Requires = '', FragmentPath, DropInPaths = '' } = certain(unit(name), view) ?? {};
  const files = [FragmentPath || `/etc/systemd/system/${name}`, ...DropInPaths.split(' ').filter(Boolean)];
  const text = files.map(file => certain(content(file), view)?.bytes?.toString() ?? '').join('\n');
  const isElsewhere = /^\s*(RootDirectory|RootImage|DynamicUser)\s*=/m.test(text);
  return (
    unsupported(name, view) ??
    first(isElsewhere ? [] : neededPaths(text), ({ key, at }) =>
      followed(at, view) === null
        ? {
            says: `${name} does not start without ${at}: its file has ${key}.`,
            fix: `Create ${at} in an earlier resource.`,
          }
        : undefined,
    ) ??
    first(isElsewhere ? [] : startedPrograms(text), program =>
      followed(program, view) === null
        ? {
            says: `${name} does not start without ${program}, which its file has as ExecStart.`,
            fix: `Create ${program} in an earlier resource.`,
          }
        : undefined,
    ) ??
    first(isElsewhere ? [] : accountsOf(text), ([database, account]) =>
      accountThere(database, account, view),
    ) ??
    first([...Requires.split(/\s+/), triggered(name, text) ?? ''].filter(Boolean), required =>
      certain(unit(required), view)?.['LoadState'] === 'not-found'
        ? {
            says: `${name} requires ${required}, which is not on the host, and no earlier resource brings it.`,
            fix: `Declare ${required} in an earlier resource, or leave it out of the unit.`,
          }
        : undefined,
    )
  );
}

/** Returns the obstacle of a unit of a kind that the kernel or the container of the host does not support. */
function unsupported(name: string, view: ObstacleView): Obstacle | undefined {
  const isRefused = name.endsWith('.automount')
    ? certain(path('/dev/autofs'), view) === null
    : name.endsWith('.swap') && !!certain(path('/run/systemd/container'), view);
  const kind = name.slice(name.lastIndexOf('.'));
  return isRefused
    ? { says: `${name} cannot start: systemd supports no ${kind} units on this host, such as a container.` }
    : undefined;
}

/** Returns the paths that must exist, by the text of a unit: systemd.unit(5), “Conditions and Asserts”, and systemd.exec(5). */
function neededPaths(text: string): { key: string; at: string }[] {
  const keys =
    /^((?:Condition|Assert)(?:PathExists|PathIsDirectory|FileNotEmpty|FileIsExecutable)|WorkingDirectory|EnvironmentFile)=(\/[^%*?\s]*)\s*$/gm;
  return [...text.matchAll(keys)].map(([, key, at]) => ({ key: key!, at: at! }));
}

/** Returns the programs of ExecStart= whose failure counts (systemd.service(5)). An empty line clears those before it. */
function startedPrograms(text: string): string[] {
  const lines = [...text.matchAll(/^\s*ExecStart(?:Pre)?\s*=\s*([-@:+!|]*)([^\s"'\\%$]*)(?=\s|$)/gm)];
  const last = lines.findLastIndex(([, , program]) => program === '');
  return lines
    .slice(last + 1)
    .filter(([, prefixes, program]) => !prefixes!.includes('-') && program!.startsWith('/'))
    .map(([, , program]) => program!);
}

function accountsOf(text: string): ['passwd' | 'group', string][] {
  return [...text.matchAll(/^(User|Group)=([\w.-]+)\s*$/gm)].map(([, key, name]) => [
    key === 'User' ? 'passwd' : 'group',
    name!,
  ]);
}
