import { posix } from 'node:path';
import { attributeClaim, type Claims, type Diff, type HostContext, type Obstacle } from '../engine/module.ts';
import { command, content, path, type Readings, readOnly } from '../engine/probe.ts';
import type { Step } from '../engine/step.ts';
import type { Conditional } from '../engine/util/defined.ts';
import { scriptBeside, withVariables } from '../engine/util/text-beside.ts';
import { obstaclesBelowHome } from './_accounts.ts';
import { type AuthorizedKeys, type KeyLine, keyIn, keysThere, placeOfKeys } from './_authorized-keys.ts';

const script = scriptBeside(import.meta.url, './authorized-keys.sh');

/** The keys that a resource declares for an account. */
export interface DeclaredKeys {
  user: string;
  keys: readonly string[];
  exclusive: boolean;
}

/** The file of an account that nobody configured otherwise. Its probes know what earlier resources do to it. */
export const usualPath = (user: string, home = user === 'root' ? '/root' : `/home/${user}`): string =>
  `${home}/.ssh/authorized_keys`;

/** Returns the probes of the keys of an account. With `newHome`, the place is also known before there is an account. */
export function placeProbes(user: string, usual = usualPath(user), newHome = '') {
  const asked = (k_usual: string, about: readonly string[]) =>
    command(withVariables(script, { k_user: user, k_usual, k_new_home: newHome, k_read_only: readOnly }), {
      about: [`passwd:${user}`, '/etc/ssh/sshd_config', '/etc/ssh/sshd_config.d', ...about],
    });
  return {
    found: asked('', []),
    // It depends on the path, which is not known yet.
    perhapsElsewhere: asked(usual, ['/']),
    folder: path(posix.dirname(usual)),
    file: path(usual),
    text: content(usual),
  };
}

/** The readings of placeProbes. */
export type KeysRead = Readings<ReturnType<typeof placeProbes>>;

/** Returns the keys of an account and their place, or undefined if there is no such account. */
export function thereIn(read: KeysRead, user: string, usual = usualPath(user)): AuthorizedKeys | undefined {
  const place = placeOfKeys(read.found);
  if (place === undefined) return undefined;
  return place.path === usual
    ? { ...place, ...usualIn(read) }
    : { ...place, ...keysThere(read.perhapsElsewhere) };
}

/** Returns what is at the usual path. */
export function usualIn({ folder, file, text }: KeysRead): Pick<AuthorizedKeys, 'folder' | 'file' | 'lines'> {
  const lines = text?.bytes?.toString() ? text.bytes.toString().replace(/\n$/, '').split('\n') : [];
  return { folder: folder ?? undefined, file: file ?? undefined, lines };
}

/** Returns the keys in lines. */
export const parsed = (lines: readonly string[]): KeyLine[] => lines.flatMap(line => keyIn(line) ?? []);
/** Returns keys as a state shows them. */
export const shown = (keys: readonly KeyLine[]) => [...new Set(keys.map(one => one.shown))].toSorted();
/** Returns the text of a file of keys. */
export const textOf = (lines: readonly string[]) => lines.map(line => `${line}\n`).join('');

const isKey = (shown: string, fingerprint = 'none') => shown.split(' ').includes(fingerprint);

/** Whether the directory of the keys is one of the account's own, such as ~/.ssh. */
const inHome = ({ path }: Pick<AuthorizedKeys, 'path'>) => /\/\.ssh\/[^/]+$/.test(path);

/** Returns the state of the keys: those that count, and the owner and mode of the file and its folder. */
export function keysState({ keys, exclusive }: DeclaredKeys, there: AuthorizedKeys) {
  const wanted = parsed(keys).map(({ key }) => key);
  const present = parsed(there.lines).filter(({ key }) => exclusive || wanted.includes(key));
  const { file, folder } = there;
  return {
    keys: shown(present),
    file: file && `${file.owner} ${file.mode}`,
    folder: folder && inHome(there) ? `${folder.owner} ${folder.mode}` : undefined,
  };
}

/** Returns the declared state of the keys. A new file has no owner and mode that could differ. */
export function declaredState({ user, keys }: DeclaredKeys, there: AuthorizedKeys | undefined) {
  const isThere = there?.file !== undefined;
  return {
    keys: shown(parsed(keys)),
    file: isThere ? `${user} 0600` : undefined,
    folder: isThere && inHome(there) ? `${user} 0700` : undefined,
  };
}

/** Returns the steps that write the keys. `newFolder`: The folder has another owner or mode, or does not exist. */
export function keySteps(
  { user, keys, exclusive }: DeclaredKeys,
  there: AuthorizedKeys,
  newFolder: boolean,
): Conditional<Step> {
  const { path, group, lines } = there;
  const wanted = parsed(keys);
  const own = new Map(wanted.map(({ key, line }) => [key, line]));
  const kept = exclusive ? [] : lines.map(line => own.get(keyIn(line)?.key ?? '') ?? line);
  const left = new Set(kept);
  const all = [...kept, ...wanted.map(({ line }) => line).filter(line => !left.has(line))];
  return [
    newFolder &&
      inHome(there) && { do: 'directory', path: posix.dirname(path), owner: user, group, mode: '0700' },
    { do: 'write', path, content: textOf(all), owner: user, group, mode: '0600' },
  ];
}

/** Returns the claims on keys. One resource of a module, or several of `by`, manage the keys of an account. */
export const keyClaims = (
  { user, keys }: Pick<DeclaredKeys, 'user' | 'keys'>,
  by: string,
  isPresent = true,
): Claims => ({
  [`who manages the keys of ${user}`]: by,
  ...Object.fromEntries(
    parsed(keys).map(({ key, shown }) => [
      attributeClaim(`the key ${key}`, user),
      isPresent ? shown : 'absent',
    ]),
  ),
});

/** Returns the refusals of lines; `at` is the argument that holds them. */
export function keyRefusals(keys: readonly string[], at: string) {
  const all = keys.map(line => keyIn(line));
  const wrong = keys.find((_, i) => all[i] === undefined);
  const twice = all.find((one, i) => one && all.some((other, k) => k < i && other?.key === one.key));
  return [
    wrong !== undefined && { at, says: `This is no public key: ${wrong.slice(0, 60)}` },
    twice && { at, says: `The key ${twice.shown} is listed twice, with other options or another comment.` },
  ];
}

/** Returns the obstacle of a key that logs in and would be removed, and those on the way to the keys. */
export function keyObstacles(
  { user, keys, exclusive }: DeclaredKeys,
  there: AuthorizedKeys,
  kind: Diff['kind'],
  { login, loginKey }: HostContext,
): (Obstacle | false | undefined)[] {
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
}

/** Returns the obstacles on the way to the keys. Root writes no file through what another account controls. */
function obstaclesIn({ home, folder, file, path }: AuthorizedKeys, user: string) {
  const places = [
    { path: posix.dirname(posix.dirname(path)), is: home },
    { path: posix.dirname(path), is: folder },
    { path, is: file },
  ];
  return obstaclesBelowHome(user, places, 'keys', 'so sshd refuses the keys below it');
}
