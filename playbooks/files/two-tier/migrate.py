"""Brings the schema up to date; with --check, fails when that has something to do."""

import os
import sys
from contextlib import closing

import psycopg2

MIGRATIONS = [
    "CREATE TABLE visits (id bigserial PRIMARY KEY, host text NOT NULL)",
    "ALTER TABLE visits ADD COLUMN at timestamptz NOT NULL DEFAULT now()",
]

with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as connection, connection, connection.cursor() as cursor:
    cursor.execute("SELECT to_regclass('migrations') IS NOT NULL")
    done = 0
    if cursor.fetchone()[0]:
        cursor.execute("SELECT count(*) FROM migrations")
        done = cursor.fetchone()[0]
    if "--check" in sys.argv:
        sys.exit(done < len(MIGRATIONS))
    cursor.execute("CREATE TABLE IF NOT EXISTS migrations (at timestamptz NOT NULL DEFAULT now())")
    for migration in MIGRATIONS[done:]:
        cursor.execute(migration)
        cursor.execute("INSERT INTO migrations DEFAULT VALUES")
