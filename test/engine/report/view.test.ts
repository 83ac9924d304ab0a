import { describe, expect, it, test } from 'vitest';
import type { Outcome } from '../../../engine/events.ts';
import { textOf } from '../../../engine/module-kit/state-text.ts';
import { problemView, type ResourceView } from '../../../engine/report/view.ts';
import { changes, create, outcome, Sample, update } from './sample.ts';

function resourceView(shown: Outcome, secrets: readonly string[] = []): ResourceView {
  const sample = new Sample();
  for (const secret of secrets) sample.redactor.add(secret, 'secrets.key');
  sample.emit({ event: 'resource', host: 'web1', play: 'Play', ...shown });
  return sample.views[0] as unknown as ResourceView;
}

describe('the old content of a file with a secret', () => {
  test.each<[line: string, shown: string]>([
    ['SECRET_KEY=old=old', '-SECRET_KEY=«hidden»'],
    ['password: old', '-password:«hidden»'],
    ['old', '-«hidden»'],
    // Most of it is the old secret itself.
    ['b2xkIHNlY3JldA==', '-«hidden»'],
  ])('%s is shown as %s', (line, shown) => {
    const diff = update(
      { content: textOf(`${line}\n`) },
      { content: textOf('SECRET_KEY=new secret\npassword: new secret\n') },
    );
    const view = resourceView(
      outcome('Environment', 'file', 'changed', {
        diff,
        secrets: [{ text: 'new secret', label: 'secrets.key' }],
      }),
      ['new secret'],
    );
    const lines = view.diff!.changes[0]!.text!.lines;
    expect(lines).toEqual([shown, '+SECRET_KEY=«secrets.key»', '+password: «secrets.key»']);
  });

  it('is hidden completely if a secret looks like a name and its value', () => {
    const diff = update({ content: textOf('top:secret\nmore\n') }, { content: textOf('top:secret') });
    const secrets = [{ text: 'top:secret', label: 'secrets.key' }];
    const view = resourceView(outcome('Token', 'file', 'changed', { diff, secrets }), ['top:secret']);
    const { lines } = view.diff!.changes[0]!.text!;
    expect(lines.slice(0, 3)).toEqual(['-«hidden»', '-«hidden»', '+«secrets.key»']);
  });

  it('is hidden in values, too', () => {
    const diff = update({ dsn: 'app:old@db', mode: '0644' }, { dsn: 'app:new secret@db', mode: '0600' });
    const view = resourceView(
      outcome('Setting', 'x', 'changed', { diff, secrets: [{ text: 'new secret', label: 'secrets.key' }] }),
      ['new secret'],
    );
    expect(view.diff!.changes).toEqual([
      { key: 'dsn', before: '«hidden»', after: 'app:«secrets.key»@db' },
      { key: 'mode', before: '0644', after: '0600' },
    ]);
  });
});

it('a secret is masked in every text of an outcome', () => {
  const view = resourceView(
    outcome('Role hunter2', 'x', 'failed', {
      diff: changes({ key: 'list', before: ['a'], after: ['a', 'hunter2'] }),
      deviation: { planned: create({ password: 'hunter2' }) },
      predictedFrom: ['Role hunter2'],
      skipped: 'hunter2',
      error: {
        code: 'step-failed',
        message: 'psql said hunter2',
        hint: 'hunter2',
        cause: 'hunter2',
        resource: 'hunter2',
        at: { file: 'hunter2.yml', line: 1, column: 1, text: 'password: hunter2' },
      },
      commands: [{ command: 'echo hunter2', output: 'hun\u001b[0mter2' }],
    }),
    ['hunter2'],
  );
  expect(JSON.stringify(view)).not.toMatch(/hun.*?ter2/);
  expect(JSON.stringify(view).match(/«secrets\.key»/g)).toHaveLength(13);
});

describe('control characters', () => {
  test.each<[title: string, raw: string, shown: string]>([
    ['escape sequences in a value are visible', '\u001b[31mred', '␛[31mred'],
    ['line ends in a value are visible', 'a\nb\r', 'a␊b␍'],
    ['characters that turn the text around are visible', 'a\u202eb', 'a<U+202E>b'],
    ['8-bit control sequences are visible', '\u009b2J', '<U+009B>2J'],
    ['other scripts stay', 'žluťoučký 日本 👍🏽', 'žluťoučký 日本 👍🏽'],
  ])('%s', (_, raw, shown) => {
    const view = resourceView(outcome('x', 'x', 'changed', { diff: create({ value: raw }) }));
    expect(view.diff!.changes[0]!.after).toBe(shown);
  });

  it('the output of a program loses its colours and keeps its lines', () => {
    const error = {
      code: 'step-failed',
      message: 'failed',
      cause: '\u001b[1mE:\u001b[0m no\r\n\tsuch\u0007\n\n',
    } as const;
    const view = resourceView(outcome('x', 'x', 'failed', { error }));
    expect(view.error!.cause).toBe('E: no\n\tsuch␇');
  });

  it('a file keeps its tabs', () => {
    const view = resourceView(
      outcome('x', 'file', 'changed', {
        diff: create({ content: textOf('\ta\u0000b\r\n'.replace('\u0000', '\u0001')) }),
      }),
    );
    expect(view.diff!.changes[0]!.text!.lines).toEqual(['+\ta␁b␍']);
  });
});

it('a problem that ends the program is masked as well', () => {
  const { redactor } = new Sample();
  redactor.add('hunter2', 'env.TOKEN');
  const shown = problemView({ code: 'invalid-value', message: '"hunter2" is not a port' }, redactor);
  expect(shown).toEqual({ code: 'invalid-value', message: '"«env.TOKEN»" is not a port' });
});
