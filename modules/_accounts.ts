import type { Obstacle } from '../engine/module.ts';
import { type CommandResult, type Content, command, type GroupState } from '../engine/probe.ts';
import { scriptBeside, withVariables } from '../engine/util/text-beside.ts';

const elsewhere = scriptBeside(import.meta.url, './user-elsewhere.sh');
const processes = scriptBeside(import.meta.url, './user-processes.sh');
const digest = scriptBeside(import.meta.url, './user-password.sh');
const home = scriptBeside(import.meta.url, './user-home.sh');

/** Reads the line of an account that is not in /etc/passwd, as it is before the play. */
export const elsewhereOf = (name: string) =>
  command(withVariables(elsewhere, { u_name: name }), { about: [] });

/** Reads the processes of an account whose `uid` or `home` is another one; without both, its processes in any case. */
export const processesOf = (name: string, uid?: number, home?: string) =>
  command(withVariables(processes, { u_name: name, u_uid: uid, u_home: home }), {
    about: ['units', `passwd:${name}`],
  });

/** Reads the SHA-256 of the hash of an account's password; if its salt `isWanted`, also the part of the hash before its last `$`. */
export const passwordDigest = (name: string, isWanted: boolean) =>
  command(withVariables(digest, { u_name: name, u_salt: isWanted ? 'wanted' : '' }), {
    about: [`passwd:${name}`, '/etc/shadow'],
  });

/** Reads the owner of an account's home directory. */
export const homeOwner = (name: string) =>
  command(withVariables(home, { u_name: name }), { about: [`passwd:${name}`] });

/** Returns the obstacle of an account that LDAP or another source brings. */
export const fromElsewhere = (name: string): Obstacle => ({
  says: `${name} is not an account of /etc/passwd: another source of /etc/nsswitch.conf brings it.`,
  fix: 'Change it there, give another name, or set local: false and only its groups.',
});

/** Returns the obstacle of an account whose processes forbid a change. `what` names the program and the change. */
export function busy(name: string, running: CommandResult | undefined, what: string): Obstacle | false {
  // What earlier resources start or stop is not known yet.
  if (running === undefined) return { says: `${what} while processes of ${name} run.`, unsure: true };
  const all = running.stdout.trim().split('\n').filter(Boolean);
  const shown = all.slice(0, 3).map(line => line.replace(/^(\d+) (.*)$/, '$2 ($1)'));
  const more = all.length > 3 ? ` and ${all.length - 3} more` : '';
  return (
    all.length > 0 && {
      says: `${what} while processes of ${name} run: ${shown.join(', ')}${more}.`,
      fix: 'Stop them first, for example with a `service` in an earlier resource.',
    }
  );
}

/** Returns the obstacle of a login shell that /etc/shells does not list. */
export function unlistedShell(shell: string, listed: Content | null | undefined): Obstacle | false {
  const isForLogin = !/\/(nologin|false)$/.test(shell);
  const all = listed?.bytes?.toString().split('\n');
  return (
    isForLogin &&
    all !== undefined &&
    !all.includes(shell) && {
      says: `${shell} is not a login shell of the host: /etc/shells does not list it.`,
      fix: 'Install its package first, or give one of the shells in /etc/shells.',
    }
  );
}

/** Returns the obstacle of removing the account that logs in. */
export const ofLogin = (name: string, login: string | undefined): Obstacle | false =>
  name === login && {
    says: `${name} is the account that this run logs in with.`,
    fix: 'Log in with another account to remove it.',
  };

/** Returns the obstacles of the removal of an account. */
export function removalObstacles(
  name: string,
  running: CommandResult | undefined,
  read: Readonly<Record<string, unknown>>,
) {
  const { needsSudo, needsAdmin, needsOwner } = read as Record<string, unknown>;
  const administrators = { sudo: needsSudo, admin: needsAdmin } as Record<
    string,
    GroupState | null | undefined
  >;
  const owner = (needsOwner as CommandResult | undefined)?.stdout.trim();
  return [
    busy(name, running, 'userdel removes no account'),
    ...Object.entries(administrators).map(
      ([group, state]) =>
        state?.members.join() === name && {
          says: `${name} is the last member of ${group}: nobody could become root by it.`,
          fix: `Add another account to ${group} in an earlier resource.`,
        },
    ),
    owner !== undefined &&
      owner !== '' &&
      owner !== name && {
        says: `The home directory of ${name} belongs to ${owner}, so it is not removed.`,
        fix: 'Leave out remove_home.',
      },
  ];
}

/**
 * Returns the obstacles on the way to a file in the home directory of an account. `places` lead from the home to the file,
 * `what` is written there, and `foreign` says what follows from another owner.
 */
export function obstaclesBelowHome(
  user: string,
  places: readonly { path: string; is?: { type: string; owner: string } | undefined }[],
  what: string,
  foreign: string,
) {
  const [home, ...others] = places;
  const link = others.find(({ is }) => is?.type === 'link');
  const other = places.find(({ is }) => is && is.type !== 'link' && ![user, 'root'].includes(is.owner));
  return [
    home?.is === undefined && {
      says: `${user} has no home directory.`,
      fix: 'Create it first, with a `directory` that belongs to the account.',
    },
    link && {
      says: `${link.path} is a link; ${what} are not written through it.`,
      fix: 'Replace it by what it leads to.',
    },
    other && {
      says: `${other.path} belongs to ${other.is!.owner}, ${foreign}.`,
      fix: `Give it to ${user} in an earlier resource.`,
    },
  ];
}

/** Returns the obstacle of a number that another account or group has, or that a new one may take while `holder` is open. */
export function takenNumber(
  kind: 'uid' | 'gid',
  number: number,
  holder: readonly string[] | null | undefined,
) {
  if (holder === null) return undefined;
  if (holder !== undefined)
    return {
      says: `The ${kind} ${number} belongs to ${holder[0]}.`,
      fix: `Give another ${kind}, or leave it out.`,
    };
  return {
    says: `A new ${kind === 'uid' ? 'account' : 'group'} of an earlier resource may take the ${kind} ${number}.`,
    fix: `Give that one a ${kind}, too, or put this resource before it.`,
    unsure: true,
  };
}
