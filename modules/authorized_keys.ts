import { accountName, flag, listOf } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { account, Missing } from '../engine/probe.ts';
import {
  declaredState,
  type KeysRead,
  keyClaims,
  keyObstacles,
  keyRefusals,
  keySteps,
  keysState,
  parsed,
  placeProbes,
  shown,
  textOf,
  thereIn,
  usualPath,
} from './_account-keys.ts';
import { type AuthorizedKeys, keyIn } from './_authorized-keys.ts';

/** The keys that open an account, in the file that sshd reads for it. */
export const authorized_keys = defineModule({
  name: 'authorized_keys',
  summary: 'The SSH keys that log in to an account.',
  args: {
    user: { ...accountName, description: 'The account.' },
    keys: listOf(
      { type: 'string', description: 'A line of authorized_keys: options, type, key and comment.' },
      'The keys. Other keys in the file stay, unless `exclusive`.',
      { minItems: 1, uniqueItems: true },
    ),
    exclusive: flag('Whether every other key is removed from the file.', { default: false }),
  },
  required: ['user', 'keys'],
  absent: 'removes these keys, and leaves the others',
  examples: {
    'The keys of a team, and no others': {
      user: 'deploy',
      keys: [
        'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPD0tO7H5DNQmGZz4RPDU9Hbta1bLPbqkEbMzS7mJqmE laptop',
        'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEP4jbmPJVjbqzEHPOSWFZzMFC/S3dzJJPyQ2V0tBq6p office',
      ],
      exclusive: true,
    },
    'A key that may do one thing': {
      user: 'backup',
      keys: [
        'command="/usr/local/bin/backup",restrict ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPD0tO7H5DNQmGZz4RPDU9Hbta1bLPbqkEbMzS7mJqmE',
      ],
    },
    'A key that is no longer trusted': {
      user: 'deploy',
      keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEP4jbmPJVjbqzEHPOSWFZzMFC/S3dzJJPyQ2V0tBq6p'],
      state: 'absent',
    },
  },
  identity: ({ user, keys, exclusive }) => (exclusive ? user : `${user} ${shortOf(keys)}`),
  refine: args => keyRefusals(args.keys, 'keys'),
  probes: ({ user }) => ({ account: account('passwd', user), ...placeProbes(user) }),
  actual(read, args) {
    // The place is as before the play. An earlier resource may remove the account.
    const there = read.account === null ? undefined : thereIn(read, args.user);
    if (there === undefined) return noAccount(args.user);
    return there.file === undefined ? null : keysState(args, there);
  },
  desired: (args, read) => declaredState(args, read && thereIn(read, args.user)),
  obstacles(args, read, { kind }, context) {
    const there = thereIn(read, args.user);
    return there === undefined ? [] : keyObstacles(args, there, kind, context);
  },
  steps(diff, args, read) {
    const there = thereIn(read, args.user) ?? newPlace(args.user, read.account);
    return keySteps(args, there, diff.has('folder') || there.folder === undefined);
  },
  removal: {
    refine: args => keyRefusals(args.keys, 'keys'),
    actual(read: KeysRead, { user, keys }) {
      const wanted = parsed(keys).map(({ key }) => key);
      const present = parsed(thereIn(read, user)?.lines ?? []).filter(({ key }) => wanted.includes(key));
      return present.length === 0 ? null : { user, keys: shown(present) };
    },
    claims: args => keyClaims(args, 'authorized_keys', false),
  },
  remove({ user, keys }, read) {
    // An earlier resource may bring the account, and keys with it.
    const { path, group, lines } = thereIn(read, user) ?? newPlace(user, read.account);
    const wanted = parsed(keys).map(({ key }) => key);
    const left = lines.filter(line => !wanted.includes(keyIn(line)?.key ?? ''));
    return [{ do: 'write', path, content: textOf(left), owner: user, group, mode: '0600' }];
  },
  claims: args => keyClaims(args, 'authorized_keys'),
});

const noAccount = (user: string) =>
  new Missing(
    `the account ${user}`,
    [`passwd:${user}`],
    `Create it first, e.g. with\n    user: { name: ${user} }`,
  );

/** Returns the fingerprints of keys, without what repeats. */
const shortOf = (keys: readonly string[]) =>
  parsed(keys)
    .map(({ shown }) => /SHA256:(.{8})/.exec(shown)?.[1])
    .join(' ');

/** The place of the keys of an account that an earlier resource creates. */
const newPlace = (user: string, line: readonly string[] | null): AuthorizedKeys => ({
  group: user,
  path: usualPath(user, line?.[5] || `/home/${user}`),
  home: undefined,
  folder: undefined,
  file: undefined,
  lines: [],
});
