import { psqlFunctions } from '../host-shell/shell-functions.ts';
import { Missing } from '../probe.ts';
import { regexQuote, shellCommand, shellQuote } from '../quote.ts';
import { grouped } from '../util/grouped.ts';
import { failed } from './output.ts';
import type { Of, ProbeKind, Reading } from './probe-kind.ts';

export const sql: ProbeKind<'sql'> = {
  compile: (probes, nonce) =>
    [...grouped(probes, ({ as }) => as).values()]
      .flatMap(partsOf)
      .map(group => ({ probes: group.flat(), script: scriptOf(group, nonce) })),
  decode(probes, output, nonce) {
    const text = output.stdout.toString();
    const first = probes[0]!;
    const all = (reading: Reading) => probes.map((probe): [Of<'sql'>, Reading] => [probe, reading]);
    // Debian's psql is a wrapper that may be there without any client behind it (pg_wrapper(1)).
    if (output.exit === 127 || /^Error: You must install at least one postgresql-client-/m.test(text))
      return all({ missing: new Missing('psql', ['package:postgresql*']) });
    const isRefused = output.exit !== 0 && !text.includes(`${nonce} q 0 `);
    if (/database ".*" does not exist/.test(text) && isRefused) return all(absent(first.database));
    if (
      isRefused &&
      /user \S+ does not exist|could not connect|connection to server .* failed/.test(text + output.stderr)
    ) {
      return all({
        missing: new Missing('a running PostgreSQL server', ['package:postgresql*', 'running:postgresql*']),
      });
    }
    let start = 0;
    return probes.map((probe, i) => {
      const mark = new RegExp(`^${nonce} q ${i} (.*)$`, 'm').exec(text.slice(start));
      if (mark === null) return [probe, failed('psql', output)];
      const answer = text.slice(start, start + mark.index);
      start += mark.index + mark[0].length + 1;
      if (mark[1] === 'absent f') return [probe, absent(probe.database)];
      const [, hasError, message] =
        new RegExp(`^${regexQuote(probe.database)} (true|false) \\S+ (.*)$`).exec(mark[1]!) ?? [];
      // A later database may refuse the connection. psql then has none, or keeps the one before.
      if (hasError === undefined) return [probe, failed('psql', { ...output, exit: 2, stderr: answer })];
      if (hasError === 'true')
        return [probe, failed('psql', { ...output, exit: 3, stderr: `ERROR: ${message}` })];
      const value = rows(answer);
      return [probe, value === undefined ? failed('psql', output) : { value }];
    });
  },
  key: ({ query, database, as }) => JSON.stringify([query, database, as]),
};

const absent = (database: string): Reading => ({
  missing: new Missing(`database ${database}`, [`database:${database}`]),
});

/**
 * Returns the probes of each psql, by database. The psql of the database postgres, which knows all databases, connects to
 * others in turn. Names that would need quotes have a psql of their own.
 */
function partsOf(probes: readonly Of<'sql'>[]): Of<'sql'>[][][] {
  const databases = [...grouped(probes, ({ database }) => database).values()];
  const first = databases.find(([probe]) => probe!.database === 'postgres');
  const isLater = (group: Of<'sql'>[]) => group !== first && /^[a-z_]\w*$/.test(group[0]!.database);
  if (first === undefined) return databases.map(group => [group]);
  const others = databases.filter(group => group !== first && !isLater(group));
  return [[first, ...databases.filter(isLater)], ...others.map(group => [group])];
}

/**
 * psql 11 and later reports for each query whether it failed (:ERROR), so one psql answers all queries. They go in by
 * standard input. A NOTICE would stand in the answer, so notices are turned off.
 */
function scriptOf(databases: readonly (readonly Of<'sql'>[])[], nonce: string): string {
  const { as, database: first } = databases[0]![0]!;
  let i = 0;
  const asked = databases.map(probes => {
    const numbered = probes.map(({ query }) => ({ query, mark: `\\echo '${nonce} q ${i++}'` }));
    const queries = numbered.map(
      ({ query, mark }) =>
        `SELECT coalesce(json_agg(row_to_json(reconcile_q)), '[]') FROM (${query.replace(/;\s*$/, '')}) AS reconcile_q;\n` +
        `${mark} :DBNAME :ERROR :SQLSTATE :LAST_ERROR_MESSAGE\n`,
    );
    return {
      database: probes[0]!.database,
      queries: `SET client_min_messages = error;\n${queries.join('')}`,
      absent: numbered.map(({ mark }) => `${mark} absent :is_there\n`).join(''),
    };
  });
  const later = asked.slice(1).map(
    ({ database, queries, absent }) => `\\unset is_there
SELECT EXISTS (SELECT FROM pg_database WHERE datname = '${database}') AS is_there \\gset
\\if :is_there
\\connect ${database}
${queries}\\else
${absent}\\endif
`,
  );
  const psql = `"$r_psql" ${shellCommand(['-XAtq', '-d', first])}`;
  return `r_ask() { r_o=$(printf '%s' ${shellQuote(asked[0]!.queries + later.join(''))} | r_as ${shellQuote(as)} ${psql} 2>&1); r_c=$?; }
${startingLibrary}
if command -v psql >/dev/null; then
${psqlFunctions}
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
