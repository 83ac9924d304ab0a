/** Whether a name matches a pattern of OpenSSH, with `*` and `?` only. */
export function matchesPattern(pattern: string, name: string): boolean {
  // Backtracks only to the last star, so that no pattern takes long.
  let p = 0;
  let star = -1;
  let from = 0;
  for (let n = 0; n < name.length; ) {
    if (pattern[p] === '*') {
      star = p++;
      from = n;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === name[n])) {
      p++;
      n++;
    } else if (star >= 0) {
      p = star + 1;
      n = ++from;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(p));
}

/** Whether a name matches a list of patterns, separated by commas: at least one, and none of those with `!`. */
export function matchesList(list: string, name: string): boolean {
  const all = list.split(',');
  if (all.some(pattern => pattern.startsWith('!') && matchesPattern(pattern.slice(1), name))) return false;
  return all.some(pattern => !pattern.startsWith('!') && matchesPattern(pattern, name));
}
