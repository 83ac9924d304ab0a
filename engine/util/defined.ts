/** A list in which an item, or several, may follow a condition: `isNew && step`. */
export type Conditional<T> = readonly (T | readonly T[] | false | null | undefined)[];

/** Returns `values` without the keys whose value is undefined. */
export function defined<T extends Record<string, unknown>>(
  values: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

/** Returns the items of a list whose conditions hold. */
export const compact = <T>(list: Conditional<T>): T[] =>
  list.flatMap(item => (item === false || item === null || item === undefined ? [] : item));
