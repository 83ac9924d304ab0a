import type { Rule } from './rule.ts';
import { argument, type ResourceSubject, type Subject } from './subject.ts';
import { matchesIn, type Text } from './texts.ts';
import { settingsOf, valuesOf } from './unit-files.ts';

const everywhere =
  /(?:--bind(?:[=\s]+|\s*$)|(?<=\s)-b\s*|^\s*bind\s*=\s*\[?\s*)["']?(?:tcp:\/\/)?(?:0\.0\.0\.0|\[::\]|(?=:\d))(?::\d+)?/gm;

/** A configuration or command line of Gunicorn. */
const isGunicorn = ({ path, shown }: Text, { resource }: ResourceSubject) =>
  /gunicorn/i.test([...path, shown, resource.name].join(' '));

export const publicBind: Rule = {
  code: 'public-bind',
  explanation:
    'Gunicorn listens on every address of the host, so that it can be reached from outside past Nginx, without HTTPS and without protection from slow clients. Let it listen on a socket (`--bind unix:/run/app/gunicorn.sock`) or on 127.0.0.1.',
  *each(resource) {
    for (const text of resource.texts.filter(each => isGunicorn(each, resource)))
      for (const { at } of matchesIn(text, everywhere))
        yield {
          message:
            'Gunicorn listens on every address of the host, also for those outside who should come by Nginx.',
          hint: 'Write: --bind unix:/run/APP/gunicorn.sock, or --bind 127.0.0.1:8000',
          at: at(),
          of: resource.text,
        };
  },
};

/** The default of max_connections in PostgreSQL, and the part that is reserved for superusers. */
const connections = { max: 100, reserved: 3 };

export const tooManyConnections: Rule = {
  code: 'too-many-connections',
  explanation:
    'Each worker of Gunicorn, and each of its threads, opens a database connection of its own. Workers × threads × hosts are more than PostgreSQL takes (`max_connections`, 100 unless a pg_setting says otherwise, of which 3 are kept for superusers), so that requests fail when all are busy. Use fewer workers, raise `max_connections`, or put PgBouncer in between.',
  *check(subject, all) {
    if (!all.some(usesPostgres) || all.some(usesPooler)) return;
    const own = hasDatabase(subject);
    const sharing = own ? [{ ...subject, hosts: 1 }] : all.filter(each => !hasDatabase(each));
    const wanted = sharing.reduce((sum, each) => sum + each.hosts * sumOf(each), 0);
    const max = (own ? [subject] : all).flatMap(maximumIn).at(-1) ?? connections.max;
    const free = max - connections.reserved;
    if (wanted <= free) return;
    const hosts = sharing.reduce((sum, each) => sum + each.hosts, 0);
    const from = hosts === 1 ? '' : ` from ${hosts} hosts`;
    for (const { of, at } of poolsOf(subject))
      yield {
        message: `Gunicorn can open ${wanted} connections${from}, and PostgreSQL takes ${free}.`,
        hint: `Lower --workers, raise the limit with pg_setting: { name: max_connections, value: ${Math.ceil((wanted + connections.reserved) / 50) * 50} }, or put PgBouncer in between.`,
        at: at(),
        of: of.text,
      };
  },
};

const sumOf = (subject: Subject) => poolsOf(subject).reduce((sum, { count }) => sum + count, 0);

/** Returns the units that run Gunicorn with a known number of workers. */
function poolsOf({ resources }: Subject) {
  return resources
    .filter(({ module, present }) => module === 'systemd_unit' && present)
    .flatMap(of =>
      valuesOf(settingsOf(of), 'ExecStart').flatMap(({ value, at }) => {
        const workers = /gunicorn\b.*?\s(?:--workers[=\s]+|-w\s*)(\d+)/s.exec(value)?.[1];
        const threads = /\s--threads[=\s]+(\d+)/.exec(value)?.[1] ?? 1;
        return workers === undefined ? [] : [{ of, at, count: Number(workers) * Number(threads) }];
      }),
    );
}

const hasDatabase = ({ resources }: Subject) =>
  resources.some(
    ({ module, present }) => present && ['pg_role', 'pg_database', 'pg_setting'].includes(module),
  );

const says = ({ resources }: Subject, word: RegExp) =>
  resources.some(({ present, texts }) => present && texts.some(({ shown }) => word.test(shown)));

const usesPostgres = (subject: Subject) => hasDatabase(subject) || says(subject, /postgres/i);

const usesPooler = (subject: Subject) => says(subject, /pgbouncer|pgpool/i);

function maximumIn({ resources }: Subject): number[] {
  return resources
    .filter(each => each.present && each.module === 'pg_setting')
    .filter(each => argument(each, 'name') === 'max_connections')
    .flatMap(each => Number(argument(each, 'value')) || []);
}
