import { expect, test } from 'vitest';
import { durationS, durationText } from '../../../engine/util/duration.ts';

test.each([
  ['0s', 0],
  ['250ms', 0.25],
  ['3s', 3],
  ['1.5m', 90],
  ['1h', 3600],
  ['1h30m', 5400],
  ['30d', 2_592_000],
  ['1w', 604_800],
])('%s is %d seconds', (text, seconds) => {
  expect(durationS(text)).toBe(seconds);
});

test.each([
  [0, '0s'],
  [90, '90s'],
  [300, '5m'],
  [5400, '90m'],
  [3600, '1h'],
  [86_400, '1d'],
])('%d seconds are %s', (seconds, text) => {
  expect(durationText(seconds)).toBe(text);
});

test.each(['', '5', 's', '5 m', '-1h', '1y', '1h30'])('%j is not a duration', text => {
  expect(() => durationS(text)).toThrow(`"${text}" is not a duration`);
});
