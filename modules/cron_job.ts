import type { State } from '../engine/module.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { pathClaims } from '../engine/module-kit/path-claims.ts';
import {
  account,
  type Content,
  command,
  content,
  Missing,
  type PathState,
  path,
  program,
} from '../engine/probe.ts';
import { readable } from '../engine/steps/unit-steps.ts';
import { compact } from '../engine/util/defined.ts';
import {
  normalSchedule,
  parseCrontab,
  printCrontabs,
  scheduleProblem,
  scheduleText,
  twin,
  twinLine,
} from './_cron.ts';
import {
  type Arguments,
  args,
  assignments,
  crontabOf,
  jobOf,
  leftovers,
  type Read,
  shownJob,
  withoutLine,
} from './_cron-job.ts';
import * as timers from './_cron-timer.ts';

export const cron_job = defineModule({
  name: 'cron_job',
  summary: 'A scheduled command of cron, as one file in /etc/cron.d, or of a timer of systemd.',
  args,
  required: ['name'],
  absent: 'removes the file, or the timer with its service',
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
    'A job that systemd runs, as on a host without cron': {
      name: 'cleanup',
      user: 'www-data',
      schedule: '*/15 * * * *',
      command: 'find /srv/app/tmp -mmin +60 -delete',
      timer: true,
    },
    'A line of root’s crontab becomes a job': {
      name: 'sync',
      user: 'root',
      schedule: '5 * * * *',
      command: '/usr/local/sbin/sync-all',
      adopt_crontab_line: '5 * * * * /usr/local/sbin/sync-all',
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
    const { user, schedule, command = '', env, timer } = args;
    const problem = schedule === undefined ? undefined : scheduleProblem(schedule);
    return [
      nameRefusal(args),
      (user === undefined || schedule === undefined || command === '') && {
        says: 'Give user, schedule and command.',
      },
      problem !== undefined && { at: 'schedule', says: problem },
      timer &&
        typeof schedule === 'string' &&
        schedule.trim() === '@reboot' && {
          at: 'schedule',
          says: 'A timer would run the job at once: write a systemd_unit with Type=oneshot and WantedBy=multi-user.target.',
        },
      !timer &&
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
    probes: ({ name }) => ({ file: path(fileOf(name)), ...timers.ownUnits(name) }),
    actual: ({ file, ...units }) => {
      const isTimed = timers.isOwn(units.timer) || timers.isOwn(units.service);
      return file || isTimed ? { ...(file && { type: file.type }), ...(isTimed && { timer: true }) } : null;
    },
  },
  probes: args => ({
    file: path(fileOf(args.name)),
    ...(args.timer
      ? timers.timerProbes(args)
      : { content: content(fileOf(args.name)), crontab: program('crontab'), ...timers.ownUnits(args.name) }),
    adopted: args.adopt_crontab_line === undefined ? undefined : content(crontabOf(args)),
    needsCrontabs: command(printCrontabs, { about: ['/etc/cron.d', '/etc/crontab', 'packages'] }),
    needsCrontab: content(crontabOf(args)),
    needsAccount: account('passwd', args.user ?? ''),
  }),
  actual: (read: Read, args) => (!args.timer && read.crontab === null ? noCron : stateIn(read, args)),
  fresh: (args, read) => stateIn(read as Read, args),
  desired(args, read) {
    const found = read as Read | undefined;
    const gone = Object.keys(found ? leftovers(found, args) : {}).map(key => [key, 'removed']);
    const job = args.timer ? timers.timerDesired(args, found) : desiredJob(args, found);
    return { ...job, ...Object.fromEntries(gone) };
  },
  obstacles(args, read, { kind }) {
    if (kind === 'remove') return [];
    const { user, timer, name, adopt_crontab_line } = args;
    const job = jobOf(args);
    const other = read.needsCrontabs && twin(read.needsCrontabs.stdout, job, fileOf(name));
    const line = twinLine(String(read.needsCrontab?.bytes ?? ''), job);
    return [
      read.needsAccount === null && {
        says: `There is no account ${user} on the host: ${timer ? 'systemd would not start' : 'cron would ignore'} the job.`,
        fix: 'Create it in an earlier resource, or name an existing account.',
      },
      ...(timer ? timers.timerObstacles(args, read as Read) : []),
      other !== undefined && {
        says: `${other} runs the same command at the same times, so it would run twice.`,
        fix:
          other === '/etc/crontab'
            ? 'Take the line out of /etc/crontab in an earlier resource.'
            : `If the job has a new name, remove the old one in an earlier resource, with\n    cron_job: { name: ${other.replace(/^.*\//, '')}, state: absent }`,
      },
      line !== undefined &&
        line.trimEnd() !== adopt_crontab_line && {
          says: `The crontab of ${user} runs the same command at the same times, so it would run twice.`,
          fix: `Let the job replace the line, with\n    adopt_crontab_line: ${JSON.stringify(line.trimEnd())}`,
        },
    ];
  },
  steps(diff, args, read) {
    const found = read as Read;
    const gone = leftovers(found, args);
    const isDue = diff.changes.some(({ key }) => !(key in gone));
    return [
      args.timer && compact(timers.timerSteps(diff, args, found)),
      !args.timer && isDue && { do: 'write', path: fileOf(args.name), content: textOf(args), ...readable },
      gone['cron_file'] !== undefined && { do: 'remove', path: fileOf(args.name) },
      gone['timer'] !== undefined && compact(timers.withoutTimer(args.name, found)),
      gone['crontab_line'] !== undefined && {
        do: 'write',
        path: crontabOf(args),
        content: withoutLine(String(found.adopted?.bytes ?? ''), args),
      },
    ];
  },
  remove: ({ name }, read) => {
    const { file, timer, service } = read as Read;
    const isTimed = timers.isOwn(timer) || timers.isOwn(service);
    return [
      isTimed && compact(timers.withoutTimer(name, { timer, service })),
      file && { do: 'remove', path: fileOf(name) },
    ];
  },
  claims: args => ({
    ...(args.timer
      ? { ...timers.timerClaims(args), ...pathClaims(fileOf(args.name), 'nothing') }
      : pathClaims(fileOf(args.name), 'file', readable, () => textOf(args))),
    ...(args.schedule !== undefined && { [`the job that runs ${shownJob(args)}`]: args.name }),
  }),
});

/** Returns the job of the host, and what a job that moves here leaves behind; null if there is neither. */
function stateIn(read: Read, args: Arguments): State | null {
  const job = args.timer ? timers.timerState(read) : stateOf(read.file, read.content ?? null);
  const gone = leftovers(read, args);
  return job === null && Object.keys(gone).length === 0 ? null : { ...job, ...gone };
}

/** Returns the declared job. A new file shows no empty lists. */
function desiredJob(args: Arguments, read: Read | undefined): State {
  const found = read?.crontab == null ? null : stateOf(read.file, read.content ?? null);
  const list = (key: string, items: string[]) => (items.length > 0 || found?.[key] ? { [key]: items } : {});
  const { schedule, user, command } = jobOf(args);
  return {
    ...{ schedule: normalSchedule(schedule), user, command },
    ...list('env', assignments(args)),
    ...list('further_lines', []),
    ...readable,
  };
}

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
