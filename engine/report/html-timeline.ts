import { effectOf, labelOf } from './changes.ts';
import { escapeMarkup } from './markup.ts';
import type { HostRecord, RunRecord } from './record.ts';

/** Hosts of a timeline; of more, those that took longest. */
const mostHosts = 30;
/** Share of the run's time. A resource with less has no bar. */
const leastShare = 0.004;

/** A host with the times of its first and its last event, over all plays. */
interface Busy {
  host: string;
  firstMs: number;
  lastMs: number;
  plays: HostRecord[];
}

/** Returns when each host was busy, with a bar for each resource that took long; nothing without any times. */
export function timeline(record: RunRecord): string {
  const hosts = busyHosts(record);
  const startMs = Math.min(Date.parse(record.startedAt), ...hosts.map(({ firstMs }) => firstMs));
  const totalMs = Math.max(record.durationMs, ...hosts.map(({ lastMs }) => lastMs - startMs));
  if (hosts.length === 0 || !(totalMs > 0)) return '';
  const longest = [...hosts].sort((a, b) => b.lastMs - b.firstMs - (a.lastMs - a.firstMs));
  const chosen = new Set(longest.slice(0, mostHosts));
  const bar = (kind: string, fromMs: number, toMs: number, title: string) => {
    const [left, width] = [(fromMs - startMs) / totalMs, (toMs - fromMs) / totalMs].map(share =>
      (100 * Math.min(1, Math.max(0, share))).toFixed(2),
    );
    return `<i class="${kind}" style="left:${left}%;width:${width}%" title="${escapeMarkup(title)}"></i>`;
  };
  const rows = hosts
    .filter(each => chosen.has(each))
    .map(({ host, firstMs, lastMs, plays }) => {
      const own = plays.flatMap(({ resources, endsMs }) =>
        [...resources.values()].flatMap(resource => {
          const endMs = endsMs.get(resource.name);
          if (endMs === undefined || resource.duration_ms < leastShare * totalMs) return [];
          const title = `${labelOf(resource)}: ${durationText(resource.duration_ms)}`;
          return [bar(effectOf(resource), endMs - resource.duration_ms, endMs, title)];
        }),
      );
      const whole = bar('busy', firstMs, lastMs, `${host}: ${durationText(lastMs - firstMs)}`);
      return `<tr><th scope="row">${escapeMarkup(host)}</th><td><div class="bars">${whole}${own.join('')}</div></td><td>${durationText(lastMs - firstMs)}</td></tr>`;
    });
  const more = hosts.length - rows.length;
  const note =
    more === 0 ? '' : `<p class="quiet">The ${rows.length} hosts that took longest, of ${hosts.length}.</p>`;
  return `<section><h2>Time</h2>${note}<table class="times"><thead><tr><th scope="col">Host</th><th scope="col">0 to ${durationText(totalMs)}</th><th scope="col">Took</th></tr></thead><tbody>${rows.join('')}</tbody></table></section>`;
}

function busyHosts(record: RunRecord): Busy[] {
  return record.hosts.flatMap(host => {
    const plays = [...record.plays.values()].flatMap(play => play.hosts.get(host) ?? []);
    const times = plays.flatMap(({ firstMs, lastMs }) =>
      firstMs === undefined || lastMs === undefined ? [] : [firstMs, lastMs],
    );
    return new Set(times).size < 2
      ? []
      : [{ host, firstMs: Math.min(...times), lastMs: Math.max(...times), plays }];
  });
}

/** Returns a duration such as `0.4 s`, `12 s` or `3 min 5 s`. */
export function durationText(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min${whole % 60 === 0 ? '' : ` ${whole % 60} s`}`;
}
