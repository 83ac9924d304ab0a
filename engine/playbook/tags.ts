import { didYouMean } from '../util/did-you-mean.ts';
import type { Problems } from '../util/problem-collector.ts';

/** Whether a resource with these tags is selected. */
export type Selection = (tags: readonly string[]) => boolean;

/** `all`, `tagged` and `untagged` select as in Ansible. */
const special = ['always', 'never', 'all', 'tagged', 'untagged'];

/**
 * Returns the selection by --tags and --skip-tags. `always` is selected unless it is skipped, `never` only by one of its own
 * tags. A tag that no resource has is a problem, and so is a selection without resources. `all` are the tags of each
 * resource.
 */
export function tagSelection(
  { tags, skipTags }: { tags?: readonly string[]; skipTags?: readonly string[] },
  all: readonly (readonly string[])[],
  problems: Problems,
): Selection {
  const before = problems.size;
  const known = [...new Set(all.flat())];
  for (const tag of [...(tags ?? []), ...(skipTags ?? [])]) {
    if (special.includes(tag) || known.includes(tag)) continue;
    const tags = [...new Set(known)];
    const there =
      tags.length === 0 ? 'No resource of the playbook has tags.' : `There are ${tags.join(', ')}.`;
    problems.report('usage', `No resource has the tag "${tag}".`, undefined, didYouMean(tag, tags) ?? there);
  }
  const selects: Selection = of => {
    if (skipTags?.some(tag => matches(tag, of))) return false;
    const asked = tags ?? ['all'];
    if (of.includes('never')) return asked.some(tag => of.includes(tag));
    return of.includes('always') || asked.some(tag => matches(tag, of));
  };
  if (problems.size === before && all.length > 0 && !all.some(selects)) {
    const given = [tags && `--tags ${tags.join()}`, skipTags && `--skip-tags ${skipTags.join()}`];
    const message = `${given.filter(Boolean).join(' with ')} leaves no resource of this playbook.`;
    if (tags ?? skipTags) problems.report('usage', message, undefined, `The tags are ${listed(known)}.`);
  }
  return selects;
}

const listed = (tags: readonly string[]) => (tags.length === 0 ? 'none' : tags.join(', '));

function matches(tag: string, tags: readonly string[]): boolean {
  if (tag === 'all') return true;
  if (tag === 'tagged') return tags.length > 0;
  return tag === 'untagged' ? tags.length === 0 : tags.includes(tag);
}
