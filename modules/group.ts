import { accountName, flag, listOf, whole } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { account, type GroupState, group as groupProbe } from '../engine/probe.ts';
import { takenNumber } from './_accounts.ts';

/** A group. What is not declared stays unchanged. */
export const group = defineModule({
  name: 'group',
  summary: 'A group of the host: its number and its members.',
  args: {
    name: { ...accountName, description: 'Name of the group.' },
    gid: whole('Number of the group. A new group has the next free one.', { minimum: 1 }),
    members: listOf(
      accountName,
      'Accounts in the group. The group keeps its others, unless `members_exact`.',
      {
        uniqueItems: true,
      },
    ),
    members_exact: flag('Whether accounts that `members` does not list leave the group.', { default: false }),
    system: flag(
      'Whether a new group is one of the system, with a low number. An existing one stays, and is removed only with `system`.',
      {
        default: false,
      },
    ),
  },
  required: ['name'],
  absent: 'removes it; files of the group then show its number',
  examples: {
    'A group with its members': { name: 'operators', members: ['deploy', 'backup'] },
    'A system group with a fixed number': { name: 'app', system: true, gid: 890 },
    'A group that nobody else is in': { name: 'docker', members: ['deploy'], members_exact: true },
    'No such group': { name: 'guests', state: 'absent' },
  },
  identity: ({ name }) => name,
  refine: ({ members, members_exact }) => [
    members_exact && !members && { at: 'members_exact', says: 'Give the members; the list may be empty.' },
  ],
  probes: ({ name, gid }) => ({
    group: groupProbe(name),
    needsLine: account('group', name),
    needsHolder: gid === undefined ? undefined : account('group', String(gid)),
  }),
  actual: ({ group }, { members, members_exact }) =>
    group && {
      gid: group.gid,
      members: members_exact ? group.members : members?.filter(one => isIn(group, one)).toSorted(),
    },
  initial: () => ({ members: [] }),
  desired: ({ gid, members }) => ({ gid, members: members?.toSorted() }),
  obstacles: ({ name, gid, system }, { group, needsLine, needsHolder, ...read }, diff) => [
    group === null &&
      !!(diff.kind === 'remove' ? read['line'] : needsLine) && {
        says: `${name} is not a group of /etc/group: another source of /etc/nsswitch.conf brings it.`,
        fix: 'Change it there, or give another name.',
      },
    diff.kind === 'remove' && group && groupOfSystem(name, group, system),
    diff.kind === 'remove' &&
      group !== null &&
      group.primaryOf.length > 0 && {
        says: `${name} is the primary group of ${group.primaryOf.join(', ')}.`,
        fix: 'Give the account another group, or remove it, in an earlier resource.',
      },
    gid !== undefined && diff.has('gid') && takenNumber('gid', gid, needsHolder),
  ],
  steps(diff, { name, gid, system, members, members_exact }, { group }) {
    const had = group?.members ?? [];
    const wanted = members_exact ? members! : [...new Set([...had, ...(members ?? [])])].toSorted();
    const number = gid === undefined ? [] : ['--gid', String(gid)];
    const line = [name, 'x', String(gid ?? group?.gid ?? '')];
    // The group may be one that an earlier resource creates.
    const renumbers = diff.has('gid') && { renumbers: true };
    const touched = [{ kind: 'account', database: 'group', name, line, ...renumbers }] as const;
    const added = wanted.filter(one => !had.includes(one));
    const changed = [...added, ...had.filter(one => !wanted.includes(one))];
    return [
      group === null && {
        do: 'run',
        command: ['groupadd', ...number, ...(system ? ['--system'] : []), name],
        touches: touched,
        undo: { after: `if getent group ${name} >/dev/null; then groupdel ${name}; fi` },
      },
      group !== null &&
        diff.has('gid') && {
          do: 'run',
          command: ['groupmod', ...number, name],
          touches: touched,
          undo: { after: ['groupmod', '--gid', String(group.gid), name] },
        },
      diff.has('members') &&
        changed.length > 0 && {
          do: 'run',
          command: ['gpasswd', '--members', wanted.join(','), name],
          ...(added.length > 0 && { users: added }),
          touches: changed.map(
            user => ({ kind: 'membership', user, group: name, is: wanted.includes(user) }) as const,
          ),
          undo: group === null ? {} : { after: ['gpasswd', '--members', had.join(','), name] },
        },
    ];
  },
  removal: {
    probes: ({ name }) => ({ group: groupProbe(name), line: account('group', name) }),
    actual: ({ group, line }: { group: GroupState | null; line: string[] | null }) =>
      group ? { gid: group.gid, members: group.members } : line && { source: 'another than /etc/group' },
  },
  remove: ({ name }, { group }) => [
    {
      do: 'run',
      command: ['groupdel', name],
      touches: [
        { kind: 'account', database: 'group', name, line: null },
        ...(group?.members ?? []).map(
          one => ({ kind: 'membership', user: one, group: name, is: false }) as const,
        ),
      ],
      undo: {
        after: `getent group ${name} >/dev/null || groupadd --gid ${group?.gid} ${name}; gpasswd --members '${group?.members.join()}' ${name}`,
      },
    },
  ],
});

const isIn = ({ members, primaryOf }: GroupState, one: string) =>
  members.includes(one) || primaryOf.includes(one);

/**
 * Returns the obstacle of removing a group of base-passwd, whose numbers are below 100 on every Debian, or one of the system,
 * which may belong to a package.
 */
function groupOfSystem(name: string, { gid }: GroupState, isOwn: boolean) {
  if (gid < 100) return { says: `${name} is a group of the base system.`, fix: 'Leave it as it is.' };
  return (
    gid < 1000 &&
    !isOwn && {
      says: `${name} is a group of the system, with the number ${gid}, and may belong to a package.`,
      fix: 'If it is one of your own, set system: true.',
    }
  );
}
