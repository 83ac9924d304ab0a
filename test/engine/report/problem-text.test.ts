import { expect, test } from 'vitest';
import type { Problem } from '../../../engine/problem.ts';
import { renderProblems } from '../../../engine/report/problem-text.ts';

const at = { file: 'db.yml', line: 5, column: 7, length: 9, text: '      superuesr: true' };
const cases: [title: string, problem: Problem, text: string][] = [
  [
    'place, sentence, code, line and carets',
    { code: 'unknown-key', message: 'pg_role takes no "superuesr". Did you mean "superuser"?', at },
    'db.yml:5:7: pg_role takes no "superuesr". Did you mean "superuser"? [unknown-key]\n  5 |       superuesr: true\n    |       ^^^^^^^^^\n',
  ],
  [
    'a suggestion joins the sentence; other hints stand below',
    { code: 'undefined-variable', message: '"a" is not defined', hint: 'Did you mean "b"?' },
    '"a" is not defined. Did you mean "b"? [undefined-variable]\n',
  ],
  [
    'host and resource come first, the cause last',
    {
      code: 'step-failed',
      message: 'psql exited 3.',
      host: 'db1',
      resource: 'pg_role app',
      hint: 'Try:\n    psql',
      cause: 'ERROR:  denied\n',
    },
    'db1: pg_role app: psql exited 3. [step-failed]\n  Try:\n      psql\n  ERROR:  denied\n',
  ],
  [
    'tabs and wide characters keep the carets in place',
    {
      code: 'wrong-type',
      message: 'X.',
      at: { file: 'f', line: 10, column: 6, length: 2, text: '\t漢字 =ab' },
    },
    'f:10:6: X. [wrong-type]\n  10 | \t漢字 =ab\n     | \t      ^^\n',
  ],
  [
    'carets stand under what a control character is shown as',
    {
      code: 'wrong-type',
      message: 'X.',
      at: { file: 'f', line: 1, column: 2, length: 2, text: '\u202eab' },
    },
    'f:1:2: X. [wrong-type]\n  1 | <U+202E>ab\n    |         ^^\n',
  ],
  [
    'control characters cannot steer the terminal',
    { code: 'read-failed', message: 'It said \u001b[2J\u202e.', cause: 'a\u0007b' },
    'It said ␛[2J<U+202E>. [read-failed]\n  a␇b\n',
  ],
];

test.each(cases)('%s', (_, problem, text) => {
  expect(renderProblems([problem])).toBe(text);
});

test('a place far to the right of a long line stays in sight', () => {
  const text = `${'x'.repeat(500)}HERE${'y'.repeat(500)}`;
  const [, line, carets] = renderProblems([
    { code: 'wrong-type', message: 'X.', at: { file: 'f', line: 1, column: 501, length: 4, text } },
  ]).split('\n');
  expect(line!.length).toBeLessThan(130);
  expect(line!.slice(carets!.indexOf('^'), carets!.lastIndexOf('^') + 1)).toBe('HERE');
});

test('an empty line separates problems', () => {
  const problem: Problem = { code: 'usage', message: 'X.' };
  expect(renderProblems([problem, problem])).toBe('X. [usage]\n\nX. [usage]\n');
});

test('sentences are wrapped at the width of the terminal, and commands stay in one piece', () => {
  const problem: Problem = {
    code: 'step-failed',
    message: 'The file /etc/nginx/nginx.conf belongs to nobody, so it cannot be replaced.',
    hint: 'Give it to root, and apply again after that, with this command:\n    chown root:root /etc/nginx/nginx.conf',
    at: { file: 'site.yml', line: 5, column: 60, length: 4, text: `${'-'.repeat(59)}HERE${'-'.repeat(40)}` },
  };
  expect(renderProblems([problem], { columns: 40 })).toBe(
    [
      'site.yml:5:60: The file',
      '/etc/nginx/nginx.conf belongs to nobody,',
      'so it cannot be replaced. [step-failed]',
      '  5 | …--------------------HERE--------',
      '    |                      ^^^^',
      '  Give it to root, and apply again after',
      '  that, with this command:',
      '      chown root:root /etc/nginx/nginx.conf',
      '',
    ].join('\n'),
  );
});
