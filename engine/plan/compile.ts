import { grouped } from '../grouped.ts';
import type { Probe } from '../probe.ts';
import { contentLimitBytes, readOnlyApt } from '../probe.ts';
import { shellCommand, shellQuote } from '../quote.ts';

type Of<K extends Probe['kind']> = Extract<Probe, { kind: K }>;

/** A part of the reading script and the probes that its output answers. */
export type Section = {
  [K in Probe['kind']]: { kind: K; probes: readonly Of<K>[]; script: string };
}[Probe['kind']];

/** One `find`, `psql` or `systemctl` takes this much; an argument list has a limit of 128 KiB a word and 2 MiB in all. */
const argumentBytes = 100_000;

/** The state properties that `unit` reads; `systemctl show` gives them in one call for all units. */
const unitProperties =
  'Id,LoadState,ActiveState,SubState,Result,Type,RemainAfterExit,UnitFileState,UnitFilePreset,FragmentPath,DropInPaths,' +
  'NeedDaemonReload,MainPID,NRestarts,ExecMainStatus,ExecMainCode,ActiveEnterTimestamp,ActiveEnterTimestampMonotonic,' +
  'InactiveExitTimestampMonotonic,ExecMainStartTimestamp,Wants,ConsistsOf';

/** Shell functions that every reading and every change uses; defined once a session. */
export const readLibrary = `
r_account=$(id -un)
r_mark() { printf '\\n%s %s %s\\n%s\\n%s .\\n' "$r_k" "$1" "$?" "$r_e" "$r_k"; }
r_as() { r_u=$1; shift; if [ "$r_u" = "$r_account" ]; then "$@"; else runuser -u "$r_u" -- "$@"; fi; }
r_find() { find "$@" -printf '%p\\0%y\\0%u\\0%g\\0%m\\0%s\\0%T@\\0%l\\0' 2>/dev/null; }
r_content() {
  for r_p do
    [ -f "$r_p" ] || continue
    printf '%s\\0' "$r_p"; head -c ${contentLimitBytes + 1} -- "$r_p"; printf '\\n%s end\\n' "$r_k"
  done
}
r_owed() {
  for r_p do
    [ -f "$r_base/owed/$r_p" ] || continue
    while IFS= read -r r_l; do printf '%s\\t%s\\n' "$r_p" "$r_l"; done <"$r_base/owed/$r_p"
  done
}
`;

/** The sections for distinct probes: those of a kind together. */
export function compile(probes: readonly Probe[], nonce: string): Section[] {
  const all = <K extends Probe['kind']>(kind: K) => probes.filter(probe => probe.kind === kind) as Of<K>[];
  const sections: Section[] = [];
  for (const some of chunks(all('path'), probe => probe.path)) {
    sections.push({
      kind: 'path',
      probes: some,
      script: `r_find ${words(some.map(p => p.path))} -maxdepth 0`,
    });
  }
  for (const some of chunks(all('content'), probe => probe.path)) {
    const paths = words(some.map(probe => probe.path));
    const hashes = `find -L ${paths} -maxdepth 0 -type f -size +${contentLimitBytes}c -exec sha256sum -z -- {} + 2>/dev/null`;
    sections.push({
      kind: 'content',
      probes: some,
      script: `r_content ${paths}; printf '%s hashes\\n' "$r_k"; ${hashes}`,
    });
  }
  for (const probe of all('entries'))
    sections.push({ kind: 'entries', probes: [probe], script: entriesScript(probe) });
  const packages = all('package');
  if (packages.length > 0) {
    const format = '${Package}\\t${db:Status-Status}\\t${db:Status-Want}\\t${Version}\\n';
    const names = words(packages.map(probe => probe.name));
    sections.push({
      kind: 'package',
      probes: packages,
      script: `dpkg-query -W -f='${format}' ${names} 2>/dev/null`,
    });
  }
  const candidates = all('candidate');
  if (candidates.length > 0) {
    sections.push({
      kind: 'candidate',
      probes: candidates,
      script: `(${readOnlyApt}$only apt-cache $memory policy ${words(candidates.map(probe => probe.name))} 2>/dev/null)`,
    });
  }
  const units = all('unit');
  if (units.length > 0) {
    const names = words(units.map(probe => probe.name));
    sections.push({
      kind: 'unit',
      probes: units,
      script: unitScript(names),
    });
  }
  for (const database of ['passwd', 'group'] as const) {
    const accounts = all('account').filter(probe => probe.database === database);
    if (accounts.length === 0) continue;
    const names = words(accounts.map(probe => probe.name));
    sections.push({ kind: 'account', probes: accounts, script: `getent ${database} ${names}` });
  }
  const connections = grouped(all('sql'), probe => JSON.stringify([probe.as, probe.database]));
  for (const group of connections.values()) {
    sections.push({ kind: 'sql', probes: group, script: sqlScript(group, nonce) });
  }
  const owed = all('owed');
  if (owed.length > 0) {
    const names = owed.map(probe => encodeURIComponent(probe.unit));
    sections.push({ kind: 'owed', probes: owed, script: `r_owed ${words(names)}` });
  }
  const programs = all('program');
  if (programs.length > 0) {
    const script = `for r_p in ${words(programs.map(probe => probe.name))}; do printf '%s\\t%s\\n' "$r_p" "$(command -v "$r_p")"; done`;
    sections.push({ kind: 'program', probes: programs, script });
  }
  for (const probe of all('command'))
    sections.push({ kind: 'command', probes: [probe], script: commandScript(probe) });
  return sections;
}

function entriesScript(probe: Of<'entries'>): string {
  const path = shellQuote(probe.path);
  const list = `find ${path} -mindepth 1 -maxdepth ${probe.depth} -printf '%P\\0%y\\0%u\\0%g\\0%m\\0%s\\0%T@\\0%l\\0' 2>/dev/null`;
  const hashes = `find ${path} -mindepth 1 -maxdepth ${probe.depth} -type f -exec sha256sum -z -- {} + 2>/dev/null`;
  return `if [ -d ${path} ]; then printf 'directory\\n'; ${list}; ${
    probe.hashes ? `printf '\\n%s hashes\\n' "$r_k"; ${hashes}` : ':'
  }; fi`;
}

/**
 * psql 11 and later tells of each query whether it failed (:ERROR), so one psql answers all of them. The queries go
 * in by standard input. A NOTICE would stand in the answer, so it is turned off.
 */
function sqlScript(probes: readonly Of<'sql'>[], nonce: string): string {
  const first = probes[0]!;
  const queries = probes.map(
    ({ query }, i) =>
      `SELECT coalesce(json_agg(row_to_json(reconcile_q)), '[]') FROM (${query.replace(/;\s*$/, '')}) AS reconcile_q;\n` +
      `\\echo '${nonce} q ${i}' :ERROR :SQLSTATE :LAST_ERROR_MESSAGE`,
  );
  const input = shellQuote(`SET client_min_messages = error;\n${queries.join('\n')}\n`);
  const psql = shellCommand(['psql', '-XAtq', '-d', first.database]);
  return `r_ask() { r_o=$(printf '%s' ${input} | r_as ${shellQuote(first.as)} ${psql} 2>&1); r_c=$?; }
${startingLibrary}
if command -v psql >/dev/null; then
  r_i=0
  while r_ask; [ "$r_c" = 2 ] && [ "$r_i" -lt ${startingAttempts} ] && r_starting "$r_o"; do r_i=$((r_i + 1)); sleep 0.5; done
  printf '%s\n' "$r_o"
  (exit "$r_c")
else (exit 127); fi`;
}

/** Of half a second: a server that recovers takes its time, and so does a host that has just been switched on. */
const startingAttempts = 60;

/** Whether a server that lets nobody in, which said `$1`, is only on its way. Debian's `postgresql.service` is active at once. */
const startingLibrary = `r_starting() {
  case $1 in *'the database system is '*) return ;; esac
  [ -n "$(systemctl list-units --plain --no-legend --state=activating 'postgresql@*' 2>/dev/null)" ] && return
  case $(systemctl is-system-running 2>/dev/null) in initializing | starting) ;; *) return 1 ;; esac
}`;

/** Behind the units come those that stop with one that has no process of its own; see `downParts` in decode. */
function unitScript(names: string): string {
  const parts = `awk -v RS= '/\\nSubState=exited/' | sed -n 's/^ConsistsOf=//p'`;
  return `r_o=$(systemctl show --timestamp=unix -p ${unitProperties} -- ${names})
r_c=$?
printf '%s\\n' "$r_o"
r_p=$(printf '%s\\n' "$r_o" | ${parts})
[ -z "$r_p" ] || { echo; systemctl show -p Id,Type,ActiveState -- $r_p; }
(exit "$r_c")`;
}

/** The script comes to its shell by a pipe, because an argument could be seen by every account of the host. */
function commandScript(probe: Of<'command'>): string {
  const account = probe.as === undefined ? '' : `r_as ${shellQuote(probe.as)} `;
  const shell = `${account}timeout -k 5 ${probe.timeoutS} sh -s`;
  return `printf '%s\\n' ${shellQuote(`{\n${probe.script}\n} </dev/null`)} | ${shell}`;
}

function words(texts: readonly string[]): string {
  return texts.map(shellQuote).join(' ');
}

function chunks<T>(all: readonly T[], textOf: (one: T) => string): T[][] {
  const lists: T[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const one of all) {
    const size = Buffer.byteLength(textOf(one)) + 3;
    if (bytes + size > argumentBytes) {
      lists.push([]);
      bytes = 0;
    }
    lists.at(-1)!.push(one);
    bytes += size;
  }
  return lists;
}
