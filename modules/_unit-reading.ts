import { textOf } from '../engine/module-kit/state-text.ts';
import { content, Missing, owed, path, type Readings, unit } from '../engine/probe.ts';
import { isTemplate } from '../engine/steps/unit-steps.ts';
import { dropInFolders, laterDropIns } from './_drop-ins.ts';
import { isPrefix, isQuadlet, placeOf, type UnitNames } from './_unit-names.ts';
import { generator } from './_unit-verify.ts';
import { missingAccount, userUnitIn, userUnitProbes } from './_user-units.ts';

/** Returns the probes for a file of a unit, a drop-in or Quadlet, or of a unit of an account. */
export function probesOf(args: UnitNames) {
  const { name, of, user } = args;
  const { path: at, folder, unit: read } = placeOf(args);
  const later = (about: readonly string[]) => (of === undefined ? undefined : laterDropIns(of, at, about));
  const template = (root: string) =>
    of !== undefined && isTemplate(of) ? path(`${root}/systemd/system/${of}`) : undefined;
  return {
    path: path(at),
    content: content(at),
    // systemd does not show templates, so a note records an outstanding load.
    owed: isPattern(args) ? owed(noteOf(args)) : undefined,
    unit: isPattern(args) || user !== undefined ? undefined : unit(read),
    folder: of !== undefined || isQuadlet(name) ? path(folder) : undefined,
    template: template('/etc'),
    templateOfPackage: template('/usr/lib'),
    // The drop-ins as they are before the play. One that an earlier resource changes is only a doubt.
    inForce: later([]),
    needsInForce: later(of === undefined ? [] : dropInFolders(of)),
    generator: isQuadlet(name) ? path(generator) : undefined,
    podman: isQuadlet(name) ? path('/usr/bin/podman') : undefined,
    ...userUnitProbes(user, name),
  };
}
/** The readings of these probes. */
export type Read = Readings<ReturnType<typeof probesOf>>;

/** Returns the state of the file, or null if there is neither a file nor a load that is outstanding. */
export function stateOf(read: Read, args: UnitNames) {
  const isLoaded = !isStale(read, args);
  if (read.path === null && isLoaded) return null;
  const file = read.path?.type === 'file' ? read.path : null;
  return { content: file && read.content, mode: file?.mode ?? null, loaded: isLoaded };
}

/** Whether systemd has not read the file yet, or still knows a file that is gone. */
function isStale({ path, unit, owed }: Read, args: UnitNames): boolean {
  if ((owed?.length ?? 0) > 0) return true;
  const { LoadState, NeedDaemonReload, ReadAnew, DropInPaths = '' } = unit ?? {};
  const mayLag = ReadAnew !== 'yes';
  if (args.of !== undefined) {
    const isListed = DropInPaths.split(' ').includes(placeOf(args).path);
    if (path === null) return isListed && mayLag;
    // systemd reads no drop-ins of a masked unit, and asks for a reload for ever.
    if (LoadState === 'masked') return false;
    // systemd 252 does not notice a new folder of drop-ins.
    return NeedDaemonReload === 'yes' || (LoadState === 'loaded' && !isListed && mayLag);
  }
  const isUnmade = isQuadlet(args.name) && path !== null && LoadState === 'not-found';
  return NeedDaemonReload === 'yes' || (isUnmade && mayLag);
}

/** Whether systemd shows no unit of the name: the file is for the instances of a template, or for many units. */
export const isPattern = (args: UnitNames): boolean =>
  args.user === undefined && (isTemplate(placeOf(args).unit) || (args.of !== undefined && isPrefix(args.of)));

/** The name of the note of an outstanding load, or of the owed restarts of the unit. */
export const noteOf = (args: UnitNames): string =>
  args.of === undefined ? placeOf(args).unit : `${args.of}.d/${args.name}.conf`;

/** Returns the state of a unit of an account. For its removal, a missing account is no obstacle. */
export function userState({ account, found }: Read, { name, user = '' }: UnitNames, isRemoval = false) {
  // The unit is as before the play. An earlier resource may remove the account.
  const own = account === null ? undefined : userUnitIn(found!, name);
  if (own === undefined) return isRemoval ? null : missingAccount(user);
  if (!own.hasPam && !isRemoval) return Missing.fromPackages('libpam-systemd', 'libpam-systemd');
  const file = own.places.at(-1)?.is;
  if (file === undefined) return null;
  const { LoadState, NeedDaemonReload } = own.unit;
  return {
    content: file.type.startsWith('regular') ? textOf(own.text) : null,
    mode: file.mode,
    owner: file.owner,
    linger: own.lingers && (own.isUp || 'without a running manager'),
    loaded: NeedDaemonReload !== 'yes' && LoadState !== 'not-found',
  };
}
