import type { Diff, Obstacle } from '../engine/module.ts';
import { type Probe, sql } from '../engine/probe.ts';
import type { SqlStep } from '../engine/step.ts';
import { defined } from '../engine/util/defined.ts';
import { queriesBeside, scriptBeside } from '../engine/util/text-beside.ts';

const query = queriesBeside(import.meta.url, './postgres.sql');

/** The JSON Schema of a name in PostgreSQL, without a description. PostgreSQL would cut a longer name silently. */
export const pgName = { type: 'string', minLength: 1, maxLength: 63, pattern: '^[^\\u0000]+$' } as const;

/** The claim of every resource that queries a server. If a later resource stopped it, the next apply could not query it. */
export const serverRuns = () => ({ 'whether postgresql.service runs': 'running' });

/** Returns a probe of a query whose rows are `Row`s. */
export const sqlRows = <Row>(...asked: Parameters<typeof sql>) => sql(...asked) as Probe<Row[]>;

/** Returns a probe of a query that always gives one row. */
export const sqlRow = <Row>(...asked: Parameters<typeof sql>) => sql(...asked) as Probe<[Row]>;

/** Returns a step of statements (false = left out), and of the objects that they create, change or drop. */
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
 * A precondition on the server for a change `of` a key or of a kind: SQL for the trouble (null = none), a sentence with
 * `%s` for the trouble, and the objects that the SQL reads. False if the declared state has no such need.
 */
type Need = { of: string; trouble: string; says: string; fix?: string; about?: readonly string[] };
export type Needs = readonly (Need | false)[];

/** Returns the probe of the troubles of all needs. `about` names objects that every need reads. */
export const sqlNeeds = (needs: Needs, asked: { database?: string; about: readonly string[] }) =>
  sqlRow<{ troubles: (string | null)[] }>(
    `SELECT ARRAY[${needs.map(need => (need ? need.trouble : 'NULL')).join(',\n  ')}]::text[] AS troubles`,
    { ...asked, parts: needs.map(need => (need ? (need.about ?? []) : [])) },
  );

/** Returns the unmet needs of a change as obstacles. */
export const unmet = (needs: Needs, read: [{ troubles: (string | null)[] }] | undefined, diff: Diff) =>
  needs.flatMap((need, i): Obstacle[] => {
    const trouble = read?.[0].troubles[i] ?? null;
    return need && trouble !== null && (diff.kind === need.of || diff.has(need.of))
      ? [{ says: need.says.replace('%s', () => trouble), fix: need.fix }]
      : [];
  });

/** Returns the need that a role exists for a change of `of`; `PUBLIC` always exists. */
export const roleNeed = (of: string, role: string | undefined, says: string) =>
  role !== undefined && {
    of,
    trouble: query('no_role', { role, isPublic: `${isPublic(role)}` }),
    says,
    fix: `Declare the role ${role} in an earlier resource.`,
    about: [`role:${role}`],
  };

/** Returns the need that a schema exists for a change of `of`. */
export const schemaNeed = (of: string, schema: string | undefined, database: string) =>
  schema !== undefined && {
    of,
    trouble: query('no_schema', { schema }),
    says: `${database} has no schema ${schema}.`,
    fix: 'Create it by a command in an earlier resource.',
  };

/** Whether the name stands for every role. */
export const isPublic = (role: string): boolean => /^public$/i.test(role);

/** The tokens of packages that bring a server, or psql; postgresql-common and similar packages do not. */
const released = (name: string) => ['', '-1*', '-2*'].map(release => `package:${name}${release}`);
export const serverPackages = released('postgresql');
export const clientPackages = [...serverPackages, ...released('postgresql-client')];

/** Returns SQL for the roles that own an object of a database or have privileges in it, as in `dependents of ROLE`. */
export const holders = (database = '(SELECT oid FROM pg_database WHERE datname = current_database())') =>
  query('holders', { database });

/** Returns the objects that stand for everything that keeps these roles from being dropped. */
export const dependentsOf = (roles: readonly (string | undefined)[]): string[] =>
  roles.filter(role => role !== undefined).map(role => `dependents of ${role}`);

/** SQL for an array of the names of the settings that the next reload puts into effect. */
export const unloaded = query('unloaded');

/** Makes the server read its configuration files again, which puts the `unloaded` settings into effect. */
export const reloadServer = 'SELECT pg_reload_conf()';

/** Returns the object that stands for a setting. */
export const settingObject = (name: string) => `setting:${name.toLowerCase()}`;

/** Shell that removes the half-made first cluster of a server package whose installation was cut off. */
export const removeHalfMadeCluster = scriptBeside(import.meta.url, './pg-half-made-cluster.sh');
