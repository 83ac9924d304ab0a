import type { Diff, State } from '../engine/module.ts';
import { pathClaims } from '../engine/module-kit/path-claims.ts';
import { textOf as textState } from '../engine/module-kit/state-text.ts';
import {
  type CommandResult,
  type Content,
  command,
  content,
  path,
  type UnitState,
  unit,
} from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import type { Step } from '../engine/step.ts';
import { daemonReload, readable, startAndSettle, systemctl, unitFile } from '../engine/steps/unit-steps.ts';
import type { Conditional } from '../engine/util/defined.ts';
import { calendarOf, type Schedule } from './_cron.ts';

/** A job that systemd runs: NAME.service, and NAME.timer, which starts it. */
export interface Job {
  name: string;
  user?: string | undefined;
  schedule?: Schedule | undefined;
  command?: string | undefined;
  env: Readonly<Record<string, string | number>>;
}

export const header = '# Managed by reconcile.';
const serviceOf = (name: string) => unitFile(`${name}.service`);
const timerOf = (name: string) => unitFile(`${name}.timer`);

/** Reads whether units of this name come from a job. */
export const ownUnits = (name: string) => ({
  service: content(serviceOf(name)),
  timer: content(timerOf(name)),
});

export const timerProbes = ({ name, schedule }: Job) => ({
  ...ownUnits(name),
  serviceAt: path(serviceOf(name)),
  timerAt: path(timerOf(name)),
  unit: unit(`${name}.timer`),
  // The words in it are numbers, names of days, and signs of the calendar.
  needsCalendar: command(
    calendarOf(schedule ?? '* * * * *')
      .map(each => `systemd-analyze calendar ${shellQuote(each)} 2>&1 >/dev/null`)
      .join(' && '),
    { about: ['packages'] },
  ),
});

export interface Read {
  service?: Content | null | undefined;
  timer?: Content | null | undefined;
  serviceAt?: { owner: string; group: string; mode: string } | null;
  timerAt?: { owner: string; group: string; mode: string } | null;
  unit?: UnitState;
  needsCalendar?: CommandResult | undefined;
}

/** Whether a unit file of this name comes from a job. */
export const isOwn = (file: Content | null | undefined) => String(file?.bytes ?? '').startsWith(header);

const attributes = (at: Read['timerAt']) => (at ? `${at.owner}:${at.group} ${at.mode}` : null);

/** Returns the state of the units, or null if there are none. */
export function timerState({ service, timer, serviceAt, timerAt, unit = {} }: Read): State | null {
  if (!serviceAt && !timerAt) return null;
  const found = [attributes(serviceAt), attributes(timerAt)].find(
    each => each !== null && each !== 'root:root 0644',
  );
  return {
    ...{ service: service ?? null, timer: timer ?? null },
    ...(found !== undefined && { permissions: found }),
    loaded: unit['NeedDaemonReload'] !== 'yes',
    enabled: unit['UnitFileState'] === 'enabled',
    running: unit['ActiveState'] === 'active',
  };
}

/** Returns the declared state of the units. */
export const timerDesired = (job: Job, read: Read | undefined): State => ({
  ...{ service: textState(serviceText(job)), timer: textState(timerText(job)) },
  ...(read && timerState(read)?.['permissions'] !== undefined && { permissions: 'root:root 0644' }),
  ...{ loaded: true, enabled: true, running: true },
});

export const timerObstacles = ({ name }: Job, { service, timer, needsCalendar }: Read) => [
  ...[[service, serviceOf(name)] as const, [timer, timerOf(name)] as const].map(
    ([file, at]) =>
      file != null &&
      !isOwn(file) && {
        says: `${at} is a unit of somebody else, which would be replaced.`,
        fix: 'Give the job another name, or remove the unit in an earlier resource.',
      },
  ),
  needsCalendar !== undefined &&
    ![0, 127].includes(needsCalendar.exit) && {
      says: `systemd does not accept the times of the job: ${needsCalendar.stdout.trim().split('\n')[0]}.`,
      fix: 'Write other times, or leave out timer.',
    },
];

export function timerSteps(diff: Diff, job: Job, { unit = {} }: Read): Conditional<Step> {
  const isOpened = diff.has('permissions');
  const writes = {
    service: diff.has('service') || isOpened,
    timer: diff.has('timer') || isOpened,
  };
  const name = `${job.name}.timer`;
  const isRunning = unit['ActiveState'] === 'active';
  return [
    writes.service && {
      do: 'write',
      path: serviceOf(job.name),
      content: serviceText(job),
      ...readable,
    },
    writes.timer && { do: 'write', path: timerOf(job.name), content: timerText(job), ...readable },
    (writes.service || writes.timer || diff.has('loaded')) && daemonReload,
    diff.has('enabled') && systemctl('enable', name, unit),
    (writes.timer || diff.has('running')) && startAndSettle(isRunning ? 'restart' : 'start', name, 0, unit),
  ];
}

/** Returns the steps that end a job of systemd. */
export const withoutTimer = (
  job: string,
  { timer, service }: Pick<Read, 'timer' | 'service'>,
): Conditional<Step> => {
  const name = `${job}.timer`;
  const ended = (verb: 'stop' | 'disable', back: string) => ({
    ...systemctl(verb, name),
    undo: { after: ['systemctl', back, '--', name] },
  });
  return [
    timer && [ended('stop', 'start'), ended('disable', 'enable'), { do: 'remove', path: timerOf(job) }],
    service && { do: 'remove', path: serviceOf(job) },
    daemonReload,
  ];
};

export const timerClaims = (job: Job) => ({
  ...pathClaims(serviceOf(job.name), 'file', readable, () => serviceText(job)),
  ...pathClaims(timerOf(job.name), 'file', readable, () => timerText(job)),
});

/** In a value in double quotes, systemd expands `%` and, in commands, `$`. */
const quoted = (text: string) => `"${text.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%')}"`;

/** Like cron, systemd runs the command with /bin/sh in the home directory. For both, `\%` in it stands for `%`. */
function serviceText({ name, user, command = '', env }: Job): string {
  const script = command.trim().replaceAll('\\%', '%').replaceAll('$', '$$$$');
  return [
    header,
    '[Unit]',
    `Description=The job ${name}`,
    '',
    '[Service]',
    'Type=oneshot',
    `User=${user}`,
    'WorkingDirectory=-~',
    ...Object.entries(env).map(([key, value]) => `Environment=${quoted(`${key}=${value}`)}`),
    `ExecStart=/bin/sh -c ${quoted(script)}`,
    '',
  ].join('\n');
}

const timerText = ({ name, schedule }: Job) =>
  [
    header,
    '[Unit]',
    `Description=The times of the job ${name}`,
    '',
    '[Timer]',
    ...calendarOf(schedule!).map(each => `OnCalendar=${each}`),
    'AccuracySec=1s',
    '',
    '[Install]',
    'WantedBy=timers.target',
    '',
  ].join('\n');
