import { expect, test } from 'vitest';
import { calendarOf } from '../../modules/_cron.ts';

test.each<[schedule: string, ...calendar: string[]]>([
  ['17 3 * * *', '*-*-* 03:17:00'],
  ['@hourly', '*-*-* *:00:00'],
  ['@weekly', 'Sun *-*-* 00:00:00'],
  ['0 22 * * 5-7', 'Fri,Sat,Sun *-*-* 22:00:00'],
  ['5-59/20 0-2 * jan,jul *', '*-01,07-* 00,01,02:05,25,45:00'],
  ['* * * * *', '*-*-* *:*:00'],
  // For cron, one of a day and a weekday is enough, unless one of them begins with *.
  ['0 0 1,15 * fri', '*-*-01,15 00:00:00', 'Fri *-*-* 00:00:00'],
  ['0 0 */16 * 1', 'Mon *-*-01,17 00:00:00'],
])('the times %s of cron are %s for systemd', (schedule, ...calendar) => {
  expect(calendarOf(schedule)).toEqual(calendar);
});
