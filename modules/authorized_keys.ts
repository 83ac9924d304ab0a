import { posix } from 'node:path';
import { attributeClaim } from '../engine/module.ts';
import { accountName, flag, listOf } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { account, command, content, Missing, path, type Readings, readOnly } from '../engine/probe.ts';
import { scriptBeside, withVariables } from '../engine/util/text-beside.ts';
import { type AuthorizedKeys, type KeyLine, keyIn, keysThere, placeOfKeys } from './_authorized-keys.ts';

const script = scriptBeside(import.meta.url, './authorized-keys.sh');

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
  refine: args => refusals(args.keys),
  probes: ({ user }) => probesOf(user),
  actual(read, { user, keys, exclusive }) {
    const there = thereIn(read, user);
    if (there === undefined) return noAccount(user);
    if (there.file === undefined) return null;
    const wanted = parsed(keys).map(({ key }) => key);
    const present = parsed(there.lines).filter(({ key }) => exclusive || wanted.includes(key));
    const { file, folder } = there;
    return {
      keys: shown(present),
      file: `${file.owner} ${file.mode}`,
      folder: folder && inHome(there) ? `${folder.owner} ${folder.mode}` : undefined,
    };
  },
  desired: ({ user, keys }, read) => {
    const there = read && thereIn(read, user);
    const isThere = there?.file !== undefined;
    return {
      keys: shown(parsed(keys)),
      file: isThere ? `${user} 0600` : undefined,
      folder: isThere && inHome(there) ? `${user} 0700` : undefined,
    };
  },
  obstacles({ user, keys, exclusive }, read, { kind }, { login, loginKey }) {
    const there = thereIn(read, user);
    if (there === undefined) return [];
    const [present, declared] = [there.lines, keys].map(lines =>
      parsed(lines).some(({ shown }) => isKey(shown, loginKey)),
    );
    const isTaken = present && (kind === 'remove' ? declared : exclusive && !declared);
    return [
      user === login &&
        isTaken && {
          says: `This run logs in to ${user} with the key ${loginKey}, which would be removed.`,
          fix: 'Add it to the keys, or log in with another key of the account.',
        },
      ...obstaclesIn(there, user),
    ];
  },
  steps(diff, { user, keys, exclusive }, read) {
    const there = thereIn(read, user) ?? newPlace(user, read.account);
    const { path, group, lines } = there;
    const wanted = parsed(keys);
    const own = new Map(wanted.map(({ key, line }) => [key, line]));
    const kept = exclusive ? [] : lines.map(line => own.get(keyIn(line)?.key ?? '') ?? line);
    const left = new Set(kept);
    const all = [...kept, ...wanted.map(({ line }) => line).filter(line => !left.has(line))];
    return [
      (diff.has('folder') || there.folder === undefined) &&
        inHome(there) && { do: 'directory', path: posix.dirname(path), owner: user, group, mode: '0700' },
      { do: 'write', path, content: textOf(all), owner: user, group, mode: '0600' },
    ];
  },
  removal: {
    refine: args => refusals(args.keys),
    actual(read: Read, { user, keys }) {
      const wanted = parsed(keys).map(({ key }) => key);
      const present = parsed(thereIn(read, user)?.lines ?? []).filter(({ key }) => wanted.includes(key));
      return present.length === 0 ? null : { user, keys: shown(present) };
    },
    claims: ({ user, keys }) =>
      Object.fromEntries(parsed(keys).map(({ key }) => [attributeClaim(`the key ${key}`, user), 'absent'])),
  },
  remove({ user, keys }, read) {
    const { path, group, lines } = thereIn(read, user)!;
    const wanted = parsed(keys).map(({ key }) => key);
    const left = lines.filter(line => !wanted.includes(keyIn(line)?.key ?? ''));
    return [{ do: 'write', path, content: textOf(left), owner: user, group, mode: '0600' }];
  },
  claims: ({ user, keys }) =>
    Object.fromEntries(parsed(keys).map(({ key, shown }) => [attributeClaim(`the key ${key}`, user), shown])),
});

/** The file of an account that nobody configured otherwise. Its probes know what earlier resources do to it. */
const usualPath = (user: string) => `${user === 'root' ? '/root' : `/home/${user}`}/.ssh/authorized_keys`;

const asked = (user: string, usual: string, about: readonly string[]) =>
  command(withVariables(script, { k_user: user, k_usual: usual, k_read_only: readOnly }), {
    about: [`passwd:${user}`, '/etc/ssh/sshd_config', '/etc/ssh/sshd_config.d', ...about],
  });

const probesOf = (user: string) => ({
  account: account('passwd', user),
  found: asked(user, '', []),
  // It depends on the path, which is not known yet.
  perhapsElsewhere: asked(user, usualPath(user), ['/']),
  folder: path(posix.dirname(usualPath(user))),
  file: path(usualPath(user)),
  text: content(usualPath(user)),
});

type Read = Readings<ReturnType<typeof probesOf>>;

/** Returns the keys of an account and their place, or undefined if there is no such account. */
function thereIn(read: Read, user: string): AuthorizedKeys | undefined {
  const place = placeOfKeys(read.found);
  if (place === undefined) return undefined;
  if (place.path !== usualPath(user)) return { ...place, ...keysThere(read.perhapsElsewhere) };
  const { folder, file, text } = read;
  const lines = text?.bytes?.toString() ? text.bytes.toString().replace(/\n$/, '').split('\n') : [];
  return { ...place, folder: folder ?? undefined, file: file ?? undefined, lines };
}

const noAccount = (user: string) =>
  new Missing(
    `the account ${user}`,
    [`passwd:${user}`],
    `Create it first, e.g. with\n    user: { name: ${user} }`,
  );

const parsed = (lines: readonly string[]): KeyLine[] => lines.flatMap(line => keyIn(line) ?? []);
const shown = (keys: readonly KeyLine[]) => [...new Set(keys.map(one => one.shown))].toSorted();
const textOf = (lines: readonly string[]) => lines.map(line => `${line}\n`).join('');

const isKey = (shown: string, fingerprint = 'none') => shown.split(' ').includes(fingerprint);

/** Returns the fingerprints of keys, without what repeats. */
const shortOf = (keys: readonly string[]) =>
  parsed(keys)
    .map(({ shown }) => /SHA256:(.{8})/.exec(shown)?.[1])
    .join(' ');

/** Whether the directory of the keys is one of the account's own, such as ~/.ssh. */
const inHome = ({ path }: Pick<AuthorizedKeys, 'path'>) => /\/\.ssh\/[^/]+$/.test(path);

/** The place of the keys of an account that an earlier resource creates. */
const newPlace = (user: string, line: readonly string[] | null): AuthorizedKeys => ({
  group: user,
  path: `${line?.[5] || `/home/${user}`}/.ssh/authorized_keys`,
  home: undefined,
  folder: undefined,
  file: undefined,
  lines: [],
});

function refusals(keys: readonly string[]) {
  const all = keys.map(line => keyIn(line));
  const wrong = keys.find((_, i) => all[i] === undefined);
  const twice = all.find((one, i) => one && all.some((other, k) => k < i && other?.key === one.key));
  return [
    wrong !== undefined && { at: 'keys', says: `This is no public key: ${wrong.slice(0, 60)}` },
    twice && {
      at: 'keys',
      says: `The key ${twice.shown} is listed twice, with other options or another comment.`,
    },
  ];
}

/** Returns the obstacles on the way to the keys. Root writes no file through what another account controls. */
function obstaclesIn({ home, folder, file, path }: AuthorizedKeys, user: string) {
  const at = [
    { what: posix.dirname(posix.dirname(path)), is: home },
    { what: posix.dirname(path), is: folder },
    { what: path, is: file },
  ];
  const link = at.find(({ is }, i) => i > 0 && is?.type === 'link');
  const foreign = at.find(({ is }) => is && is.type !== 'link' && ![user, 'root'].includes(is.owner));
  return [
    home === undefined && {
      says: `${user} has no home directory.`,
      fix: 'Create it first, with a `directory` that belongs to the account.',
    },
    link && {
      says: `${link.what} is a link; keys are not written through it.`,
      fix: 'Replace it by what it leads to.',
    },
    foreign && {
      says: `${foreign.what} belongs to ${foreign.is!.owner}, so sshd refuses the keys below it.`,
      fix: `Give it to ${user} in an earlier resource.`,
    },
  ];
}
