import type { State } from '../engine/module.ts';
import { accountName, anyOf, text } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { pathClaims } from '../engine/module-kit/path-claims.ts';
import { account, type Content, content, Missing, type PathState, path, program } from '../engine/probe.ts';
import { normalSchedule, parseCrontab, scheduleProblem, scheduleText } from './_cron.ts';

const field = { type: ['string', 'integer'] } as const;

const args = {
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
} as const;
type Arguments = Given<typeof args, 'name'>;

export const cron_job = defineModule({
  name: 'cron_job',
  summary: 'A scheduled command of cron, as one file in /etc/cron.d.',
  args,
  required: ['name'],
  absent: 'removes the file',
  examples: {
    'A backup every night': {
      name: 'backup',
      user: 'root',
      schedule: '17 3 * * *',
      command: '/usr/local/sbin/backup --all',
      env: { MAILTO: 'admin@example.com' },
    },
    'A report on weekdays': {
      name: 'report',
      user: 'www-data',
      schedule: { minute: 0, hour: 7, weekday: '1-5' },
      command: 'cd /srv/app && ./report',
    },
    'The job is removed': { name: 'old-backup', state: 'absent' },
  },
  secrets: {
    in: [],
    instead:
      'Every account can read the file. Put the secret into a `file` with mode "0600" that the command reads.',
  },
  identity: ({ name }) => name,
  refine: args => {
    const { user, schedule, command = '', env } = args;
    const problem = schedule === undefined ? undefined : scheduleProblem(schedule);
    return [
      nameRefusal(args),
      (user === undefined || schedule === undefined || command === '') && {
        says: 'Give user, schedule and command.',
      },
      problem !== undefined && { at: 'schedule', says: problem },
      /(^|[^\\])%/.test(command) && {
        at: 'command',
        says: 'Cron ends the command at a %, and passes the rest to its standard input. Write \\%.',
      },
      Object.entries(env)
        .filter(([, value]) => /\n|".*'|'.*"/.test(String(value)))
        .map(([name]) => ({
          at: 'env',
          says: `Cron has no way to write the value of ${name}: it has a line break, or both kinds of quotes.`,
        })),
      /\$/.test(String(env['PATH'] ?? '')) && {
        at: 'env',
        says: 'Cron expands no variables: give the folders of PATH themselves.',
      },
    ];
  },
  removal: {
    refine: args => [nameRefusal(args)],
    probes: ({ name }) => ({ file: path(fileOf(name)) }),
    actual: ({ file }) => file && { type: file.type },
  },
  probes: ({ name, user = '' }) => ({
    file: path(fileOf(name)),
    content: content(fileOf(name)),
    crontab: program('crontab'),
    needsAccount: account('passwd', user),
  }),
  actual: ({ crontab, file, content }) => (crontab === null ? noCron : stateOf(file, content)),
  fresh: (_args, { file, content }) => stateOf(file, content),
  desired: ({ user, schedule, command, env }, read) => {
    // A new file shows no empty lists.
    const found = read?.crontab == null ? null : stateOf(read.file, read.content);
    const list = (key: string, items: string[]) => (items.length > 0 || found?.[key] ? { [key]: items } : {});
    const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    return {
      schedule: normalSchedule(scheduleText(schedule!)),
      user,
      command: command?.trim(),
      ...list('env', assignments.sort()),
      ...list('further_lines', []),
      owner: 'root',
      group: 'root',
      mode: '0644',
    };
  },
  obstacles: ({ user }, { needsAccount }, { kind }) => [
    kind !== 'remove' &&
      needsAccount === null && {
        says: `There is no account ${user} on the host: cron would ignore the job.`,
        fix: 'Create it in an earlier resource, or name an existing account.',
      },
  ],
  steps: (_diff, args) => [
    {
      do: 'write',
      path: fileOf(args.name),
      content: textOf(args),
      owner: 'root',
      group: 'root',
      mode: '0644',
    },
  ],
  remove: ({ name }) => [{ do: 'remove', path: fileOf(name) }],
  claims: args =>
    pathClaims(fileOf(args.name), 'file', { owner: 'root', group: 'root', mode: '0644' }, () => textOf(args)),
});

const fileOf = (name: string) => `/etc/cron.d/${name}`;
const noCron = Missing.fromPackages('cron', 'cron', 'cronie', 'systemd-cron', 'bcron');

const nameRefusal = ({ name }: Arguments) =>
  !/^[A-Za-z0-9_-]+$/.test(name) && {
    at: 'name',
    says: `Cron ignores ${name}: the name of a file in /etc/cron.d has only letters, digits, _ and -, and no dot.`,
  };

const textOf = ({ user, schedule, command, env }: Arguments) =>
  [
    '# Managed by reconcile.',
    ...Object.entries(env).map(([name, value]) =>
      /"/.test(String(value)) ? `${name}='${value}'` : `${name}="${value}"`,
    ),
    `${scheduleText(schedule!)} ${user} ${command?.trim()}`,
    '',
  ].join('\n');

/** Returns the job that cron reads in the file, or null if there is no file. Comments do not count. */
function stateOf(file: PathState | null, content: Content | null): State | null {
  if (file === null) return null;
  const { owner, group, mode } = file;
  if (file.type !== 'file') return { type: file.type, owner, group, mode };
  const { env, jobs, others } = parseCrontab(content?.bytes?.toString() ?? '');
  const [job, ...more] = jobs;
  return {
    ...(job && { schedule: normalSchedule(job.schedule), user: job.user, command: job.command }),
    ...(env.length > 0 && { env }),
    ...(more.length + others.length > 0 && { further_lines: [...more.map(({ line }) => line), ...others] }),
    owner,
    group,
    mode,
  };
}
