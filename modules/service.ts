import { durationPattern, durationS } from '../engine/duration.ts';
import { defineModule } from '../engine/define-module.ts';
import type { Diff } from '../engine/module.ts';
import { Missing, type Owed, owed, type UnitState, unit } from '../engine/probe.ts';
import type { Step } from '../engine/step.ts';
import { daemonReload, startAndSettle, startLimitS, unitName } from './_systemd.ts';

/** Units of Debian packages whose name does not hold the unit's. */
const packagesOf: Readonly<Record<string, readonly string[]>> = {
  mysql: ['mariadb-server'],
  named: ['bind9'],
  nmbd: ['samba'],
  smbd: ['samba'],
};

const bringersOf = (name: string): string[] => {
  const stem = name.replace(/(@.*)?\.[a-z]+$/, '');
  const root = stem.replace(/(-server|(?<=ssh)d)$/, '');
  return [
    `unit:${name}`,
    `package:${root}`,
    `package:*${root}*`,
    ...(packagesOf[stem] ?? []).map(other => `package:${other}`),
  ];
};

const isMasked = (read: UnitState): boolean => read.LoadState === 'masked' || read.UnitFileState === 'masked';

function enabledness({ UnitFileState = '' }: UnitState): boolean | string {
  if (['enabled', 'enabled-runtime', 'alias'].includes(UnitFileState)) return true;
  return ['static', 'generated', 'transient'].includes(UnitFileState) ? UnitFileState : false;
}

function verbFor(diff: Diff, state: string | undefined, { unit, owed }: { unit: UnitState; owed: Owed[] }) {
  const { ActiveState = '', DownParts } = unit;
  if (diff.has('state') && state === 'running') {
    // A start leaves the parts that run as they are.
    const isStart = ['inactive', 'failed'].includes(ActiveState) || (DownParts && owed.length === 0);
    return isStart ? 'start' : 'restart';
  }
  return diff.has('restart') ? 'restart' : diff.has('reload') ? 'reload' : undefined;
}

/** A service that loops is active at some instants too: one that came back by itself so lately is not taken for up. */
function isLooping({ NRestarts, ActiveEnterTimestamp }: UnitState, nowS: number): boolean {
  const enteredS = Number(ActiveEnterTimestamp?.replace('@', ''));
  return Number(NRestarts) >= 2 && Math.abs(nowS - enteredS) < 30;
}

function activity(read: UnitState, declared: string | undefined, nowS: number): string {
  const { ActiveState, SubState, DownParts } = read;
  if (ActiveState === 'active' && isLooping(read, nowS)) return 'restarting in a loop';
  if (ActiveState === 'active' && DownParts && declared !== 'stopped') return `running without ${DownParts}`;
  if (ActiveState === 'active' || ActiveState === 'reloading') return 'running';
  if (ActiveState === 'activating') return SubState === 'auto-restart' ? 'restarting in a loop' : 'starting';
  if (ActiveState === 'deactivating') return 'stopping';
  return ActiveState === 'failed' && declared !== 'stopped' ? 'failed' : 'stopped';
}

function reasons(owed: readonly Owed[], action: Owed['action'], own: string | undefined): string {
  const all = new Set(owed.filter(note => note.action === action).map(note => note.because));
  const names = [...all].filter(name => name !== own).sort();
  if (names.length > 0) return `because ${names.join(', ')} changed`;
  return all.size === 0 ? 'no' : `because the last ${action} was not seen to succeed`;
}

/** What is still to be answered of the notes: a start pays what is owed, and a restart does what a reload would. */
function answersTo(owed: readonly Owed[], state: string, declared: string | undefined, own?: string) {
  const notes = state === 'running' && declared !== 'stopped' ? owed : [];
  const restart = reasons(notes, 'restart', own);
  return { restart, reload: restart === 'no' ? reasons(notes, 'reload', own) : 'no' };
}

const opposite = {
  enable: 'disable',
  disable: 'enable',
  mask: 'unmask',
  unmask: 'mask',
  stop: 'start',
} as const;
type Verb = keyof typeof opposite;

export const service = defineModule({
  name: 'service',
  summary: 'A systemd unit: whether it runs, starts at boot, and what it is restarted for.',
  args: {
    type: 'object',
    properties: {
      name: {
        type: 'string',
        minLength: 1,
        description: 'Name of the unit; without a suffix it is a `.service`.',
      },
      enabled: { type: 'boolean', description: 'Whether it starts at boot.' },
      state: {
        enum: ['running', 'stopped'],
        description:
          'Whether the unit runs; `running` also means that it is still the same process after `settle`, and that those run that a unit without a process stands for, such as the clusters of `postgresql`.',
      },
      restart_on: {
        type: 'array',
        items: { type: 'string' },
        description: 'Names of resources whose change makes a restart necessary.',
      },
      reload_on: {
        type: 'array',
        items: { type: 'string' },
        description: 'Names of resources whose change makes a reload necessary.',
      },
      settle: {
        type: 'string',
        pattern: durationPattern,
        default: '3s',
        description: 'How long it must stay up after a start, restart or reload to count as running.',
      },
      masked: {
        type: 'boolean',
        description: 'Whether the unit is masked, so that nothing at all can start it.',
      },
    },
    required: ['name'],
    additionalProperties: false,
  },
  examples: [
    { title: 'A service that always runs', args: { name: 'nginx', enabled: true, state: 'running' } },
    {
      title: 'Restarted when its settings change',
      args: { name: 'app', enabled: true, state: 'running', restart_on: ['App environment', 'App unit'] },
    },
    { title: 'A timer', args: { name: 'certbot.timer', enabled: true, state: 'running' } },
    { title: 'Never to be started', args: { name: 'apache2', state: 'stopped', masked: true } },
  ],
  identity: ({ name }) => unitName(name),
  refine: args =>
    args.masked && (args.enabled || args.state === 'running')
      ? ['masked keeps it from being started: it cannot be enabled or running as well']
      : [],
  probes: ({ name }) => ({ unit: unit(unitName(name)), owed: owed(unitName(name)) }),
  actual: (read, args, { nowS, name: own }) => {
    const name = unitName(args.name);
    if (read.unit.LoadState === 'not-found' && !args.masked)
      return new Missing(`unit ${name}`, bringersOf(name));
    const state = activity(read.unit, args.state, nowS);
    return {
      masked: isMasked(read.unit),
      enabled: enabledness(read.unit),
      state,
      ...answersTo(read.owed, state, args.state, own),
    };
  },
  desired: args => ({
    ...(args.masked === undefined ? {} : { masked: args.masked }),
    ...(args.enabled === undefined ? {} : { enabled: args.enabled }),
    ...(args.state === undefined ? {} : { state: args.state }),
    restart: 'no',
    reload: 'no',
  }),
  predict: (args, tokens, read) => {
    // Debian's packages enable and start what they bring; a unit file alone does neither.
    const byPackage = tokens.some(token => token.startsWith('package:'));
    const state = byPackage ? 'running' : 'stopped';
    return { masked: false, enabled: byPackage, state, ...answersTo(read.owed ?? [], state, args.state) };
  },
  steps: (diff, args, read, context) => {
    const name = unitName(args.name);
    const systemctl = (verb: Verb): Step => ({
      do: 'run',
      command: ['systemctl', verb, '--', name],
      undo: { [verb === 'stop' ? 'after' : 'before']: ['systemctl', opposite[verb], '--', name] },
    });
    const steps: Step[] = read.unit.NeedDaemonReload === 'yes' ? [daemonReload] : [];
    if (diff.has('masked') && !args.masked) steps.push(systemctl('unmask'));
    if (diff.has('enabled')) steps.push(systemctl(args.enabled ? 'enable' : 'disable'));
    if (diff.has('state') && args.state === 'stopped') steps.push(systemctl('stop'));
    if (diff.has('masked') && args.masked) steps.push(systemctl('mask'));
    const verb = verbFor(diff, args.state, read);
    if (verb !== undefined) {
      // One that dies and comes back may look well to the next apply: the note makes it look again.
      const action = verb === 'reload' ? verb : 'restart';
      steps.push({ do: 'owe', unit: name, action, because: context.name });
      steps.push(startAndSettle(verb, name, durationS(args.settle)));
    }
    if (verb !== undefined || diff.has('state')) steps.push({ do: 'pay', unit: name });
    return steps;
  },
  brings: args => (args.state === 'running' ? [{ token: `running:${unitName(args.name)}` }] : []),
  reacts: args => [
    { to: [...(args.restart_on ?? [])], unit: () => unitName(args.name), action: 'restart' },
    { to: [...(args.reload_on ?? [])], unit: () => unitName(args.name), action: 'reload' },
  ],
  timeoutS: args => startLimitS + 150 + durationS(args.settle),
});
