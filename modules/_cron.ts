/** The format of files in /etc/cron.d: crontab(5). */

/** The five fields, with their limits and names. */
const fields = {
  minute: { from: 0, to: 59, names: [] },
  hour: { from: 0, to: 23, names: [] },
  day: { from: 1, to: 31, names: [] },
  month: { from: 1, to: 12, names: 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ') },
  weekday: { from: 0, to: 7, names: 'sun mon tue wed thu fri sat'.split(' ') },
} as const;
type Field = keyof typeof fields;
const fieldNames = Object.keys(fields) as Field[];

export type Schedule = string | Partial<Readonly<Record<Field, string | number>>>;

/** The words for schedules and their five fields. `@reboot` has none. */
const words: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
  '@reboot': '@reboot',
};

/** Returns a schedule as text, with one space between its fields. */
export const scheduleText = (schedule: Schedule): string =>
  typeof schedule === 'string'
    ? schedule.trim().split(/\s+/).join(' ')
    : fieldNames.map(name => String(schedule[name] ?? '*')).join(' ');

/** Returns a schedule as five fields of numbers, so that equal schedules are equal texts. */
export const normalSchedule = (schedule: string): string =>
  (words[schedule] ?? schedule)
    .split(' ')
    .map((text, i) => {
      const { from, names } = fields[fieldNames[i]!] ?? fields.minute;
      return text
        .toLowerCase()
        .replace(/[a-z]+/g, name =>
          names.includes(name as never) ? String(names.indexOf(name as never) + from) : name,
        )
        .replace(/\b0+(?=\d)/g, '')
        .replace(/\/1(?!\d)/g, '')
        .replace(/^7$/, sunday => (i === 4 ? '0' : sunday));
    })
    .join(' ');

/** Returns why cron would refuse a schedule or never run it, or undefined if it is sound. */
export function scheduleProblem(schedule: Schedule): string | undefined {
  if (typeof schedule === 'object' && schedule.minute === undefined)
    return 'Give the minute too: without it, the command would run every minute of the hour.';
  const text = scheduleText(schedule);
  if (text.startsWith('@'))
    return text in words ? undefined : `Cron knows no ${text}: ${Object.keys(words).join(', ')}.`;
  const values = normalSchedule(text)
    .split(' ')
    .map((each, i) => valuesOf(each, fields[fieldNames[i]!]));
  const wrong = values.indexOf(undefined);
  if (wrong >= 0) {
    const { from, to } = fields[fieldNames[wrong]!];
    return `"${text.split(' ')[wrong]}" is no ${fieldNames[wrong]} of cron: ${from} to ${to}, *, a range such as ${from}-${to}, a step such as */2, or a list of these.`;
  }
  const [, , days, months] = values as number[][];
  const isPossible = months!.some(month => days!.some(day => day <= new Date(2024, month, 0).getDate()));
  return isPossible || !text.endsWith(' *')
    ? undefined
    : 'No month of the schedule has such a day, so the command would never run.';
}

/** Returns the numbers that a field stands for, or undefined if cron refuses it. */
function valuesOf(text: string, { from, to }: { from: number; to: number }): number[] | undefined {
  const found: number[] = [];
  for (const item of text.split(',')) {
    const [, all, first, last = first, step = '1'] =
      /^(?:(\*)|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(item) ?? [];
    const [low, high] = all ? [from, to] : [Number(first), Number(last)];
    // A step needs a range.
    const isSound =
      low >= from && high <= to && low <= high && Number(step) > 0 && (all || last !== first || step === '1');
    if (!isSound) return undefined;
    for (let value = low; value <= high; value += Number(step)) found.push(value);
  }
  return found;
}

interface Crontab {
  /** The environment of the first job as `NAME=value`, sorted. */
  env: string[];
  jobs: { schedule: string; user: string; command: string; line: string }[];
  /** Lines that cron refuses, and assignments behind the first job. */
  others: string[];
}

/** Parses a file of /etc/cron.d. Cron ignores a last line without a line break. */
export function parseCrontab(text: string): Crontab {
  const found: Crontab = { env: [], jobs: [], others: [] };
  const env = new Map<string, string>();
  for (const written of text.split('\n').slice(0, -1)) {
    const line = written.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, , name, quoted, plain] =
      /^(["']?)(\w+)\1\s*=\s*(?:(?:"([^"]*)"|'[^']*')|(.*))$/.exec(line) ?? [];
    const [, schedule, user, command] = /^(@[a-z]+|(?:\S+\s+){4}\S+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (name !== undefined && found.jobs.length === 0)
      env.set(name, quoted ?? plain ?? line.replace(/^[^']*'|'$/g, ''));
    else if (name === undefined && schedule !== undefined)
      found.jobs.push({ schedule: scheduleText(schedule), user: user!, command: command!, line });
    else found.others.push(line);
  }
  return { ...found, env: [...env].map(([name, value]) => `${name}=${value}`).sort() };
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** Returns a schedule as expressions of systemd.time(7). Of a day and a weekday, one is enough for cron, unless one begins with `*`. */
export function calendarOf(schedule: Schedule): string[] {
  const [minute = '*', hour = '*', day = '*', month = '*', weekday = '*'] = normalSchedule(
    scheduleText(schedule),
  ).split(' ');
  const list = (text: string, field: Field) => {
    const { from, to } = fields[field];
    const all = [...new Set(valuesOf(text, fields[field]) ?? [])].toSorted((a, b) => a - b);
    return all.length === to - from + 1 ? '*' : all.map(each => String(each).padStart(2, '0')).join(',');
  };
  const days = [...new Set((valuesOf(weekday, fields.weekday) ?? []).map(each => each % 7))];
  const names = days.length === 7 ? '' : `${days.map(each => weekdays[each]).join(',')} `;
  const at = (names: string, day: string) =>
    `${names}*-${list(month, 'month')}-${list(day, 'day')} ${list(hour, 'hour')}:${list(minute, 'minute')}:00`;
  const isEither = !day.startsWith('*') && !weekday.startsWith('*');
  return isEither ? [at('', day), at(names, '*')] : [at(names, day)];
}

/** Shell that prints the files that cron reads: each behind a line with a form feed and its path. */
export const printCrontabs =
  'for f in /etc/crontab /etc/cron.d/*; do [ -f "$f" ] && printf \'\\f%s\\n\' "$f" && cat "$f"; done; :';

/** A job of a resource, as cron reads it. */
export interface CronJob {
  schedule: string;
  user: string;
  command: string;
  /** `NAME=value`, sorted. */
  env: readonly string[];
}

const isSame = (one: Omit<CronJob, 'env'>, other: Omit<CronJob, 'env'>) =>
  normalSchedule(one.schedule) === normalSchedule(other.schedule) &&
  one.user === other.user &&
  one.command === other.command;

/** Returns another file than `own` that runs the same job, in the output of `printCrontabs`. */
export function twin(printed: string, job: CronJob, own: string): string | undefined {
  return printed
    .split('\f')
    .slice(1)
    .map(part => {
      const end = part.indexOf('\n');
      return { file: part.slice(0, end), text: part.slice(end + 1) };
    })
    .find(({ file, text }) => {
      const isRead = file === '/etc/crontab' || /^[A-Za-z0-9_-]+$/.test(file.replace(/^.*\//, ''));
      const { env, jobs } = parseCrontab(text);
      const isAlike = file === '/etc/crontab' || env.join('\n') === job.env.join('\n');
      return file !== own && isRead && isAlike && jobs.some(one => isSame(one, job));
    })?.file;
}

/** Returns the line of an account's own crontab that runs the same job. */
export const twinLine = (text: string, job: CronJob): string | undefined =>
  text.split('\n').find(line => {
    const [, schedule, command] = /^\s*(@[a-z]+|(?:[^\s#]\S*\s+){4}\S+)\s+(.*?)\s*$/.exec(line) ?? [];
    return (
      schedule !== undefined &&
      isSame({ schedule: scheduleText(schedule), user: job.user, command: command! }, job)
    );
  });
