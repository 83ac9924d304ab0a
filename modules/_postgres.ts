import type { Diff, Obstacle } from '../engine/module.ts';
import { type Probe, sql } from '../engine/probe.ts';
import type { SqlStep } from '../engine/step.ts';
import { defined } from '../engine/util/defined.ts';
import { queriesBeside, scriptBeside } from '../engine/util/text-beside.ts';

const query = queriesBeside(import.meta.url, './postgres.sql');

/** The JSON Schema of a name in PostgreSQL, which would cut longer ones silently; spread it beside a description. */
export const pgName = { type: 'string', minLength: 1, maxLength: 63, pattern: '^[^\\u0000]+$' } as const;

/** What every resource claims that asks a server: one that is stopped later could not be asked by the next apply. */
export const serverRuns = () => ({ 'whether postgresql.service runs': 'running' });

/** A query whose rows are `Row`s. */
export const sqlRows = <Row>(...asked: Parameters<typeof sql>) => sql(...asked) as Probe<Row[]>;

/** A query that gives one row whatever there is. */
export const sqlRow = <Row>(...asked: Parameters<typeof sql>) => sql(...asked) as Probe<[Row]>;

/** Statements (false = one that does not apply), and the objects that they make, change or drop. */
export const change = (
  statements: readonly (string | false)[],
  objects: readonly string[],
  database?: string,
): SqlStep => ({
  do: 'sql',
  ...defined({ database }),
  statements: statements.filter(one => one !== false),
  objects,
});

/**
 * What a change `of` a key or of a kind needs of the server: SQL for what is in the way (null = nothing), a sentence
 * with `%s` for that, and the objects that it rests on. False stands where what is declared has no such need.
 */
type Need = { of: string; trouble: string; says: string; fix?: string; about?: readonly string[] };
export type Needs = readonly (Need | false)[];

/** Asks what is in the way of each need; `about` names objects that every one of them rests on. */
export const sqlNeeds = (needs: Needs, asked: { database?: string; about: readonly string[] }) =>
  sqlRow<{ troubles: (string | null)[] }>(
    `SELECT ARRAY[${needs.map(need => (need ? need.trouble : 'NULL')).join(',\n  ')}]::text[] AS troubles`,
    { ...asked, parts: needs.map(need => (need ? (need.about ?? []) : [])) },
  );

/** The needs of a change that are not met, as obstacles. */
export const unmet = (needs: Needs, read: [{ troubles: (string | null)[] }] | undefined, diff: Diff) =>
  needs.flatMap((need, i): Obstacle[] => {
    const trouble = read?.[0].troubles[i] ?? null;
    return need && trouble !== null && (diff.kind === need.of || diff.has(need.of))
      ? [{ says: need.says.replace('%s', () => trouble), fix: need.fix }]
      : [];
  });

/** A role that must be there for a change of `of`; `PUBLIC` always is. */
export const roleNeed = (of: string, role: string | undefined, says: string) =>
  role !== undefined && {
    of,
    trouble: query('no_role', { role, isPublic: `${isPublic(role)}` }),
    says,
    fix: `Declare the role ${role} in an earlier resource.`,
    about: [`role:${role}`],
  };

/** A schema that must be there for a change of `of`. */
export const schemaNeed = (of: string, schema: string | undefined, database: string) =>
  schema !== undefined && {
    of,
    trouble: query('no_schema', { schema }),
    says: `${database} has no schema ${schema}.`,
    fix: 'Create it by a command in an earlier resource.',
  };

/** The account that stands for every role. */
export const isPublic = (role: string): boolean => /^public$/i.test(role);

/** Packages that bring a server, and those that bring psql, by their tokens; not the likes of postgresql-common. */
const released = (name: string) => ['', '-1*', '-2*'].map(release => `package:${name}${release}`);
export const serverPackages = released('postgresql');
export const clientPackages = [...serverPackages, ...released('postgresql-client')];

/** SQL for the roles that own something in a database, or have privileges there: what `dependents of ROLE` are about. */
export const holders = (database = '(SELECT oid FROM pg_database WHERE datname = current_database())') =>
  query('holders', { database });

/** The objects of what keeps these roles from being dropped. */
export const dependentsOf = (roles: readonly (string | undefined)[]): string[] =>
  roles.filter(role => role !== undefined).map(role => `dependents of ${role}`);

/** SQL for the names of the settings that the next reload puts into effect, as an array. */
export const unloaded = query('unloaded');

/** Has the server read its configuration files again. It puts the `unloaded` settings into effect. */
export const reloadServer = 'SELECT pg_reload_conf()';

/** The object of a setting. */
export const settingObject = (name: string) => `setting:${name.toLowerCase()}`;

/** Shell that removes what a cut has left of the first cluster of a server package. */
export const removeHalfMadeCluster = scriptBeside(import.meta.url, './pg-half-made-cluster.sh');
