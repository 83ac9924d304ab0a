import { createHash } from 'node:crypto';
import {
  absolutePath,
  accountName,
  flag,
  listOf,
  oneOf,
  text,
  whole,
} from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import {
  account,
  command,
  content,
  entries,
  type GroupState,
  group,
  path,
  type UserState,
  user as userProbe,
} from '../engine/probe.ts';
import { isHashOf, saltedHash, unsaltedPassword } from '../engine/util/unsalted-password.ts';
import { keyClaims, keyRefusals } from './_account-keys.ts';
import {
  busy,
  elsewhereOf,
  fromElsewhere,
  homeOwner,
  ofLogin,
  passwordDigest,
  processesOf,
  removalObstacles,
  takenNumber,
  unlistedShell,
} from './_accounts.ts';
import { ownKeyProbes, ownKeys } from './_user-keys.ts';
import {
  joinsOfSource,
  obstaclesOfSource,
  probesOfSource,
  refusalsOfSource,
  stateOfSource,
} from './_user-of-source.ts';
import { change, createsHome, creation, isIn } from './_user-steps.ts';

/** An account. What is not declared stays unchanged. */
export const user = defineModule({
  name: 'user',
  summary: 'An account of the host: its groups, home, shell, password and expiry.',
  args: {
    name: { ...accountName, description: 'Name of the account.' },
    uid: whole('Number of the account. A new account has the next free one.', { minimum: 1 }),
    group: {
      ...accountName,
      description: 'Primary group. A new account has the group of its name, which is created.',
    },
    groups: listOf(
      accountName,
      'Supplementary groups. The account keeps its others, unless `groups_exact`.',
      {
        uniqueItems: true,
      },
    ),
    groups_exact: flag('Whether the account leaves all supplementary groups that `groups` does not list.', {
      default: false,
    }),
    comment: text('Full name or purpose, without colons.', { pattern: '^[^:\\n]*$' }),
    home: { ...absolutePath, description: 'Home directory. A new account has /home/NAME.' },
    create_home: flag(
      'Whether a new account gets its home directory, from /etc/skel. The default is `true`, and `false` with `system`.',
    ),
    move_home: flag('Whether another `home` moves the files of the old one.', { default: false }),
    shell: { ...absolutePath, description: 'Login shell. A new account has the host’s default.' },
    system: flag('Whether a new account is one of the system, with a low number. An existing one stays.', {
      default: false,
    }),
    password_hash: text(
      'Hash of the password, as `openssl passwd -6` prints it, or a password with the filter `password_hash`: each account gets a salt of its own, and the host receives only the hash.',
      {
        pattern: '^\\$[0-9a-z]+\\$[^:\\s]+$',
      },
    ),
    password_on: oneOf(
      ['always', 'create'],
      'When `password_hash` applies: `create` leaves the password of an existing account unchanged.',
      { default: 'always' },
    ),
    locked: flag('Whether the password is locked. Keys still open the account; `expires` shuts it.'),
    expires: text('First day on which the account is shut, such as 2030-12-31, or `never`.', {
      pattern: '^(never|[0-9]{4}-[0-9]{2}-[0-9]{2})$',
    }),
    local: flag(
      'Whether it is an account of /etc/passwd. `false` stands for an account that LDAP or another source brings, of which only `groups` are set.',
      { default: true },
    ),
    authorized_keys: listOf(
      { type: 'string', description: 'A line of authorized_keys: options, type, key and comment.' },
      'The SSH keys that log in to the account, as `keys` of `authorized_keys`. Others stay, unless `authorized_keys_exact`.',
      { uniqueItems: true },
    ),
    authorized_keys_exact: flag('Whether every other key is removed from the file.', { default: false }),
    remove_home: flag('Whether `state: absent` also removes the home directory and the mail.', {
      default: false,
    }),
  },
  required: ['name'],
  absent: 'removes it, and leaves its files unless `remove_home`',
  examples: {
    'An administrator': { name: 'deploy', groups: ['sudo'], shell: '/bin/bash' },
    'An account with its keys': {
      name: 'deploy',
      authorized_keys: [
        'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPD0tO7H5DNQmGZz4RPDU9Hbta1bLPbqkEbMzS7mJqmE laptop',
      ],
    },
    'A service account without a home': {
      name: 'app',
      system: true,
      home: '/srv/app',
      shell: '/usr/sbin/nologin',
    },
    'A password that only a new account gets': {
      name: 'deploy',
      password_hash:
        '$6$salt$IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130MTSuDDl3aCI6WouIL9AjRbLCelDCy.g.',
      password_on: 'create',
    },
    'An account of LDAP in a group of the host': { name: 'alice', local: false, groups: ['docker'] },
    'No such account': { name: 'guest', state: 'absent', remove_home: true },
  },
  secrets: { in: ['password_hash'], unsalted: ['password_hash'] },
  identity: ({ name }) => name,
  refine: ({ groups, groups_exact, home, move_home, expires, remove_home, local, ...rest }) => [
    ...(local ? [] : refusalsOfSource({ ...rest, ...{ groups, groups_exact, home, move_home, expires } })),
    ...keyRefusals(rest.authorized_keys ?? [], 'authorized_keys'),
    rest.authorized_keys_exact &&
      !rest.authorized_keys && {
        at: 'authorized_keys_exact',
        says: 'Give the authorized_keys; the list may be empty.',
      },
    groups_exact && !groups && { at: 'groups_exact', says: 'Give the groups; the list may be empty.' },
    move_home && !home && { at: 'move_home', says: 'Give the new home.' },
    expires !== undefined && !isDay(expires) && { at: 'expires', says: `There is no day ${expires}.` },
    remove_home && { at: 'remove_home', says: 'remove_home belongs to state: absent.' },
  ],
  probes: ({ name, uid, home, password_hash, groups, local, ...args }) => ({
    ...(local ? {} : probesOfSource({ name, groups })),
    ...ownKeyProbes({ name, home, ...args }),
    user: userProbe(name),
    password: password_hash ? passwordDigest(name, unsaltedPassword(password_hash) !== undefined) : undefined,
    perhapsGroup: account('group', name),
    perhapsSkeleton: entries('/etc/skel', { depth: 1 }),
    perhapsModes: command("grep -E '^(HOME_MODE|UMASK)' /etc/login.defs", { about: ['/etc/login.defs'] }),
    needsHome: path(home ?? `/home/${name}`),
    needsElsewhere: elsewhereOf(name),
    needsShells: content('/etc/shells'),
    needsHolder: uid === undefined ? undefined : account('passwd', String(uid)),
    needsIdle: uid === undefined && home === undefined ? undefined : processesOf(name, uid, home),
  }),
  actual: (read, args) => {
    const { user, password } = read;
    const { name, password_hash, groups, groups_exact, local } = args;
    if (!local) return stateOfSource(read, { name, groups });
    return (
      user && {
        ...user,
        groups: groups_exact ? user.groups : groups?.filter(one => isIn(user, one)).toSorted(),
        password: passwordState(user, password?.stdout, password_hash),
        ...ownKeys(args, read)?.actual,
      }
    );
  },
  initial: ({ name, password_hash }) => ({
    ...{ group: name, groups: [], comment: '', home: `/home/${name}`, expires: 'never' },
    ...{ locked: password_hash === undefined, password: password_hash === undefined ? 'none' : 'set' },
  }),
  desired: ({ uid, group, groups, comment, home, shell, locked, expires, ...args }, read) => ({
    ...{ uid, group, groups: groups?.toSorted(), comment, home, shell, locked, expires },
    password: args.password_hash && (args.password_on === 'always' || !read?.user) ? 'set' : undefined,
    ...ownKeys({ home, group, ...args }, read)?.desired,
  }),
  obstacles({ name, uid, home, shell, locked, ...args }, read, diff, context) {
    const { login } = context;
    const { user, needsElsewhere, needsHolder, needsShells, needsHome, needsIdle, ...removal } = read;
    if (diff.kind === 'remove')
      return user === null
        ? [fromElsewhere(name)]
        : [ofLogin(name, login), ...removalObstacles(name, needsIdle, removal)];
    if (!args.local) return obstaclesOfSource(read, args);
    const elsewhere = user === null && !!needsElsewhere?.stdout && fromElsewhere(name);
    const moved = ['uid', 'home'].filter(key => user !== null && diff.has(key));
    const folder = home ?? `/home/${name}`;
    return [
      elsewhere,
      moved.length > 0 && busy(name, needsIdle, `usermod does not change ${moved.join(' and ')}`),
      uid !== undefined && diff.has('uid') && takenNumber('uid', uid, needsHolder),
      diff.has('shell') && shell !== undefined && unlistedShell(shell, needsShells),
      user === null &&
        createsHome(args) &&
        needsHome && {
          says: `${folder} exists already, and would not belong to ${name}.`,
          fix: 'Set create_home: false, and give the directory its owner in a `directory` after this resource.',
        },
      user !== null &&
        args.move_home &&
        diff.has('home') &&
        needsHome && { says: `${folder} exists already, so the files of ${user.home} cannot move there.` },
      diff.has('locked') &&
        locked === false &&
        !args.password_hash &&
        user?.password !== 'set' && {
          says: `${name} has no password that could be unlocked.`,
          fix: 'Give a password_hash.',
        },
      ...(ownKeys({ name, home, ...args }, read)?.obstacles(diff, context) ?? []),
    ];
  },
  steps(diff, args, read) {
    const { user, perhapsGroup, perhapsSkeleton, perhapsModes } = read;
    const { name, password_hash, locked } = args;
    if (!args.local) return joinsOfSource(diff, args);
    const staysLocked = locked ?? (user?.locked === true && user.password === 'set');
    return [
      user === null &&
        creation(args, {
          hasGroup: perhapsGroup !== null,
          skeleton: (perhapsSkeleton ?? []).map(entry => entry.path),
          mode: homeMode(perhapsModes.stdout),
        }),
      diff.has('password') && {
        do: 'run',
        command: ['chpasswd', '--encrypted'],
        input: `${name}:${staysLocked ? '!' : ''}${hashOf(password_hash!)}\n`,
        touches: [{ kind: 'account', database: 'passwd', name }],
        // A new account goes with its password.
        ...(user === null && { undo: {} }),
      },
      user !== null && change(diff, args, user),
      ...(ownKeys(args, read)?.steps(diff) ?? []),
    ];
  },
  remove: ({ name, remove_home }, { user, ownGroup }) => {
    if (user === null) return [];
    const { group, home } = user;
    const { members, primaryOf } = (ownGroup ?? { members: [name], primaryOf: [] }) as GroupState;
    const isAlone = group === name && members.length === 0 && primaryOf.length === 1;
    return [
      {
        do: 'run',
        command: ['userdel', name],
        touches: [
          { kind: 'account', database: 'passwd', name, line: null },
          ...(isAlone ? [{ kind: 'account', database: 'group', name, line: null } as const] : []),
        ],
      },
      remove_home && { do: 'remove', path: home, recursive: true },
      remove_home && { do: 'remove', path: `/var/mail/${name}` },
    ];
  },
  claims: ({ name, authorized_keys }) =>
    authorized_keys ? keyClaims({ user: name, keys: authorized_keys }, 'user') : {},
  removal: {
    claims: () => ({}),
    refine: ({ name, local }) => [
      name === 'root' && { at: 'name', says: 'root is not removed.' },
      !local && { at: 'local', says: 'An account of another source is removed there.' },
    ],
    probes: ({ name, remove_home }) => ({
      user: userProbe(name),
      ownGroup: group(name),
      needsSudo: group('sudo'),
      needsAdmin: group('admin'),
      line: account('passwd', name),
      needsIdle: processesOf(name),
      needsOwner: remove_home ? homeOwner(name) : undefined,
    }),
    actual: ({ user, line }: { user: UserState | null; line: string[] | null }) =>
      user ? { ...user } : line && { source: 'another than /etc/passwd' },
  },
});

const isDay = (text: string) =>
  text === 'never' || new Date(`${text}T00:00Z`).getUTCDate() === Number(text.slice(-2));
/** Returns the mode of a new home directory by the lines of login.defs(5). */
function homeMode(lines: string): string {
  const value = (key: string) => new RegExp(`^${key}\\s+(\\d+)`, 'm').exec(lines)?.[1];
  const masked = 0o777 & ~Number.parseInt(value('UMASK') ?? '022', 8);
  return (value('HOME_MODE') ?? masked.toString(8)).padStart(4, '0');
}

/** Returns the hash for /etc/shadow. A password without a salt gets a new one. */
function hashOf(declared: string): string {
  const unsalted = unsaltedPassword(declared);
  return unsalted === undefined ? declared : saltedHash(unsalted);
}

function passwordState(user: UserState, read: string | undefined, declared: string | undefined): string {
  if (declared === undefined || user.password !== 'set') return user.password;
  const [digest = '', setting = ''] = (read ?? '').split('\n').map(line => line.replace(/ .*/, ''));
  const unsalted = unsaltedPassword(declared);
  const isSame =
    unsalted === undefined
      ? digest === createHash('sha256').update(declared).digest('hex')
      : isHashOf(unsalted, setting, digest);
  return isSame ? 'set' : 'another';
}
