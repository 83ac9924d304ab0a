import { posix } from 'node:path';
import type { Diff } from '../engine/module.ts';
import { accountName, duration, flag, listOf, oneOf, text } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import {
  type CommandResult,
  damagedNote,
  Missing,
  type Owed,
  owed,
  type PathState,
  path,
  type UnitState,
  unit,
} from '../engine/probe.ts';
import type { Step } from '../engine/step.ts';
import * as units from '../engine/steps/unit-steps.ts';
import { compact } from '../engine/util/defined.ts';
import { durationS } from '../engine/util/duration.ts';
import { mayRoot, rights } from './_rights.ts';
import { missingUnit } from './_unit-names.ts';
import { forUser, missingAccount, missingUserUnit, userUnitIn, userUnitProbes } from './_user-units.ts';

const { unitName } = units;

const args = {
  name: text('Name of the unit; without a suffix it is a `.service`.', { minLength: 1 }),
  enabled: flag('Whether the unit starts at boot, by the links that its [Install] asks for.'),
  state: oneOf(
    ['running', 'stopped'],
    'Whether the unit runs. `running` also requires the same process after `settle`, and for a unit without a process, such as `postgresql`, that the units it stands for run.',
  ),
  restart_on: listOf({ type: 'string' }, 'Names of resources whose change makes a restart necessary.'),
  reload_on: listOf({ type: 'string' }, 'Names of resources whose change makes a reload necessary.'),
  settle: duration(
    'Time for which the unit must stay up after a start, restart or reload to count as running.',
    {
      default: '3s',
    },
  ),
  user: {
    ...accountName,
    description: 'Account whose service manager runs the unit; without it, the system.',
  },
  masked: flag('Whether the unit is masked, so that nothing can start it.'),
} as const;
type Arguments = Given<typeof args, 'name'>;

export const service = defineModule({
  name: 'service',
  summary: 'The state of a systemd unit: running, started at boot, restarted after changes.',
  args,
  required: ['name'],
  examples: {
    'A service that always runs': { name: 'nginx', enabled: true, state: 'running' },
    'Restarted when its settings change': {
      name: 'app',
      enabled: true,
      state: 'running',
      restart_on: ['App environment', 'App unit'],
    },
    'A timer': { name: 'certbot.timer', enabled: true, state: 'running' },
    'A unit of an account': { name: 'bot', user: 'deploy', enabled: true, state: 'running' },
    'Never started': { name: 'apache2', state: 'stopped', masked: true },
  },
  identity: noteOf,
  refine: ({ name, user, enabled, state, masked, restart_on, reload_on }) => [
    masked &&
      (restart_on ?? reload_on) !== undefined && {
        at: restart_on === undefined ? 'reload_on' : 'restart_on',
        says: 'A masked unit can be neither restarted nor reloaded.',
      },
    masked &&
      (enabled || state === 'running') && {
        at: 'masked',
        says: 'A masked unit can be neither enabled nor running.',
      },
    masked !== undefined &&
      user !== undefined && { at: 'masked', says: 'Only units of the system are masked here: leave it out.' },
    units.isTemplate(unitName(name)) && {
      at: 'name',
      says: `${name} is a template. Name an instance, such as ${name.replace('@', '@1')}.`,
    },
  ],
  probes: args => ({
    unit: args.user === undefined ? unit(unitName(args.name)) : undefined,
    owed: owed(noteOf(args)),
    file: args.masked ? path(units.unitFile(unitName(args.name))) : undefined,
    ...userUnitProbes(args.user, unitName(args.name)),
    ...(clocks.test(unitName(args.name)) && { container: path('/run/systemd/container'), rights }),
  }),
  actual: (read, args, { nowS, name: own }) => {
    const name = unitName(args.name);
    const unit = unitIn(read, args);
    if (unit instanceof Missing) return unit;
    if (unit.LoadState === 'not-found' && !mayBeUnknown(args)) return missingUnit(name);
    const state = activity(unit, args.state, nowS);
    // A start pays the owed restarts, and a restart does the work of a reload.
    const notes = state === 'running' && args.state !== 'stopped' ? read.owed : [];
    const restart = reasons(notes, 'restart', own);
    return {
      masked: maskedness(unit, args.masked),
      enabled: enabledness(unit, args.enabled),
      state,
      restart,
      reload: restart === 'no' ? reasons(notes, 'reload', own) : 'no',
    };
  },
  fresh: () => ({ masked: false, enabled: false, state: 'stopped', restart: 'no', reload: 'no' }),
  desired: ({ masked, enabled, state }) => ({ masked, enabled, state, restart: 'no', reload: 'no' }),
  obstacles: (args, read, diff) => {
    const unit = unitIn(read, args);
    if (unit instanceof Missing) return [];
    const [says, fix] = refusal(args, { ...read, unit }, diff) ?? [];
    const { container, rights: status } = read as { container?: PathState | null; rights?: CommandResult };
    // Without the right to set the clock, the conditions of these units keep them from starting.
    const hasNoClock = container && (/timesyncd/.test(args.name) || !mayRoot('time', status?.stdout ?? ''));
    return [
      hasNoClock &&
        diff.has('state') &&
        args.state === 'running' && {
          says: 'A container has the clock of its machine, which sets it.',
          unknown: true,
        },
      says !== undefined && { says: `${unitName(args.name)} ${says}.`, fix },
    ];
  },
  steps: (diff, args, read, context) => {
    const { owed } = read;
    const name = unitName(args.name);
    const unit: UnitState = { ...unitIn(read, args) } as UnitState;
    const verb = verbFor(diff, args.state, unit, owed);
    // A unit that dies and comes back may look healthy to the next apply: the note makes that apply restart it.
    const action = verb === 'reload' ? 'reload' : 'restart';
    const isEnabled = unit.UnitFileState === 'enabled';
    // systemctl does not disable a masked unit.
    const unmasks = isMasked(unit) && (diff.has('masked') ? !args.masked : diff.has('enabled'));
    const steps = compact<Step>([
      // systemd 252 does not notice a new folder of drop-ins, which a command may have made.
      (verb || unit.NeedDaemonReload === 'yes') && units.daemonReload,
      unmasks && units.systemctl('unmask', name, unit),
      diff.has('enabled') &&
        units.systemctl(args.enabled ? (isEnabled ? 'reenable' : 'enable') : 'disable', name, unit),
      diff.has('state') && args.state === 'stopped' && units.systemctl('stop', name, unit),
      unmasks && !diff.has('masked') && units.systemctl('mask', name, unit),
      diff.has('masked') && args.masked && units.systemctl('mask', name),
      verb && { do: 'owe', unit: noteOf(args), action, because: context.name },
      verb && units.startAndSettle(verb, name, durationS(args.settle), unit, args.state !== 'running'),
      (verb !== undefined || diff.has('state')) && { do: 'pay', unit: noteOf(args) },
    ]);
    const { user } = args;
    return user === undefined ? steps : steps.map(step => (step.do === 'run' ? forUser(user, step) : step));
  },
  claims: args => {
    const { state, enabled, masked } = args;
    const name = noteOf(args);
    // A masked unit can be neither enabled nor running.
    const isMasked = masked ?? (enabled || state === 'running' ? false : undefined);
    return {
      ...(state !== undefined && { [units.runsClaim(name)]: state }),
      ...(isMasked !== undefined && {
        [`whether ${name} is masked`]: isMasked ? 'masked' : 'not masked',
      }),
    };
  },
  reacts: args => [
    { to: [...(args.restart_on ?? [])], unit: () => noteOf(args), action: 'restart' },
    { to: [...(args.reload_on ?? [])], unit: () => noteOf(args), action: 'reload' },
  ],
  timeoutS: args => units.startLimitS + 150 + durationS(args.settle),
});

/** Services that set the clock from the network. */
const clocks = /^(systemd-timesyncd|chrony|chronyd|ntpsec|openntpd)\.service$/;

/** The name of the unit and of the note of its owed restarts. */
function noteOf({ name, user }: Arguments): string {
  return user === undefined ? unitName(name) : `${unitName(name)} of ${user}`;
}

/** Returns the unit of the system or of an account, or a Missing if its account or service manager is missing. */
function unitIn(
  read: { unit?: UnitState | undefined; found?: CommandResult | undefined },
  args: Arguments,
): UnitState | Missing {
  const { user } = args;
  const name = unitName(args.name);
  if (user === undefined || read.found === undefined) return read.unit ?? {};
  const own = userUnitIn(read.found, name);
  if (own === undefined) return missingAccount(user);
  const isKnown = own.isUp && (own.unit['LoadState'] !== 'not-found' || mayBeUnknown(args));
  return isKnown ? own.unit : missingUserUnit(user, name, own.isUp);
}

/** Whether the declared state allows a unit that systemd does not know: it does not run, and nothing starts it. */
const mayBeUnknown = ({ enabled, state, masked }: Arguments): boolean =>
  masked || (!enabled && state !== 'running' && [enabled, state, masked].some(each => each !== undefined));

const isMasked = (read: UnitState): boolean => read.LoadState === 'masked' || read.UnitFileState === 'masked';

const maskedness = (read: UnitState, declared: boolean | undefined): boolean | string =>
  declared && units.isMaskedUntilBoot(read) ? 'until the next boot' : isMasked(read);

/** Returns whether the unit is enabled; for a generated unit, or one that cannot be enabled as declared, its file's state. */
function enabledness(read: UnitState, declared: boolean | undefined): boolean | string {
  const { UnitFileState = '', Asked, Links } = read;
  const [asked, links] = [Asked, Links].map(list => list?.split(' ').filter(Boolean));
  // The links of a masked unit start it once the mask is gone.
  if (isMasked(read)) return declared === false && links?.some(link => link.includes('/')) === true;
  const missing = UnitFileState === 'enabled' && links ? asked?.filter(link => !links.includes(link)) : [];
  if (missing?.length) return `without ${missing.join(', ')}`;
  if (['enabled', 'alias'].includes(UnitFileState)) return true;
  return UnitFileState === 'generated' || (declared && UnitFileState in notEnabled) ? UnitFileState : false;
}

const activities: Readonly<Record<string, string>> = {
  active: 'running',
  reloading: 'running',
  activating: 'starting',
  deactivating: 'stopping',
  failed: 'failed',
};

function activity(read: UnitState, declared: string | undefined, nowS: number): string {
  const { ActiveState = '', SubState, DownParts, NRestarts, ActiveEnterTimestamp } = read;
  const forS = Math.abs(nowS - Number(ActiveEnterTimestamp?.replace('@', '')));
  // A looping service is active at some instants: after a recent restart by systemd it does not count as running.
  const isLooping =
    ActiveState === 'active' ? Number(NRestarts) >= 2 && forS < 30 : SubState === 'auto-restart';
  if (isLooping) return 'restarting in a loop';
  if (declared === 'stopped' && ActiveState === 'failed') return 'stopped';
  if (declared !== 'stopped' && ActiveState === 'active' && DownParts) return `running without ${DownParts}`;
  return activities[ActiveState] ?? 'stopped';
}

function reasons(owed: readonly Owed[], action: Owed['action'], own: string): string {
  const all = new Set(owed.filter(note => note.action === action).map(note => note.because));
  const names = [...all].filter(name => name !== own).sort();
  if (names.includes(damagedNote)) return `because the note of an owed ${action} is damaged`;
  if (names.length > 0) return `because ${names.join(', ')} changed`;
  return all.size === 0 ? 'no' : `because the last ${action} was not seen to succeed`;
}

function verbFor(diff: Diff, state: string | undefined, unit: UnitState, owed: readonly Owed[]) {
  const { ActiveState = '', DownParts } = unit;
  if (diff.has('state') && state === 'running') {
    // A start leaves the running parts unchanged.
    const isStart = ['inactive', 'failed'].includes(ActiveState) || (DownParts && owed.length === 0);
    return isStart ? 'start' : 'restart';
  }
  return diff.has('restart') ? 'restart' : diff.has('reload') ? 'reload' : undefined;
}

/** The reason why systemctl cannot enable a unit with such a file, and the remedy. */
const notEnabled: Readonly<Record<string, (read: UnitState) => [says: string, fix: string]>> = {
  static: () => ['has nothing in [Install] that starts it', 'Leave out `enabled`.'],
  indirect: ({ TriggeredBy }) => [
    'has only Also= in [Install], which enables other units',
    `Enable ${TriggeredBy || 'the unit in Also='} instead.`,
  ],
  generated: ({ SourcePath = '' }) => [
    `is generated from ${SourcePath || 'other settings'}, which decides whether it starts at boot`,
    SourcePath.includes('/containers/systemd/')
      ? `Leave out \`enabled\`: WantedBy= in [Install] of ${posix.basename(SourcePath)} starts it at boot.`
      : 'Leave out `enabled`, or replace the source by a unit file.',
  ],
  transient: () => ['is a transient unit of a program', 'Leave out `enabled`.'],
};

/** Returns the first change that systemd refuses or performs without effect, with its remedy; undefined without any. */
function refusal(
  { enabled, state, masked }: Arguments,
  { unit, owed, file }: { unit: UnitState; owed: readonly Owed[]; file?: PathState | null | undefined },
  diff: Diff,
): [says: string, fix: string] | undefined {
  const { UnitFileState = '', FragmentPath = '' } = unit;
  const verb = verbFor(diff, state, unit, owed);
  if (isMasked(unit)) {
    if (masked === undefined && (verb || (diff.has('enabled') && enabled)))
      return [`is masked, so it cannot be ${verb ?? 'enabl'}ed`, 'Add `masked: false`.'];
    return masked === false && /^(\/usr)?\/lib\//.test(FragmentPath)
      ? [`is masked by its package, in ${FragmentPath}`, 'Replace it by a `systemd_unit`.']
      : undefined;
  }
  const reason = diff.has('enabled') && notEnabled[UnitFileState]?.(unit);
  if (reason) return [`${reason[0]}, so it cannot be ${enabled ? 'enabled' : 'disabled'}`, reason[1]];
  if (diff.has('masked') && masked && file)
    return [
      'has a file in /etc/systemd/system, in the place of the link that would mask it',
      file.type === 'link' ? 'Mask the target of this link.' : 'Remove the unit instead.',
    ];
  // The other reasons are known only for loaded units.
  if (unit.NeedDaemonReload === 'yes') return undefined;
  if (verb === 'reload')
    return unit.CanReload === 'no'
      ? ['cannot reload', 'Use `restart_on` instead of `reload_on`.']
      : undefined;
  const stops = verb === 'restart' || (diff.has('state') && state === 'stopped');
  if (verb && ['bad-setting', 'error'].includes(unit.LoadState ?? ''))
    return ['has settings that systemd refuses', 'Run `systemctl status` to see them.'];
  if (verb && unit.Type === 'oneshot' && unit.RemainAfterExit === 'no')
    return [
      'ends when its work is done (Type=oneshot without RemainAfterExit), so it cannot be kept running',
      'Start its timer, or run it with a `command`.',
    ];
  if ((verb && unit.CanStart === 'no') || (stops && unit.CanStop === 'no'))
    return [
      'starts and stops only with other units (RefuseManualStart, RefuseManualStop)',
      'Leave out `state`, and restart a unit that needs it.',
    ];
  return undefined;
}
