const secondsOf: Readonly<Record<string, number>> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
};

/** The pattern of a duration for a JSON Schema: `30s`, `5m`, `1h`, `30d`, `1h30m`. */
export const durationPattern = '^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d|w))+$';

/** Returns the seconds of a duration such as `1h30m`. Throws a RangeError for any other text. */
export function durationS(text: string): number {
  if (!new RegExp(durationPattern).test(text))
    throw new RangeError(`"${text}" is not a duration such as 30s, 5m or 1h`);
  const parts = [...text.matchAll(/([0-9.]+)(ms|[smhdw])/g)];
  return parts.reduce((total, [, amount, unit]) => total + Number(amount) * (secondsOf[unit!] ?? 0), 0);
}

/** Returns whole seconds as a duration with the largest unit that fits: 3600 as `1h`. */
export function durationText(seconds: number): string {
  const [unit, length] = Object.entries(secondsOf).findLast(
    ([, length]) => length >= 1 && seconds >= length && seconds % length === 0,
  ) ?? ['s', 1];
  return `${seconds / length}${unit}`;
}
