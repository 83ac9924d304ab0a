import type { HistoryEntry } from '../apply/host-history.ts';
import { paint, type Style, span } from '../report/style.ts';
import { lineView } from '../report/view.ts';
import { visibleJson } from '../report/visible.ts';
import { askHosts, type FleetSettings, runAsEach } from './fleet.ts';
import { type Io, isColorful } from './io.ts';

/** The options of `history` as commander parses them. */
export interface HistorySettings extends FleetSettings {
  json?: boolean;
}

const signs = { create: '+', update: '~', remove: '-' } as const;

/** Shows the history of the applies on hosts, newest first. */
export async function history(
  pattern: string | undefined,
  settings: HistorySettings,
  io: Io,
): Promise<number> {
  const { decodeHistory } = await import('../apply/host-history.ts');
  const { answers, exitCode } = await askHosts(pattern ?? 'all', settings, io, async (host, connect) => {
    const files = await runAsEach(host, connect, 'r_history', 'Reading the history');
    return files.flatMap(decodeHistory).sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0));
  });
  if (settings.json) io.stdout.write(visibleJson({ hosts: Object.fromEntries(answers) }, 2) + '\n');
  else for (const [host, entries] of answers) io.stdout.write(textOf(host, entries, io));
  return exitCode;
}

function textOf(host: string, entries: readonly HistoryEntry[], io: Io): string {
  const color = isColorful(io.stdout, io.env);
  const show = (text: string, style?: Style) => span(lineView(text, io.redactor), style);
  const lines = entries.flatMap(entry => [
    [
      span('  '),
      show(`${entry.time.slice(0, 19).replace('T', ' ')} UTC`, 'cyan'),
      show(`  ${headOf(entry)}`),
    ],
    ...entry.changed.map(({ name, module, change }) => [
      span(`    ${signs[change] ?? '~'} `, 'yellow'),
      show(`${name}  ${module}`),
    ]),
    ...entry.failed.map(({ name, module, code }) => [
      span('    ✗ ', 'red'),
      show(`${name}  ${module}  [${code}]`),
    ]),
  ]);
  if (lines.length === 0) lines.push([span('  nothing was applied', 'dim')]);
  return [[span(host, 'bold')], ...lines].map(line => paint(line, color) + '\n').join('');
}

/** `alice from laptop: site.yml (3f2a91c04b77), 4 changed, 19 unchanged, 1 failed` */
function headOf({ who, from, playbook, sha256, counts, plan, reverted }: HistoryEntry): string {
  const digest = sha256 === null ? '' : ` (${sha256.slice(0, 12)})`;
  const { changed, unchanged, failed } = counts;
  const words = [`${changed} changed`, `${unchanged} unchanged`, `${failed} failed`];
  if (plan !== undefined) words.unshift(`plan ${plan.slice(0, 8)}`);
  if (reverted !== undefined) words.push(`reverted: ${reverted.join(', ')}`);
  return `${who} from ${from}: ${playbook}${digest}, ${words.join(', ')}`;
}
