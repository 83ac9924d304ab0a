import type { Place, Problem, ProblemCode } from '../problem.ts';
import { nearest } from '../util/did-you-mean.ts';
import { grouped } from '../util/grouped.ts';
import type { Path } from '../yaml/source-text.ts';
import { argumentOfAnsible, calledByAnsible, valueOfAnsible } from './ansible-words.ts';
import {
  type Failure,
  isAbsolutePath,
  isDuration,
  isMode,
  type Schema,
  type Subject,
  unwrap,
} from './schema.ts';
import { durationHint, pathHint, typeHint } from './type-hint.ts';
import { alternatives, describe, expectation, quote } from './value-words.ts';

interface Words {
  code: ProblemCode;
  message: string;
  hint?: string | undefined;
  at: Place;
}

/** Returns ajv's errors as problems at their places, with the written and the expected value. */
export function wording(failures: readonly Failure[], data: unknown, subject: Subject): Problem[] {
  return withoutBranches(failures).flatMap(failure => {
    const { hint, ...words } = word(failure, failures, data, subject);
    return words.message === '' ? [] : [{ ...words, ...(hint === undefined ? {} : { hint }) }];
  });
}

/** Leaves out errors that the error of an alternative covers, and errors that only frame others. */
function withoutBranches(failures: readonly Failure[]): Failure[] {
  const choices = failures.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf');
  return failures.filter(
    ({ keyword, schemaPath }) =>
      keyword !== 'if' && !choices.some(choice => schemaPath.startsWith(`${choice.schemaPath}/`)),
  );
}

function word(failure: Failure, all: readonly Failure[], data: unknown, subject: Subject): Words {
  const path = pathOf(failure.instancePath, data);
  const { params, parentSchema: schema } = failure;
  const name = nameOf(path, subject);
  const at = subject.doc.place([...subject.path, ...path]);
  const invalid = (what: string): Words => ({
    code: 'invalid-value',
    message: `${name} ${what}.`,
    hint: schema['description'] as string,
    at,
  });
  switch (failure.keyword) {
    case 'additionalProperties':
      return unknownKey(String(params['additionalProperty']), path, failure, subject, name);
    case 'required': {
      const place = subject.doc.place([...subject.path, ...path], 'key');
      return {
        code: 'missing-key',
        message: `${name} needs ${params['missingProperty']}.`,
        at: place,
        hint: about(schema, params) ?? `Add: ${params['missingProperty']}: VALUE`,
      };
    }
    case 'type':
      return wrongType(path, failure, subject, name, at);
    case 'anyOf':
    case 'oneOf':
      return choice(failure, all, data, subject, path);
    case 'enum':
    case 'const': {
      const allowed = schema['const'] === undefined ? (schema['enum'] as unknown[]) : [schema['const']];
      return {
        code: 'invalid-value',
        message: `${name} is ${expectation(schema)}, not ${quote(failure.data)}.`,
        hint:
          ofAnsible(failure.data, path, data, subject) ??
          suggestion(failure.data, allowed) ??
          (schema['description'] as string) ??
          'Choose one of these.',
        at,
      };
    }
    case 'pattern':
      return {
        code: 'invalid-value',
        message: isNamed(schema, failure.data)
          ? `${name} takes ${expectation(schema)}, not ${quote(failure.data)}.`
          : `${name} cannot be ${quote(failure.data)}.`,
        hint: isMode(schema)
          ? 'Its digits are 0 to 7.'
          : (typeHint(failure, path, subject) ??
            pathHint(failure, path) ??
            (schema['description'] as string)),
        at,
      };
    case 'minLength':
    case 'minItems':
    case 'minProperties':
      return invalid(params['limit'] === 1 ? 'must not be empty' : `needs at least ${params['limit']}`);
    case 'maxLength':
    case 'maxItems':
    case 'maxProperties':
      return invalid(`takes at most ${params['limit']}`);
    case 'minimum':
      return invalid(`must be at least ${params['limit']}, not ${describe(failure.data)}`);
    case 'maximum':
      return invalid(`must be at most ${params['limit']}, not ${describe(failure.data)}`);
    case 'uniqueItems':
      return invalid('holds the same thing twice');
    default:
      return invalid('has a value that cannot be used');
  }
}

function unknownKey(key: string, path: Path, failure: Failure, subject: Subject, name: string): Words {
  const known = Object.keys(failure.parentSchema.properties ?? {});
  const own = failure.data as Record<string, unknown>;
  const instead = argumentOfAnsible(`${name}.${key}`, own['name']);
  const near = instead === undefined ? (calledByAnsible(key, known) ?? nearest(key, known)) : undefined;
  const schema = near === undefined ? {} : unwrap(failure.parentSchema.properties![near]!);
  return {
    code: 'unknown-key',
    message: `${name} takes no "${key}".${near === undefined ? '' : ` Did you mean "${near}"?`}`,
    hint:
      near === undefined
        ? (instead ?? `It takes ${known.join(', ')}.`)
        : durationHint(schema, own[key], `${near}: `),
    at: subject.doc.place([...subject.path, ...path, key], 'key'),
  };
}

function wrongType(path: Path, failure: Failure, subject: Subject, name: string, at: Place): Words {
  const source = subject.doc.source([...subject.path, ...path]);
  const written =
    source !== undefined && typeof failure.data === 'number'
      ? `the number ${source}`
      : describe(failure.data);
  return {
    code: 'wrong-type',
    message: `${name} takes ${expectation(failure.parentSchema)}, not ${written}.`,
    hint:
      typeHint(failure, path, subject) ?? asMap(failure, path, subject) ?? otherwise(failure.parentSchema),
    at,
  };
}

/** Returns the words for alternatives without a fit: those of the most probable one. */
function choice(
  failure: Failure,
  all: readonly Failure[],
  data: unknown,
  subject: Subject,
  path: Path,
): Words {
  const at = subject.doc.place([...subject.path, ...path]);
  const name = nameOf(path, subject);
  const prefix = `${failure.schemaPath}/`;
  const branches = grouped(
    all.filter(({ schemaPath }) => schemaPath.startsWith(prefix)),
    ({ schemaPath }) => schemaPath.slice(prefix.length).split('/')[0]!,
  );
  const here = (inner: Failure) => inner.instancePath === failure.instancePath;
  const fitting = [...branches.values()].filter(
    branch => !branch.some(inner => here(inner) && inner.keyword === 'type'),
  );
  const needs = fitting.flat().filter(inner => here(inner) && inner.keyword === 'required');
  if (fitting.length > 1 && needs.length === fitting.length) {
    const names = needs.map(({ params }) => params['missingProperty']).join(', ');
    return {
      code: 'missing-key',
      message: `${name} needs one of ${names}.`,
      at: subject.doc.place([...subject.path, ...path], 'key'),
    };
  }
  const probable = fitting[0]?.filter(({ keyword }) => keyword !== 'if');
  const hint = typeHint(failure, path, subject);
  const first = probable === undefined ? undefined : (withoutBranches(probable)[0] ?? probable[0]);
  // One of a few words, or a boolean written as in YAML 1.1: then the other alternatives are worth telling.
  const plain = hint?.includes('YAML') || (first?.keyword === 'enum' && here(first));
  if (first !== undefined && !plain) return word(first, probable!, data, subject);
  if (Array.isArray(failure.params['passingSchemas'])) {
    return {
      code: 'invalid-value',
      message: `${name} takes only one of its alternatives, not several.`,
      hint: failure.parentSchema['description'] as string,
      at,
    };
  }
  return {
    code: 'wrong-type',
    message: `${name} takes ${expectation(failure.parentSchema)}, not ${describe(failure.data)}.`,
    hint: hint ?? otherwise(failure.parentSchema),
    at,
  };
}

/** Returns the probable intention if the value of one argument stands in the place of all: `service: nginx`. */
function asMap({ parentSchema: schema, data }: Failure, path: Path, { label }: Subject): string | undefined {
  const [key = ''] = (schema['required'] as string[] | undefined) ?? Object.keys(schema.properties ?? {});
  const argument = unwrap(schema.properties?.[key] ?? {});
  const types = [argument, ...alternatives(argument)].map(({ type }) => type);
  const type = typeof data === 'string' && types.includes('string') ? 'string' : 'array';
  const words = [data].flat();
  const isPlain = words.length < 6 && words.every(word => typeof word === 'string' && !/\w=/.test(word));
  if (!types.includes(type) || !isPlain) return undefined;
  const written = words
    .map(word => (/^[\w./@-]+$/.test(String(word)) ? word : JSON.stringify(word)))
    .join(', ');
  const last = path.at(-1) ?? label;
  if (!/^[\w.-]+$/.test(String(last))) return undefined;
  return `Write ${typeof last === 'number' ? '' : `${last}: `}{ ${key}: ${type === 'array' ? `[${written}]` : written} }`;
}

/** Returns the hint for a value of the wrong type without a known intention. */
function otherwise(schema: Schema): string {
  if (isMode(schema)) return 'Its digits are 0 to 7.';
  const about = schema['description'];
  return typeof about === 'string' ? about : `Write ${expectation(schema)}, or an expression that gives it.`;
}

function suggestion(value: unknown, allowed: readonly unknown[]): string | undefined {
  if (typeof value !== 'string') return undefined;
  const words = allowed.map(String);
  const near = calledByAnsible(value, words) ?? nearest(value, words);
  return near === undefined ? undefined : `Did you mean "${near}"?`;
}

function ofAnsible(value: unknown, path: Path, data: unknown, { label }: Subject): string | undefined {
  const { path: own, dest } = data as Record<string, unknown>;
  return valueOfAnsible(`${label}.${path.join('.')}`, String(value), own ?? dest);
}

/** Whether the message about a text names its form: a mode, or a path that is not absolute. */
function isNamed(schema: Schema, data: unknown): boolean {
  return isMode(schema) || isDuration(schema) || (isAbsolutePath(schema) && !String(data).startsWith('/'));
}

function about(schema: Schema, params: Record<string, unknown>): string | undefined {
  return unwrap(schema.properties?.[String(params['missingProperty'])] ?? {})['description'] as
    | string
    | undefined;
}

/** Returns the name of the value at a path, for messages. */
export function nameOf(path: Path, subject: Subject): string {
  if (path.length === 0) return subject.label;
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`))
    .join('');
}

function pathOf(pointer: string, data: unknown): Path {
  let value = data;
  return pointer
    .split('/')
    .slice(1)
    .map(raw => {
      const key = raw.replaceAll('~1', '/').replaceAll('~0', '~');
      const step = Array.isArray(value) ? Number(key) : key;
      value = (value as Record<string | number, unknown> | null)?.[step];
      return step;
    });
}
