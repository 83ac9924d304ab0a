import type { Diff } from '../engine/module.ts';
import { account, type GroupState, group, Missing } from '../engine/probe.ts';
import type { RunStep } from '../engine/step.ts';

/** An account that LDAP or another source of /etc/nsswitch.conf brings. usermod refuses it; local groups may have it. */

interface Args {
  name: string;
  groups?: readonly string[] | undefined;
}
type Read = Readonly<Record<string, unknown>>;

const keyOf = (name: string) => `group ${name}`;

/** Reads the account's line, from whichever source, and its local groups. */
export const probesOfSource = ({ name, groups = [] }: Args) => ({
  source: account('passwd', name),
  ...Object.fromEntries(groups.map(one => [keyOf(one), group(one)])),
});

/** Returns the groups that the account is in, of those declared. */
export function stateOfSource(read: Read, { name, groups = [] }: Args) {
  const line = read['source'] as string[] | null;
  if (line === null) return new Missing(`the account ${name}`, [`passwd:${name}`]);
  const isIn = (one: string) => {
    const found = read[keyOf(one)] as GroupState | null;
    return found !== null && (found.members.includes(name) || String(found.gid) === line[3]);
  };
  return { groups: groups.filter(isIn).toSorted() };
}

/** Returns the obstacles of groups that gpasswd does not know. */
export const obstaclesOfSource = (read: Read, { groups = [] }: Pick<Args, 'groups'>) =>
  groups
    .filter(one => read[keyOf(one)] === null)
    .map(one => ({
      says: `${one} is not a group of /etc/group.`,
      fix: `Create it in an earlier resource, with\n    group: { name: ${one} }`,
    }));

/** Adds the account to the groups that lack it. */
export function joinsOfSource(diff: Diff, { name, groups = [] }: Args): RunStep[] {
  const had = diff.changes.find(({ key }) => key === 'groups')?.before;
  const lacking = groups.filter(one => !(Array.isArray(had) && had.includes(one)));
  return lacking.map(one => ({
    do: 'run',
    command: ['gpasswd', '--add', name, one],
    users: [name],
    groups: [one],
    touches: [{ kind: 'membership', user: name, group: one, is: true }],
    undo: { after: `gpasswd --delete ${name} ${one} || :` },
  }));
}

/** Returns the refusals of what another source decides. */
export function refusalsOfSource(args: Args & Readonly<Record<string, unknown>>) {
  const own = [
    'uid',
    'group',
    'comment',
    'home',
    'shell',
    'password_hash',
    'locked',
    'expires',
    'authorized_keys',
  ];
  const flags = ['groups_exact', 'create_home', 'move_home', 'system'];
  const at = own.find(one => args[one] !== undefined) ?? flags.find(one => args[one] === true);
  return [
    at !== undefined && { at, says: `The source of the account decides on ${at}: only groups are set here.` },
    args.groups === undefined && { at: 'groups', says: 'Give the groups that the account joins.' },
  ];
}
