import { inspect } from 'node:util';
import type { Problem } from './problem.ts';

/** Plain data, as JSON has it. */
export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };

/** Data in which, at any depth, a text may be secret and a value may not be known yet. */
export type Value = null | boolean | number | string | Secret | Unknown | Value[] | { [key: string]: Value };

/** A text that must not be shown, and what it is called instead, such as `secrets.db_password`. */
export interface SecretText {
  readonly text: string;
  readonly label: string;
}

/** A text with secret parts. Printing it in any way gives the masked form; only `reveal()` gives the text. */
export class Secret {
  readonly #parts: readonly (string | SecretText)[];

  constructor(text: string, label: string);
  constructor(parts: Iterable<string | SecretText>);
  constructor(content: string | Iterable<string | SecretText>, label = 'secret') {
    this.#parts = typeof content === 'string' ? [{ text: content, label }] : merge(content);
  }

  /** Clear texts and secret texts in order; together they are the whole text. */
  get parts(): readonly (string | SecretText)[] {
    return this.#parts;
  }

  /** The names of the secrets in it, each once. */
  get labels(): string[] {
    return [...new Set(this.#parts.flatMap(part => (typeof part === 'string' ? [] : [part.label])))];
  }

  /** The text in clear: for the wire to a host and for computing, never for output. */
  reveal(): string {
    return this.#parts.map(part => (typeof part === 'string' ? part : part.text)).join('');
  }

  /** The text with `«label»` in the place of each secret part. */
  masked(): string {
    return this.#parts.map(part => (typeof part === 'string' ? part : `«${part.label}»`)).join('');
  }

  /** Transforms the text as a whole, as a digest does; all of the result is secret. */
  map(change: (text: string) => string): Secret {
    return new Secret(change(this.reveal()), this.labels.join(' + '));
  }

  /** Transforms part by part, for changes that look at each character alone; clear parts stay clear. */
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

/** A value that is known only once facts are read or earlier resources are applied; `from` says which. */
export class Unknown {
  readonly from: string;
  /** The types that it can have; undefined = any. */
  readonly types: readonly PlainType[] | undefined;

  constructor(from: string, types?: readonly PlainType[]) {
    this.from = from;
    this.types = types;
  }

  /** The same for what is made of it, which may be of another type. */
  get untyped(): Unknown {
    return this;
  }
}

/** A type by its name in JSON Schema. */
export type PlainType = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';

/** The outcome of a resource that is still to be applied, or something made of it. */
export class PendingOutcome extends Unknown {
  /** The fields of a whole outcome with their types. */
  readonly fields: Readonly<Record<string, readonly PlainType[]>> | undefined;

  constructor(from: string, fields?: PendingOutcome['fields'], types?: readonly PlainType[]) {
    super(from, types);
    this.fields = fields;
  }

  override get untyped(): PendingOutcome {
    return this.types === undefined && this.fields === undefined ? this : new PendingOutcome(this.from);
  }

  /** A field of a whole outcome; undefined = it has none of this name. */
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

/** Whether a value is a map of data: an object without a class. */
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

/** The secret texts in a value, at any depth. */
export function secretsIn(value: Value): SecretText[] {
  if (value instanceof Secret) return value.parts.filter(part => typeof part !== 'string');
  if (typeof value !== 'object' || value === null || value instanceof Unknown) return [];
  return Object.values(value).flatMap(secretsIn);
}

/**
 * The value in clear with the secret texts that are in it, for whoever masks output.
 * An Unknown inside is a bug of the caller and throws.
 */
export function reveal(value: Value): { value: Plain; secrets: SecretText[] } {
  const secrets: SecretText[] = [];
  const plain = mapLeaves(value, leaf => {
    if (leaf instanceof Unknown) throw new Error(`a value that depends on ${leaf.from} was used too early`);
    for (const part of leaf.parts) if (typeof part !== 'string' && part.text !== '') secrets.push(part);
    return leaf.reveal();
  });
  return { value: plain, secrets };
}

/** The value as it may be shown: secrets as `«label»`, unknown values as `«from»`. */
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
