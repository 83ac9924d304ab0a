import { expect, it } from 'vitest';
import { compareForecast } from './forecast.ts';
import { kinds, type Result, summary } from './report.ts';

const entry = (path: string, value: unknown, certainty: 'known' | 'open' = 'known') => ({
  probe: { kind: 'path', path },
  value,
  certainty,
});

it('finds the known values that differ from their readings, and ignores the open ones', () => {
  const forecast = {
    hosts: {
      web1: [
        entry('/srv/a', { type: 'file', mode: '0644' }),
        entry('/srv/b', null),
        entry('/srv/c', null, 'open'),
        entry('/srv/gone', 'not read again'),
      ],
    },
  };
  const readings = {
    hosts: {
      web1: [
        { ...entry('/srv/a', { mode: '0644', type: 'file' }), probe: { path: '/srv/a', kind: 'path' } },
        entry('/srv/b', { type: 'file' }),
        entry('/srv/c', { type: 'file' }),
      ],
    },
  };
  expect(compareForecast(forecast, readings)).toEqual({
    known: 3,
    open: 1,
    openOf: { path: 1 },
    wrong: [{ probe: { kind: 'path', path: '/srv/b' }, forecast: null, read: { type: 'file' } }],
  });
});

it('takes the forecast of the last play that contains a value', () => {
  const [forecast, readings] = ['/one', '/two'].map(target => ({
    hosts: { web1: [entry('/srv/a', target)] },
  }));
  forecast!.hosts.web1.push(entry('/srv/a', '/two'));
  expect(compareForecast(forecast, readings)).toEqual({ known: 1, open: 0, openOf: {}, wrong: [] });
});

it('reports nothing if the program wrote no forecast', () => {
  expect(compareForecast(undefined, { hosts: {} })).toBeUndefined();
});

const result = (run: number, more: Partial<Result>): Result => ({
  ...{ seed: 's', run, release: 'bookworm', way: 'plain', seconds: 1 },
  ...{ outcome: 'applied', violations: [], obstacles: [] },
  ...more,
});
const violation = { sentence: '3', kind: 'file: unchanged → changed', details: [] } as const;

it('counts runs by outcome, and violations by sentence and kind', () => {
  const results = [
    result(1, { outcome: 'refused' }),
    result(2, { outcome: 'blocked' }),
    result(3, {
      violations: [{ ...violation, details: [] }],
      forecast: { known: 9, open: 1, openOf: { path: 1 }, wrong: 0 },
    }),
    result(4, { violations: [{ ...violation, details: [] }] }),
  ];
  expect(kinds(results)).toEqual([{ sentence: '3', kind: violation.kind, runs: [3, 4] }]);
  expect(summary(results).split('\n').slice(-2)).toEqual([
    'Sentence 6 was tried on 1 runs: 10.0 % of 10 values are open (path 10.0).',
    '3 runs: 1 blocked by an obstacle, 0 ended at what could not be known, 2 applied, 0 had nothing to do; 1 more were refused offline; 2 violate the law (2 by sentence 3)',
  ]);
});

it('does not report sentence 6 as held if it was not tried', () => {
  expect(summary([result(1, {})])).toContain('Sentence 6 was not tried: the program wrote no forecast.');
});
