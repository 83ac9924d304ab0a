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
