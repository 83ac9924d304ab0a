import type { Rule } from './rule.ts';

export const secretShort: Rule = {
  code: 'secret-short',
  explanation:
    'A secret has one or two characters. Anybody can guess it, and output shows it where it is a part of a word. It may be the rest of a file that was cut off. Replace it by a longer one.',
  *check(subject) {
    for (const { label, at } of subject.shortSecrets)
      yield {
        message: `${label} has only one or two characters, so output cannot hide it reliably.`,
        hint: 'Use a longer secret.',
        at,
      };
  },
};
