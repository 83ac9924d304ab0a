import { Missing, type UnitState } from '../probe.ts';
import { scriptBeside } from '../util/text-beside.ts';
import { failed } from './output.ts';
import type { ProbeKind } from './probe-kind.ts';
import { words } from './words.ts';

/** The properties to read; one call of `systemctl show` gives them for all units. */
const properties =
  'Id,LoadState,ActiveState,SubState,Result,Type,RemainAfterExit,UnitFileState,UnitFilePreset,FragmentPath,DropInPaths,' +
  'NeedDaemonReload,CanStart,CanStop,CanReload,SourcePath,MainPID,NRestarts,ExecMainStatus,ExecMainCode,ActiveEnterTimestamp,' +
  'ActiveEnterTimestampMonotonic,InactiveExitTimestampMonotonic,ExecMainStartTimestamp,' +
  'Wants,Requires,Conflicts,ConflictedBy,ConsistsOf,RequiredBy,BoundBy,TriggeredBy';

export const unit: ProbeKind<'unit'> = {
  compile: probes => [{ probes, script: scriptOf(words(probes.map(probe => probe.name))) }],
  decode(probes, output) {
    if (output.exit === 127)
      return probes.map(probe => [probe, { missing: new Missing('systemd', ['package:systemd']) }]);
    const blocks = output.stdout
      .toString()
      .trim()
      .split(/\n\n+/)
      .map(block => Object.fromEntries(block.split('\n').map(property)) as UnitState);
    const links = blocks.slice(probes.length, 2 * probes.length);
    const parts = blocks.slice(2 * probes.length);
    return probes.map((probe, i) => [
      probe,
      output.exit === 0
        ? { value: { ...blocks[i], ...links[i], DownParts: downParts(blocks[i] ?? {}, parts) } }
        : failed(`systemctl show ${probe.name}`, output),
    ]);
  },
  key: probe => probe.name,
};

/** After the units, the script shows their links, and the parts of each unit that has no process; see `downParts`. */
function scriptOf(names: string): string {
  const parts = `awk -v RS= -F '\\n' '/\\nSubState=exited/ { for (i = 1; i <= NF; i++) if (sub(/^ConsistsOf=/, "", $i)) print $i }'`;
  return `r_o=$(TZ=UTC systemctl show -p ${properties} -- ${names})
r_c=$?
printf '%s\\n\\n' "$r_o"
printf '%s\\n' "$r_o" | ${linksScript}
r_p=$(printf '%s\\n' "$r_o" | ${parts})
[ -z "$r_p" ] || { echo; systemctl show -p Id,Type,ActiveState -- $r_p; }
(exit "$r_c")`;
}

const linksScript = scriptBeside(import.meta.url, './unit-links.sh');

/** Returns a property. Timestamps become seconds since 1970, as `--timestamp=unix` shows them from systemd 248 on. */
function property(line: string): [name: string, value: string] {
  const [name, value] = [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)];
  const [, date] = /^\w+ (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC$/.exec(value) ?? [];
  const isTime = name.endsWith('Timestamp') && date !== undefined;
  return [name, isTime ? `@${Date.parse(`${date.replace(' ', 'T')}Z`) / 1000}` : value];
}

/**
 * Returns the parts of a unit that do not run, separated by blanks. The parts of an active unit that has no process,
 * such as Debian's postgresql.service, are the units that it wants and that stop with it.
 */
function downParts({ SubState, Wants = '', ConsistsOf = '' }: UnitState, all: readonly UnitState[]): string {
  if (SubState !== 'exited') return '';
  const wanted = new Set(Wants.split(' '));
  const own = new Set(ConsistsOf.split(' ').filter(name => wanted.has(name)));
  return all
    .filter(({ Id = '', Type }) => own.has(Id) && Type !== 'oneshot')
    .filter(({ ActiveState = '' }) => ['inactive', 'failed'].includes(ActiveState))
    .map(({ Id }) => Id)
    .join(' ');
}
