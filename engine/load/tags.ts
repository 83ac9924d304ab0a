import { didYouMean } from '../did-you-mean.ts';
import type { Problems } from './problems.ts';

/** Whether a resource with these tags takes part. */
export type Selection = (tags: readonly string[]) => boolean;

/** `all`, `tagged` and `untagged` select as in Ansible. */
const special = ['always', 'never', 'all', 'tagged', 'untagged'];

/**
 * The selection by --tags and --skip-tags. `always` takes part unless it is skipped, `never` only if one of its
 * tags is asked for. A tag that no resource has is a problem.
 */
export function tagSelection(
  { tags, skipTags }: { tags?: readonly string[]; skipTags?: readonly string[] },
  known: readonly string[],
  problems: Problems,
): Selection {
  for (const tag of [...(tags ?? []), ...(skipTags ?? [])]) {
    if (special.includes(tag) || known.includes(tag)) continue;
    problems.report('usage', `No resource has the tag "${tag}".`, undefined, didYouMean(tag, new Set(known)));
  }
  return of => {
    if (skipTags?.some(tag => matches(tag, of))) return false;
    const asked = tags ?? ['all'];
    if (of.includes('never')) return asked.some(tag => of.includes(tag));
    return of.includes('always') || asked.some(tag => matches(tag, of));
  };
}

function matches(tag: string, tags: readonly string[]): boolean {
  if (tag === 'all') return true;
  if (tag === 'tagged') return tags.length > 0;
  return tag === 'untagged' ? tags.length === 0 : tags.includes(tag);
}
