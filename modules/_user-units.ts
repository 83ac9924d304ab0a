import {
  account,
  type CommandResult,
  command,
  Missing,
  type Probe,
  type UnitState,
} from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import type { RunStep, Step, WriteStep } from '../engine/step.ts';
import { daemonReload, systemctl } from '../engine/steps/unit-steps.ts';
import { scriptBeside, withVariables } from '../engine/util/text-beside.ts';
import { obstaclesBelowHome } from './_accounts.ts';
import { usualHome } from './_unit-names.ts';

/** The units of one account, which its own service manager runs: systemd.unit(5), user@.service(5). */

const manager = scriptBeside(import.meta.url, './user-manager.sh');
const reading = scriptBeside(import.meta.url, './user-unit.sh');

const properties =
  'LoadState,ActiveState,SubState,Type,RemainAfterExit,UnitFileState,FragmentPath,NeedDaemonReload,' +
  'CanStart,CanStop,CanReload,SourcePath,NRestarts,ActiveEnterTimestamp,TriggeredBy';

/** The object whose change can change every unit of an account. */
const objectOf = (user: string) => `units of ${user}`;
const folders = ['.config', '.config/systemd', '.config/systemd/user'];

interface UserProbes {
  account: Probe<string[] | null> | undefined;
  found: Probe<CommandResult> | undefined;
}

/** Returns the probes for a unit of an account. Without an account, there are none. */
export function userUnitProbes(user: string | undefined, name: string): UserProbes {
  if (user === undefined) return { account: undefined, found: undefined };
  const script = withVariables(`${manager}\n${reading}`, {
    ...{ m_user: user, m_unit: name, m_properties: properties },
  });
  const folder = `${usualHome(user)}/.config/systemd/user`;
  return {
    account: account('passwd', user),
    found: command(script, {
      about: [`passwd:${user}`, 'package:libpam-systemd', objectOf(user), folder],
    }),
  };
}

interface Place {
  type: string;
  owner: string;
  mode: string;
}

/** A unit of an account, and the way to its file. */
export interface UserUnit {
  group: string;
  path: string;
  lingers: boolean;
  /** Whether the service manager of the account runs. */
  isUp: boolean;
  hasPam: boolean;
  /** The home directory, the folders on the way to the file, and the file. */
  places: { path: string; is: Place | undefined }[];
  unit: UnitState;
  text: string;
}

/** Returns what user-unit.sh says, or undefined if there is no such account. */
export function userUnitIn({ exit, stdout }: CommandResult, name: string): UserUnit | undefined {
  if (exit !== 0) return undefined;
  const [group = '', home = '', linger, up, pam, ...lines] = stdout.split('\n');
  const [inPlaces, rest] = untilBlank(lines);
  const [shown, text] = untilBlank(rest);
  const found = new Map(
    inPlaces.map(line => {
      const [, type = '', owner = '', mode = '', path = ''] = /^(.*) (\S+) (\d+) (\/.*)$/.exec(line) ?? [];
      return [path, { type: type.replace('symbolic ', ''), owner, mode: mode.padStart(4, '0') }];
    }),
  );
  const paths = ['', ...folders.map(one => `/${one}`), `/.config/systemd/user/${name}`];
  const places = paths.map(each => ({ path: `${home}${each}`, is: found.get(`${home}${each}`) }));
  return {
    ...{ group, lingers: linger === 'linger', isUp: up === 'up', hasPam: pam === 'pam' },
    path: places.at(-1)!.path,
    places,
    unit: Object.fromEntries(
      shown.map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    ),
    text: text.join('\n'),
  };
}

/** Returns the lines before the first empty line, and those after it. */
const untilBlank = (lines: readonly string[]): [before: string[], after: string[]] => {
  const end = lines.indexOf('');
  return [lines.slice(0, end), lines.slice(end + 1)];
};

/** The unit of an account that an earlier resource creates. `line` is the line in /etc/passwd, as far as it is known. */
export function newUserUnit(user: string, name: string, line: readonly string[] | null): UserUnit {
  const home = line?.[5] || usualHome(user);
  const paths = [...folders, `.config/systemd/user/${name}`].map(one => `${home}/${one}`);
  return {
    ...{ group: user, path: paths.at(-1)!, lingers: false, isUp: false, hasPam: true },
    ...{ places: paths.map(path => ({ path, is: undefined })), unit: {}, text: '' },
  };
}

export const missingAccount = (user: string): Missing =>
  new Missing(
    `the account ${user}`,
    [`passwd:${user}`],
    `Create it first, e.g. with\n    user: { name: ${user} }`,
  );

/** Takes the place of a unit that its account does not have, or whose manager does not run. */
export const missingUserUnit = (user: string, name: string, isUp: boolean): Missing =>
  new Missing(
    isUp ? `unit ${name} of ${user}` : `a running service manager of ${user}`,
    [objectOf(user)],
    `Declare the unit before, with\n    systemd_unit: { name: ${name}, user: ${user}, … }`,
  );

/** Returns obstacles on the way to the file. Root writes no file through what another account controls. */
export const obstaclesTo = ({ places }: UserUnit, user: string) =>
  obstaclesBelowHome(user, places, 'units', `not to ${user}`);

/** Returns a step of systemctl as a step that asks the service manager of an account. */
export function forUser(user: string, step: RunStep): RunStep {
  const asked = (command: RunStep['command']) =>
    withVariables(
      `${manager}\n${typeof command === 'string' ? command : command.map(word => shellQuote(word)).join(' ')}`,
      { m_user: user },
    );
  const { before, after } = step.undo ?? {};
  const words = step.label ?? (typeof step.command === 'string' ? step.command : step.command.join(' '));
  return {
    ...step,
    label: `${words.replace(/^systemctl/, 'systemctl --user').replace(' -- ', ' ')}   (as ${user})`,
    command: asked(step.command),
    undo: { ...(before && { before: asked(before) }), ...(after && { after: asked(after) }) },
    users: [user],
    touches: [{ kind: 'objects', names: [objectOf(user)] }],
  };
}

/** Lets the service manager of an account run without a login, from now on and after each boot. */
const linger = (user: string, lingers: boolean): RunStep => ({
  do: 'run',
  label: `loginctl enable-linger ${user}`,
  command: `loginctl enable-linger ${user} && systemctl start "user@$(id -u ${user}).service"`,
  users: [user],
  undo: lingers ? {} : { after: `loginctl disable-linger ${user}` },
  touches: [{ kind: 'objects', names: [objectOf(user)] }],
});

/** Returns the steps that write the file of a unit and load it. */
export function userUnitSteps(
  user: string,
  name: string,
  { places, group, path, lingers }: UserUnit,
  bytes: WriteStep['content'],
  { isWritten, isLingering }: { isWritten: boolean; isLingering: boolean },
): Step[] {
  const missing = places.filter(
    ({ path: at, is }) => is === undefined && at !== path && at.includes('/.config'),
  );
  return [
    ...(isLingering ? [linger(user, lingers)] : []),
    ...(isWritten
      ? [
          ...missing.map(({ path }): Step => ({ do: 'directory', path, owner: user, group, mode: '0755' })),
          {
            do: 'checked',
            steps: [{ do: 'write', path, content: bytes, owner: user, group, mode: '0644' }],
            by: ['sh', '-c', verifying(user, path, name)],
            label: `systemd-analyze --user verify ${name}   (as ${user})`,
          } as const,
        ]
      : []),
    forUser(user, daemonReload),
  ];
}

/** Returns the shell that verifies a unit of an account. Every complaint about its file counts. */
const verifying = (user: string, path: string, name: string) =>
  withVariables(
    `${manager}
m_said=$(m systemd-analyze --user verify --man=no "$m_path" 2>&1)
! printf '%s\\n' "$m_said" | grep -F -e "$m_path:" -e "$m_unit: " | grep -Ev 'Unit [^ ]* not found|not loaded, socket cannot be started' >&2`,
    { m_user: user, m_path: path, m_unit: name },
  );

/** Returns the steps that stop and remove a unit of an account. The account lingers on. */
export function userUnitRemoval(user: string, name: string, { path, isUp, unit }: UserUnit): Step[] {
  const stop = systemctl('stop', name);
  const wasActive = unit['ActiveState'] === 'active';
  return [
    ...(isUp ? [forUser(user, wasActive ? stop : { ...stop, undo: {} })] : []),
    ...(isUp && unit['UnitFileState'] === 'enabled' ? [forUser(user, systemctl('disable', name))] : []),
    { do: 'remove', path },
    ...(isUp ? [forUser(user, daemonReload)] : []),
  ];
}
