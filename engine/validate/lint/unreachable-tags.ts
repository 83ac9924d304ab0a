import type { Rule } from './rule.ts';

const special = ['all', 'tagged', 'untagged'];

export const unreachableTag: Rule = {
  code: 'unreachable-tag',
  explanation:
    'Nobody can select by this tag. A resource with `never` takes part only when another of its tags is asked for, so it needs one; and `all`, `tagged` and `untagged` mean something else on the command line.',
  *each({ tags, text }) {
    const at = () => text.doc.place([...text.path.slice(0, -1), 'tags']);
    if (tags.includes('never') && tags.every(tag => ['never', 'always', ...special].includes(tag)))
      yield {
        message: 'This is tagged "never" and nothing else, so that no --tags of its own selects it.',
        hint: 'Add a tag to select it by: tags: [never, NAME]',
        at: at(),
        of: text,
      };
    const taken = tags.find(tag => special.includes(tag));
    if (taken !== undefined)
      yield {
        message: `The tag "${taken}" selects nothing of its own: --tags ${taken} means something else.`,
        hint: 'Choose another word.',
        at: at(),
        of: text,
      };
  },
};
