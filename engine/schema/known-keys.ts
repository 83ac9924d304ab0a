import { isTemplate } from '../expression/expression.ts';
import type { Module } from '../module.ts';
import type { Place, Problem } from '../problem.ts';
import { didYouMean, nearest } from '../util/did-you-mean.ts';
import type { Problems } from '../util/problem-collector.ts';
import { isMap, type Plain } from '../value.ts';
import { keywordOfAnsible, moduleOfAnsible } from './ansible-words.ts';
import { validate } from './json-schema.ts';
import { playKeys } from './resource-keys.ts';
import type { Schema, Subject } from './schema.ts';

/** The resource types by their YAML keys. */
export type Modules = Readonly<Record<string, Module>>;

/** A map of YAML data. */
export type PlainMap = { [key: string]: Plain };

/** Whether YAML data is a map. */
export function isPlainMap(value: Plain | undefined): value is PlainMap {
  return isMap(value);
}

/** The keys whose values are needed before templates can be evaluated for a host. */
const literalKeys = [
  'hosts',
  'vars_files',
  'secrets',
  'on_failed_check',
  'tags',
  'needs',
  'register',
  'retry',
  'on_failure',
  'run_once',
  'at_once',
  'any_failure',
  'batches',
  'max_failures',
  'pause',
  'confirm',
  'include',
];

/** Validates a map by its schema, and its unknown keys by their likely meaning. Returns whether one may be a module. */
export function checkKeys(
  subject: Subject,
  data: Plain,
  schema: Schema,
  problems: Problems,
  modules: Modules = {},
  wantsModule = false,
): boolean {
  const { doc, path, label } = subject;
  problems.add(...validate(schema, data, subject, 'template'));
  if (!isPlainMap(data)) return false;
  const known = Object.keys(schema.properties!);
  const own = Object.keys(data).find(key => Object.hasOwn(modules, key));
  const isArgument = (key: string) =>
    own !== undefined && Object.hasOwn((modules[own]!.args as Schema).properties ?? {}, key);
  let module = false;
  for (const [key, value] of Object.entries(data)) {
    const at = () => doc.place([...path, key], 'key');
    if (known.includes(key)) {
      if (!literalKeys.includes(key) || !holdsTemplate(value)) continue;
      const message = `${key} is taken as it is written; templates are not evaluated here.`;
      problems.report(
        'invalid-value',
        message,
        doc.place([...path, key]),
        'Write it out; what differs between hosts goes into the values of resources.',
      );
    } else if (!Object.hasOwn(modules, key)) {
      const word = isArgument(key)
        ? `It is an argument of ${own}: indent it under ${own}:, or put it between the braces.`
        : (keywordOfAnsible(key, value) ??
          (Object.hasOwn(playKeys, key) ? 'It is a key of a play.' : undefined));
      const near = word === undefined && !moduleOfAnsible(key) ? nearest(key, known) : undefined;
      const asModule = wantsModule && word === undefined && near === undefined;
      module ||= asModule;
      const hint = word ?? (near === undefined ? `It takes ${known.join(', ')}.` : undefined);
      problems.add(asModule ? unknownModule(key, modules, at()) : unknownKey(key, label, near, hint, at()));
    }
  }
  return module;
}

function unknownKey(
  key: string,
  label: string,
  near: string | undefined,
  hint: string | undefined,
  at: Place,
): Problem {
  return {
    code: 'unknown-key',
    message: `${label} takes no "${key}".${near === undefined ? '' : ` Did you mean "${near}"?`}`,
    ...(hint === undefined ? {} : { hint }),
    at,
  };
}

function unknownModule(key: string, modules: Modules, at: Place): Problem {
  const word = key.split('.').at(-1)!;
  const same = Object.hasOwn(modules, word) ? `Use ${word}:` : moduleOfAnsible(key);
  const suggestion = same === undefined ? didYouMean(key, Object.keys(modules)) : undefined;
  return {
    code: 'unknown-module',
    message: `There is no module "${key}".${suggestion === undefined ? '' : ` ${suggestion}`}`,
    ...(suggestion === undefined ? { hint: same ?? '`reconcile modules` lists them.' } : {}),
    at,
  };
}

function holdsTemplate(value: Plain): boolean {
  if (typeof value === 'string') return isTemplate(value);
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsTemplate);
}
