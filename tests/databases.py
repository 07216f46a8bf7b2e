"""A database with the tables of photoqueue for each test, made once and emptied between tests.

To make one from a template takes ten times as long as to empty one: it copies 7 MB. A connection
to each stays open: what PostgreSQL reads for a new one takes longer than to empty a database.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from photoqueue.services import Endpoints
from photoqueue.testing import OTHER_INSTALLATION, TEMPLATE, with_database

#: A database that has grown beyond this many bytes is not used again: the planner remembers.
_GROWN: Final = 1_000_000

_numbers = itertools.count(1)

# What changes with any change of the schema: the transactions that wrote its description.
_SCHEMA: Final = """
    SELECT
        (SELECT sum(hashtext(xmin::text || oid)) FROM pg_class
         WHERE relnamespace = 'public'::regnamespace),
        (SELECT sum(hashtext(a.xmin::text || attname)) FROM pg_attribute AS a
         JOIN pg_class AS c ON c.oid = attrelid WHERE relnamespace = 'public'::regnamespace),
        (SELECT count(*) FROM pg_class),
        (SELECT sum(hashtext(xmin::text || oid)) FROM pg_proc
         WHERE pronamespace = 'public'::regnamespace),
        (SELECT sum(hashtext(xmin::text || oid)) FROM pg_constraint),
        (SELECT sum(hashtext(xmin::text || oid)) FROM pg_trigger),
        (SELECT count(*) FROM pg_namespace),
        (SELECT count(*) FROM pg_db_role_setting)
"""
# Whoever is left may be in the midst of writing.
_END_OTHERS: Final = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_SIZE: Final = """
    SELECT coalesce(sum(pg_relation_size(oid)), 0)::bigint FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""


def new_name() -> str:
    """Return a name that no other database of these tests has."""
    return f"test_{next(_numbers)}"


class Databases:
    """Gives databases to tests and takes them back; one process runs one test at a time."""

    def __init__(self, servers: Endpoints) -> None:
        self.admin_url = servers.database_url.get_secret_value()
        self._spare: list[_Kept] = []
        #: Databases that are filled, by what fills them.
        self._filled: dict[bytes, str] = {}
        self._taken: dict[str, _Kept] = {}
        with psycopg.connect(with_database(self.admin_url, TEMPLATE)) as connection:
            self._empty = _emptying(connection)

    def take(self, filled: bytes = b"") -> str:
        """Return the address of a database of its own installation, with the tables.

        They are as migrations leave them, or filled by statements, which run once for all tests.
        """
        if filled:
            if filled not in self._filled:
                self._filled[filled] = self._make_database(TEMPLATE)
                url = with_database(self.admin_url, self._filled[filled])
                with psycopg.connect(url, autocommit=True) as connection:
                    connection.execute(filled)
            kept = self._make(self._filled[filled])
        else:
            kept = self._spare.pop() if self._spare else self._make(TEMPLATE)
        self._taken[kept.url] = kept
        return kept.url

    def give_back(self, url: str) -> None:
        """Empty a database for the next test, or drop it where a test has changed its schema."""
        kept = self._taken.pop(url)
        try:
            try:
                kept.connection.execute(_END_OTHERS)
            except psycopg.OperationalError:  # a test ended it
                kept.connection.close()
                kept.connection = psycopg.connect(url)
                kept.connection.execute(_END_OTHERS)
            if self._emptied(kept):
                self._spare.append(kept)
                return
        except psycopg.Error:
            pass  # whatever a test did to it: it is not used again
        kept.connection.close()
        name = url.partition("?")[0].rpartition("/")[2]
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def close(self) -> None:
        """Close the connections."""
        for kept in (*self._spare, *self._taken.values()):
            kept.connection.close()

    def _make_database(self, template: str) -> str:
        name = new_name()
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return name

    def _make(self, template: str) -> _Kept:
        url = with_database(self.admin_url, self._make_database(template))
        own = psycopg.connect(url)
        own.execute(OTHER_INSTALLATION)
        schema = _one(own, _SCHEMA)
        own.commit()
        return _Kept(url, own, schema)

    def _emptied(self, kept: _Kept) -> bool:
        connection = kept.connection
        if _one(connection, _SCHEMA) != kept.schema or _one(connection, _SIZE)[0] >= _GROWN:
            return False
        connection.execute(self._empty)
        connection.commit()
        return True


@dataclass
class _Kept:
    """A database, a connection to it, and what its schema was when it was made."""

    url: str
    connection: psycopg.Connection[Any]
    schema: tuple[Any, ...]


def _one(connection: psycopg.Connection[Any], query: str) -> tuple[Any, ...]:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row


def _emptying(connection: psycopg.Connection[Any]) -> bytes:
    """Return statements that leave the rows of migrations only: one text takes one round trip."""
    tables = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    ).fetchall()
    # Triggers are those of foreign keys: all tables are emptied, in whatever order.
    statements: list[sql.Composable] = [sql.SQL("SET LOCAL session_replication_role = replica")]
    for (table,) in tables:
        name = sql.Identifier(table)
        statements.append(sql.SQL("DELETE FROM {}").format(name))
        for row in connection.execute(sql.SQL("SELECT * FROM {}").format(name)).fetchall():
            values = sql.SQL(", ").join(map(sql.Literal, row))
            insert = sql.SQL("INSERT INTO {} OVERRIDING SYSTEM VALUE VALUES ({})")
            statements.append(insert.format(name, values))
    statements.append(sql.SQL(OTHER_INSTALLATION))
    # Later, the scans of this session would be counted among those of the next test.
    statements.append(sql.SQL("SELECT pg_stat_force_next_flush()"))
    return sql.SQL("; ").join(statements).as_bytes(connection)
