import { answersOf, effectOf, labelOf, listText, removedBy } from './changes.ts';
import type { RunRecord } from './record.ts';
import { flow, paint, type Span, span } from './style.ts';
import type { ResourceView } from './view.ts';

/** Names in a total. The others are only counted. */
const mostNames = 6;

/** The changes of one kind, each counted on each host. */
class Tally {
  count = 0;
  readonly names = new Set<string>();

  add(...names: string[]): void {
    this.count++;
    for (const name of names) this.names.add(name);
  }
}

/**
 * Returns the sum of a plan over all hosts, with the names of everything that is removed or restarted; nothing if no
 * resource would change. Each resource counts once on each host, as in the lines of the hosts.
 */
export function totalText(
  record: RunRecord,
  { columns, color }: { columns: number; color: boolean },
): string {
  const tallies = { create: new Tally(), update: new Tally(), remove: new Tally(), run: new Tally() };
  const answers = new Map<string, Tally>();
  const perhaps = new Tally();
  const hosts = new Set<string>();
  for (const play of record.plays.values())
    for (const { host, resources } of play.hosts.values())
      for (const resource of resources.values()) {
        if (resource.status !== 'would_change') continue;
        hosts.add(host);
        const effect = effectOf(resource);
        if (effect === 'answer') {
          const key = answersOf(resource.diff!)[0]!;
          answers.set(key, answers.get(key) ?? new Tally());
          answers.get(key)!.add(subjectOf(resource));
        } else if (effect === 'remove') tallies.remove.add(subjectOf(resource));
        else if (effect === 'update') tallies.update.add(...removedBy(resource.diff!));
        else if (effect === 'create' || effect === 'run') tallies[effect].add();
        else perhaps.add();
      }
  if (hosts.size === 0) return '';
  const { create, update, remove, run } = tallies;
  const parts: [Tally, string, Span['style']][] = [
    [create, `${create.count} to create`, 'green'],
    [update, `${update.count} to change${namesOf(update, 'removes ')}`, 'yellow'],
    [remove, `${remove.count} to remove${namesOf(remove)}`, 'red'],
    [run, `${counted(run.count, 'command')} to run`, 'cyan'],
    ...[...answers].map(([key, tally]): [Tally, string, Span['style']] => [
      tally,
      key === 'reboot'
        ? `${counted(tally.count, 'host')} to reboot`
        : `${counted(tally.count, 'service')} to ${key}${namesOf(tally)}`,
      'magenta',
    ]),
    [perhaps, `${perhaps.count} perhaps (±)`, undefined],
  ];
  const words = parts.filter(([{ count }]) => count > 0).map(([, text, style]) => span(text, style));
  const end = span(` on ${counted(hosts.size, 'host')}`);
  const groups = words.map((word, i) => [word, i === words.length - 1 ? end : span(', ')]);
  return flow([[span('Plan: ', 'bold')], ...groups], columns)
    .map(each => `${paint(each, color)}\n`)
    .join('');
}

/** Returns the label without the module that a default name begins with. */
function subjectOf(resource: ResourceView): string {
  const label = labelOf(resource);
  return label.startsWith(`${resource.module} `) ? label.slice(resource.module.length + 1) : label;
}

function namesOf({ names }: Tally, before = ''): string {
  return names.size === 0 ? '' : ` (${before}${listText([...names], mostNames)})`;
}

function counted(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}
