import type { Problem } from '../problem.ts';
import { isMap, type PlainType, Unknown } from '../value.ts';
import type { Path } from '../yaml/source-text.ts';
import type { Schema, Subject } from './schema.ts';
import { nameOf } from './schema-problems.ts';
import { expectation } from './value-words.ts';

/** Returns a problem for each unknown value of a type that the schema does not accept. */
export function misfits(schema: Schema, data: unknown, subject: Subject, path: Path = []): Problem[] {
  if (data instanceof Unknown) {
    const { types } = data;
    if (types === undefined || types.some(type => takes(schema, type))) return [];
    const given = expectation({ type: types.filter(type => type !== 'null') });
    const message = `${nameOf(path, subject)} takes ${expectation(schema)}, not ${given}.`;
    const at = subject.doc.place([...subject.path, ...path]);
    return [{ code: 'wrong-type', message, hint: conversion(schema, types[0]), at }];
  }
  if (Array.isArray(data))
    return data.flatMap((element, index) =>
      schema.items === undefined ? [] : misfits(schema.items, element, subject, [...path, index]),
    );
  if (!isMap(data)) return [];
  const { properties = {}, additionalProperties: more } = schema;
  return Object.entries(data).flatMap(([key, value]) => {
    const inner = properties[key] ?? (typeof more === 'object' ? (more as Schema) : undefined);
    return inner === undefined ? [] : misfits(inner, value, subject, [...path, key]);
  });
}

/** Whether some value of a type may fit the schema. */
function takes(schema: Schema, type: PlainType): boolean {
  const choices = (schema['anyOf'] ?? schema['oneOf']) as Schema[] | undefined;
  if (choices !== undefined && !choices.some(choice => takes(choice, type))) return false;
  const values = schema['const'] === undefined ? schema['enum'] : [schema['const']];
  if (Array.isArray(values) && !values.some(value => typeOf(value) === type)) return false;
  if (schema.type === undefined) return true;
  // A whole number is accepted for its text.
  const fitting = type === 'number' ? ['number', 'integer', 'string'] : [type];
  return [schema.type].flat().some(wanted => fitting.includes(wanted));
}

function typeOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
}

/** Returns the hint to convert an expression to the accepted type. */
function conversion(schema: Schema, type: PlainType | undefined): string {
  const choice = schema['const'] !== undefined || schema['enum'] !== undefined;
  if (takes(schema, 'string') && !choice)
    return type === 'array' ? 'Add | join(", ") to the expression.' : 'Add | string to the expression.';
  if (takes(schema, 'number') && type !== 'array') return 'Add | int to the expression.';
  if (takes(schema, 'boolean')) return `Compare it, such as x == ${type === 'number' ? 0 : '"yes"'}.`;
  return `Write ${expectation(schema)}, or an expression that gives it.`;
}
