import { accountName, anyOf, flag, text } from '../engine/module-kit/argument.ts';
import type { Given } from '../engine/module-kit/define-module.ts';
import type { Content, PathState } from '../engine/probe.ts';
import { normalSchedule, scheduleText } from './_cron.ts';
import * as timers from './_cron-timer.ts';

const field = { type: ['string', 'integer'] } as const;

/** The arguments of `cron_job`. */
export const args = {
  name: text('Name of the file in /etc/cron.d.', { pattern: '^[^/\\s]+$' }),
  user: { ...accountName, description: 'Account that runs the command.' },
  schedule: anyOf(
    [
      { type: 'string', pattern: '^\\s*(@[a-z]+|\\S+(\\s+\\S+){4})\\s*$' },
      {
        type: 'object',
        properties: { minute: field, hour: field, day: field, month: field, weekday: field },
        additionalProperties: false,
      },
    ],
    'Five fields as in crontab(5), such as `17 3 * * *`; a word such as `@daily` or `@reboot`; or a map of the fields `minute`, `hour`, `day`, `month` and `weekday`, of which those left out are `*`.',
  ),
  command: text('Command line for `/bin/sh`.', { pattern: '^[^\\n]*[^\\s][^\\n]*$' }),
  env: {
    type: 'object',
    propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]*$' },
    additionalProperties: { type: ['string', 'number'] },
    default: {},
    description: 'Environment of the command, such as `PATH` and `MAILTO`. Cron expands no variables in it.',
  },
  timer: flag(
    'Whether systemd runs the job instead of cron, by NAME.service and NAME.timer in /etc/systemd/system.',
    { default: false },
  ),
  adopt_crontab_line: text(
    'Line of the account’s own crontab that the job replaces. It is removed, exactly as it is written.',
    { pattern: '^[^\\s#][^\\n]*[^\\s]$' },
  ),
} as const;
export type Arguments = Given<typeof args, 'name'>;

export type Read = timers.Read & {
  file: PathState | null;
  content?: Content | null | undefined;
  crontab?: string | null | undefined;
  adopted?: Content | null | undefined;
};

export const crontabOf = ({ user }: Arguments) => `/var/spool/cron/crontabs/${user ?? ''}`;

export const assignments = ({ env }: Arguments) =>
  Object.entries(env)
    .map(([name, value]) => `${name}=${value}`)
    .sort();

export const jobOf = (args: Arguments) => ({
  schedule: scheduleText(args.schedule ?? ''),
  user: args.user ?? '',
  command: args.command?.trim() ?? '',
  env: assignments(args),
});

export const shownJob = (args: Arguments) => {
  const { schedule, user, command, env } = jobOf(args);
  return [...env, normalSchedule(schedule), user, command].join(' ');
};

/** Returns what else runs the job: the file or the units of the other way, and the line that it replaces. */
export function leftovers({ file, timer, service, adopted }: Read, args: Arguments): Record<string, string> {
  const isTimed = !args.timer && (timers.isOwn(timer) || timers.isOwn(service));
  const line = args.adopt_crontab_line;
  const isThere =
    line !== undefined &&
    String(adopted?.bytes ?? '')
      .split('\n')
      .some(each => each.trimEnd() === line);
  return {
    ...(args.timer && file && { cron_file: 'present' }),
    ...(isTimed && { timer: 'present' }),
    ...(isThere && { crontab_line: line }),
  };
}

export const withoutLine = (text: string, { adopt_crontab_line }: Arguments) =>
  text
    .split('\n')
    .filter(each => each.trimEnd() !== adopt_crontab_line)
    .join('\n');
