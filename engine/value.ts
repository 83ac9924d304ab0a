import { inspect } from 'node:util';
import type { Problem } from './problem.ts';

/** Data that JSON can hold. */
export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };

/** Data in which, at any depth, a text may be secret and a value may be unknown. */
export type Value = null | boolean | number | string | Secret | Unknown | Value[] | { [key: string]: Value };

/** A text that must not be shown, and the label to show instead, such as `secrets.db_password`. */
export interface SecretText {
  readonly text: string;
  readonly label: string;
}

/** A text with secret parts. Every way to print it gives the masked form; only `reveal()` gives the text. */
export class Secret {
  readonly #parts: readonly (string | SecretText)[];

  constructor(text: string, label: string);
  constructor(parts: Iterable<string | SecretText>);
  constructor(content: string | Iterable<string | SecretText>, label = 'secret') {
    this.#parts = typeof content === 'string' ? [{ text: content, label }] : merge(content);
  }

  /** Clear and secret texts in order; together they are the whole text. */
  get parts(): readonly (string | SecretText)[] {
    return this.#parts;
  }

  /** The labels of the secrets in the text, each once. */
  get labels(): string[] {
    return [...new Set(this.#parts.flatMap(part => (typeof part === 'string' ? [] : [part.label])))];
  }

  /** Returns the text in clear: to send it to a host and to compute with it, never for output. */
  reveal(): string {
    return this.#parts.map(part => (typeof part === 'string' ? part : part.text)).join('');
  }

  /** Returns the text with `«label»` in place of each secret part. */
  masked(): string {
    return this.#parts.map(part => (typeof part === 'string' ? part : `«${part.label}»`)).join('');
  }

  /** Transforms the whole text, as a digest does. The whole result is secret. */
  map(change: (text: string) => string): Secret {
    return new Secret(change(this.reveal()), this.labels.join(' + '));
  }

  /** Transforms each part by itself, for changes that work on single characters. Clear parts stay clear. */
  mapParts(change: (text: string) => string): Secret {
    return new Secret(
      this.#parts.map(part =>
        typeof part === 'string' ? change(part) : { text: change(part.text), label: part.label },
      ),
    );
  }

  toString(): string {
    return this.masked();
  }

  toJSON(): string {
    return this.masked();
  }

  [inspect.custom](): string {
    return this.masked();
  }
}

/** A value that depends on facts or on earlier resources, which `from` names. */
export class Unknown {
  readonly from: string;
  /** The possible types of the value; undefined = any. */
  readonly types: readonly PlainType[] | undefined;

  constructor(from: string, types?: readonly PlainType[]) {
    this.from = from;
    this.types = types;
  }

  /** The unknown for a value that is computed from this one and may have another type. */
  get untyped(): Unknown {
    return this;
  }
}

/** An unknown value that may turn out to be undefined, such as the fact of a package that may not be installed. */
export class PossiblyMissing extends Unknown {}

/** The name of a type in JSON Schema. */
export type PlainType = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';

/** The outcome of a resource before its apply, or a value that is computed from it. */
export class PendingOutcome extends Unknown {
  /** The fields of a whole outcome with their types; undefined for a single value. */
  readonly fields: Readonly<Record<string, readonly PlainType[]>> | undefined;

  constructor(from: string, fields?: PendingOutcome['fields'], types?: readonly PlainType[]) {
    super(from, types);
    this.fields = fields;
  }

  override get untyped(): PendingOutcome {
    return this.types === undefined && this.fields === undefined ? this : new PendingOutcome(this.from);
  }

  /** Returns the field of a whole outcome, or undefined if it has no such field. */
  field(name: string | number): PendingOutcome | undefined {
    if (this.fields === undefined) return this.untyped;
    return Object.hasOwn(this.fields, name)
      ? new PendingOutcome(this.from, undefined, this.fields[name])
      : undefined;
  }
}

/** A secret that could not be opened. It is never known in this run; `problem` says why. */
export class UnopenedSecret extends Unknown {
  readonly problem: Problem;
  constructor(from: string, problem: Problem) {
    super(from);
    this.problem = problem;
  }
}

/** Whether a value is an object without a class. */
export function isMap(value: unknown): value is { [key: string]: Value } {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A secret in a value, at any depth, that could not be opened. */
export function unopenedSecretIn(value: unknown): UnopenedSecret | undefined {
  if (value instanceof UnopenedSecret) return value;
  if (typeof value !== 'object' || value === null || value instanceof Secret || value instanceof Uint8Array)
    return undefined;
  for (const inner of Object.values(value)) {
    const found = unopenedSecretIn(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Returns the secret texts in a value, at any depth. */
export function secretsIn(value: Value): SecretText[] {
  if (value instanceof Secret) return value.parts.filter(part => typeof part !== 'string');
  if (typeof value !== 'object' || value === null || value instanceof Unknown) return [];
  return Object.values(value).flatMap(secretsIn);
}

/** Returns the value in clear and its secret texts, which the output masks. Throws for an Unknown: a bug of the caller. */
export function reveal(value: Value): { value: Plain; secrets: SecretText[] } {
  const secrets: SecretText[] = [];
  const plain = mapLeaves(value, leaf => {
    if (leaf instanceof Unknown) throw new Error(`a value that depends on ${leaf.from} was used too early`);
    for (const part of leaf.parts) if (typeof part !== 'string' && part.text !== '') secrets.push(part);
    return leaf.reveal();
  });
  return { value: plain, secrets };
}

/** Returns the value for output: secrets as `«label»`, unknown values as `«from»`. */
export function masked(value: Value): Plain {
  return mapLeaves(value, leaf => (leaf instanceof Secret ? leaf.masked() : `«${leaf.from}»`));
}

function mapLeaves(value: Value, change: (leaf: Secret | Unknown) => string): Plain {
  if (value instanceof Secret || value instanceof Unknown) return change(value);
  if (Array.isArray(value)) return value.map(element => mapLeaves(element, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, mapLeaves(inner, change)]));
}

function merge(parts: Iterable<string | SecretText>): (string | SecretText)[] {
  const merged: (string | SecretText)[] = [];
  for (const part of parts) {
    const last = merged.at(-1);
    if (part === '') continue;
    if (typeof part === 'string' && typeof last === 'string') merged[merged.length - 1] = last + part;
    else merged.push(part);
  }
  return merged;
}
