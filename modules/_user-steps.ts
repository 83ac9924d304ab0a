import type { Effect } from '../engine/effect.ts';
import type { Diff } from '../engine/module.ts';
import type { UserState } from '../engine/probe.ts';
import type { RunStep } from '../engine/step.ts';
import { defined } from '../engine/util/defined.ts';

/** The arguments of `user` that useradd and usermod need. */
export type Args = Readonly<{
  name: string;
  uid?: number | undefined;
  group?: string | undefined;
  groups?: readonly string[] | undefined;
  groups_exact: boolean;
  comment?: string | undefined;
  home?: string | undefined;
  create_home?: boolean | undefined;
  move_home: boolean;
  shell?: string | undefined;
  system: boolean;
  locked?: boolean | undefined;
  expires?: string | undefined;
}>;

/** Whether an account is a member of a group. */
export const isIn = ({ group, groups }: UserState, one: string) => group === one || groups.includes(one);
/** Whether a new account gets its home directory. */
export const createsHome = ({ create_home, system }: Pick<Args, 'create_home' | 'system'>) =>
  create_home ?? !system;

/** The options of useradd and usermod, by the name of the argument. */
function optionsOf(args: Partial<Args>): string[] {
  const { uid, group, groups, comment, home, shell, expires } = args;
  const values = {
    '-u': uid?.toString(),
    '-g': group,
    '-G': groups?.join(','),
    '-c': comment,
    '-d': home,
    '-s': shell,
    '-e': expires === 'never' ? '' : expires,
  };
  return Object.entries(defined(values)).flatMap(([option, value]) => [option, value!]);
}

const needing = (groups: readonly string[]) => (groups.length > 0 ? { groups } : {});

const memberships = (user: string, groups: readonly string[], is: boolean): Effect[] =>
  groups.map(group => ({ kind: 'membership', user, group, is }));

/** What decides about a new account: whether there is a group of its name, the names in /etc/skel, the mode of its home. */
interface Place {
  hasGroup: boolean;
  skeleton: readonly string[];
  mode: string;
}

/** Makes an account. useradd makes a group of its name only if there is none. */
export function creation(args: Args, { hasGroup, skeleton, mode }: Place): RunStep {
  const { name, uid, comment = '', shell = '/bin/sh', system, groups = [] } = args;
  const home = args.home ?? `/home/${name}`;
  const primary = args.group ?? (hasGroup ? name : undefined);
  const isHome = createsHome(args);
  const folder: Effect[] = [
    { kind: 'directory', path: home, owner: name, group: primary ?? name, mode },
    ...skeleton.map((one): Effect => ({ kind: 'below', path: `${home}/${one}` })),
  ];
  const line = [name, 'x', uid?.toString() ?? '', '', comment, home, shell];
  const options = optionsOf({ ...args, home, group: primary });
  return {
    do: 'run',
    command: [
      ...[
        'useradd',
        ...options,
        ...(primary === undefined ? ['--user-group'] : []),
        ...(system ? ['--system'] : []),
      ],
      ...[isHome ? '--create-home' : '--no-create-home', name],
    ],
    ...needing([...groups, ...(primary === undefined ? [] : [primary])]),
    touches: [
      // The account may be one that an earlier resource creates.
      { kind: 'account', database: 'passwd', name, line, ...(uid !== undefined && { renumbers: true }) },
      ...memberships(name, groups, true),
      ...(primary === undefined
        ? [{ kind: 'account', database: 'group', name, line: [name, 'x', ''] } as const]
        : []),
      ...(isHome ? folder : []),
    ],
    undo: {
      after: `if getent passwd ${name} >/dev/null; then userdel ${isHome ? '--remove ' : ''}${name}; fi`,
    },
  };
}

/** Changes an account, and undoes that with the values before. */
export function change(diff: Diff, args: Args, before: UserState): RunStep | undefined {
  const { name, move_home, groups_exact, groups = [], ...rest } = args;
  const only = <T extends object>(values: T) =>
    Object.fromEntries(Object.entries(values).filter(([key]) => diff.has(key))) as Partial<T>;
  const joined = groups.filter(one => !isIn(before, one));
  const options = (values: Partial<Args>, locked: boolean | undefined) => [
    ...optionsOf(values),
    ...(diff.has('home') && move_home ? ['--move-home'] : []),
    ...(diff.has('locked') && locked !== undefined ? [locked ? '--lock' : '--unlock'] : []),
  ];
  const append = diff.has('groups') && !groups_exact ? ['--append'] : [];
  const now = options(
    { ...only(rest), ...(diff.has('groups') && { groups: groups_exact ? groups : joined }) },
    args.locked,
  );
  if (now.length === 0) return undefined;
  const { uid, group, groups: had, comment, home, shell, locked, expires } = before;
  const old = options(only({ uid, group, groups: had, comment, home, shell, expires }), locked);
  const line = [
    name,
    'x',
    String(args.uid ?? uid),
    '',
    args.comment ?? comment,
    args.home ?? home,
    args.shell ?? shell,
  ];
  const moved: Effect[] = [
    { kind: 'removal', path: home },
    { kind: 'directory', path: args.home ?? home, owner: name },
    { kind: 'below', path: args.home ?? home },
  ];
  return {
    do: 'run',
    command: ['usermod', ...now, ...append, name],
    ...needing([...joined, ...(diff.has('group') ? [args.group!] : [])]),
    touches: [
      ...(diff.changes.some(({ key }) => key !== 'groups')
        ? [
            {
              kind: 'account',
              database: 'passwd',
              name,
              line,
              ...(diff.has('uid') && { renumbers: true }),
            } as const,
          ]
        : []),
      ...memberships(name, joined, true),
      ...(groups_exact
        ? memberships(
            name,
            had.filter(one => !groups.includes(one)),
            false,
          )
        : []),
      ...(diff.has('home') && move_home ? moved : []),
    ],
    undo: { after: ['usermod', ...old, name] },
  };
}
