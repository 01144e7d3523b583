"""Makes a database on a PostgreSQL server where it does not exist. Ends with 0 where it existed, with 3 where it was made."""

import sys

import psycopg
from psycopg import sql

server, name = sys.argv[1:3]
with psycopg.connect(f"{server.rstrip('/')}/postgres", autocommit=True) as connection:
    known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
    if not known:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
sys.exit(0 if known else 3)
