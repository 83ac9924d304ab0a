import { didYouMean } from '../util/did-you-mean.ts';

const known = {
  filter:
    'There are those of Jinja, and urlencode, b64encode, sha256, to_json, to_yaml, quote, combine and others.',
  test: 'There are those of Jinja, such as defined, none, string, number, in and divisibleby.',
};

/** Returns the message about a missing filter or test, and the hint with the nearest name or all names. */
export function noSuch(
  what: keyof typeof known,
  name: string,
  names: Iterable<string>,
): [message: string, hint: string] {
  return [`there is no ${what} "${name}"`, didYouMean(name, names) ?? known[what]];
}

const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}', '{{': '}}', '{%': '%}' };

/** Returns the message and the hint about an unclosed bracket or quote. */
export function neverClosed(open: string): [message: string, hint: string] {
  return [`this ${open} is never closed`, `Close it with ${closing[open] ?? open}.`];
}

/** Returns the hint for an undefined name without a similar defined name. */
export function undefinedHint(name: string): string {
  if (['item', 'index', 'key'].includes(name)) return `"${name}" is there in a resource with loop: only.`;
  if (['lookup', 'query'].includes(name))
    return 'Files come by src: or template:, variables of the environment by env(NAME).';
  return `Give it a value under vars, in the inventory or with --var, or write ${name} | default(…).`;
}
