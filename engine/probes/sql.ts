import { Missing } from '../probe.ts';
import { shellCommand, shellQuote } from '../quote.ts';
import { grouped } from '../util/grouped.ts';
import { failed } from './output.ts';
import type { Of, ProbeKind, Reading } from './probe-kind.ts';

export const sql: ProbeKind<'sql'> = {
  compile: (probes, nonce) =>
    [...grouped(probes, ({ as, database }) => JSON.stringify([as, database])).values()].map(group => ({
      probes: group,
      script: scriptOf(group, nonce),
    })),
  decode(probes, output, nonce) {
    const text = output.stdout.toString();
    const first = probes[0]!;
    const all = (reading: Reading) => probes.map((probe): [Of<'sql'>, Reading] => [probe, reading]);
    // Debian's psql is a wrapper that may be there without any client behind it (pg_wrapper(1)).
    if (output.exit === 127 || /^Error: You must install at least one postgresql-client-/m.test(text))
      return all({ missing: new Missing('psql', ['package:postgresql*']) });
    if (/database ".*" does not exist/.test(text) && output.exit !== 0) {
      return all({ missing: new Missing(`database ${first.database}`, [`database:${first.database}`]) });
    }
    if (
      output.exit !== 0 &&
      /user \S+ does not exist|could not connect|connection to server .* failed/.test(text + output.stderr)
    ) {
      return all({
        missing: new Missing('a running PostgreSQL server', ['package:postgresql*', 'running:postgresql*']),
      });
    }
    let start = 0;
    return probes.map((probe, i) => {
      const mark = new RegExp(`^${nonce} q ${i} (\\S+) (\\S+) (.*)$`, 'm').exec(text.slice(start));
      if (mark === null) return [probe, failed('psql', output)];
      const answer = text.slice(start, start + mark.index);
      start += mark.index + mark[0].length + 1;
      if (mark[1] === 'true')
        return [probe, failed('psql', { ...output, exit: 3, stderr: `ERROR: ${mark[3]}` })];
      const value = rows(answer);
      return [probe, value === undefined ? failed('psql', output) : { value }];
    });
  },
  key: ({ query, database, as }) => JSON.stringify([query, database, as]),
};

/**
 * psql 11 and later reports for each query whether it failed (:ERROR), so one psql answers all queries. They go in by
 * standard input. A NOTICE would stand in the answer, so notices are turned off.
 */
function scriptOf(probes: readonly Of<'sql'>[], nonce: string): string {
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

/** The limit of attempts, half a second apart: a recovering server and a starting host take their time. */
const startingAttempts = 60;

/** Shell function: whether a server that refused with `$1` is only starting. Debian's `postgresql.service` is active at once. */
const startingLibrary = `r_starting() {
  case $1 in *'the database system is '*) return ;; esac
  [ -n "$(systemctl list-units --plain --no-legend --state=activating 'postgresql@*' 2>/dev/null)" ] && return
  case $(systemctl is-system-running 2>/dev/null) in initializing | starting) ;; *) return 1 ;; esac
}`;

/** Returns the rows of an answer, or undefined if a foreign psql printed something else. */
function rows(answer: string): unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(answer);
    const isRow = (one: unknown) => typeof one === 'object' && one !== null && !Array.isArray(one);
    return Array.isArray(value) && value.every(isRow) ? value : undefined;
  } catch {
    return undefined;
  }
}
