/** Returns a function that computes its result once for each object. The object must not change. */
export function memoized<K extends object, R>(compute: (of: K) => R): (of: K) => R {
  const results = new WeakMap<K, { result: R }>();
  return of => {
    let known = results.get(of);
    if (known === undefined) {
      known = { result: compute(of) };
      results.set(of, known);
    }
    return known.result;
  };
}
