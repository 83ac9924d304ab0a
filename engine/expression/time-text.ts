import { Refusal } from './evaluation.ts';

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = [
  ...['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October'],
  ...['November', 'December'],
];

const pad = (number: number, width = 2) => String(number).padStart(width, '0');

/** The conversions of strftime(3), in the locale C. */
const conversions: { readonly [letter: string]: (time: Date) => string } = {
  Y: time => String(time.getUTCFullYear()),
  y: time => pad(time.getUTCFullYear() % 100),
  m: time => pad(time.getUTCMonth() + 1),
  d: time => pad(time.getUTCDate()),
  e: time => String(time.getUTCDate()).padStart(2),
  H: time => pad(time.getUTCHours()),
  I: time => pad(time.getUTCHours() % 12 || 12),
  p: time => (time.getUTCHours() < 12 ? 'AM' : 'PM'),
  M: time => pad(time.getUTCMinutes()),
  S: time => pad(time.getUTCSeconds()),
  f: () => '000000',
  j: time => pad(Math.floor((time.getTime() - Date.UTC(time.getUTCFullYear(), 0, 1)) / 86_400_000) + 1, 3),
  s: time => String(time.getTime() / 1000),
  u: time => String(time.getUTCDay() || 7),
  w: time => String(time.getUTCDay()),
  a: time => days[time.getUTCDay()]!.slice(0, 3),
  A: time => days[time.getUTCDay()]!,
  b: time => months[time.getUTCMonth()]!.slice(0, 3),
  B: time => months[time.getUTCMonth()]!,
  F: time => time.toISOString().slice(0, 10),
  T: time => time.toISOString().slice(11, 19),
  z: () => '+0000',
  Z: () => 'UTC',
  '%': () => '%',
};

/** Returns a time, in seconds since 1970, in the form of strftime(3) and in UTC. Throws a Refusal. */
export function timeText(seconds: number, format: string): string {
  const time = new Date(seconds * 1000);
  return format.replace(/%(.?)/gs, (_, letter: string) => {
    if (!Object.hasOwn(conversions, letter))
      throw new Refusal(`fmt: there is no %${letter}`, `There are %${Object.keys(conversions).join(', %')}.`);
    return conversions[letter]!(time);
  });
}
