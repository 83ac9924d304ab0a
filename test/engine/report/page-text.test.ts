import { expect, it } from 'vitest';
import { pageText } from '../../../engine/report/page-text.ts';

const page = `<!-- Written by a program. -->

# Title

A paragraph with a [link](../keys.md) and words
that go on, <!-- n -->1<!-- --> of them, and [one](https://example.com).

- An item that
  goes on and on and on
- second

\`\`\`yaml
a:   [1](x.md)
\`\`\`

| key | |
| --- | --- |
| \`become\` | the account that makes all of the changes |
`;
const command = () => 'reconcile docs keys';

it('a page has the commands of other pages in place of links, and no notes', () => {
  const text = pageText(page, Infinity, command);
  expect(text.startsWith('# Title\n\nA paragraph with a link (`reconcile docs keys`) and words\n')).toBe(
    true,
  );
  expect(text).toContain('go on, 1 of them, and [one](https://example.com).');
  expect(text).toContain('a:   [1](x.md)');
});

it('a page on a terminal is filled to its width, without a cut word', () => {
  expect(pageText(page, 30, command)).toBe(`# Title

A paragraph with a link
(\`reconcile docs keys\`) and
words that go on, 1 of them,
and
[one](https://example.com).

- An item that goes on and on
  and on
- second

\`\`\`yaml
a:   [1](x.md)
\`\`\`

- key
- \`become\` · the account that
  makes all of the changes
`);
});
