"""A statement that is sent ahead is answered, fails, or is called off like any other."""

from __future__ import annotations

import psycopg
import pytest
import sqlalchemy as sa

from photoqueue.queue.ahead import Ahead
from photoqueue.queue.database import Database


def test_answers_come_while_the_next_is_under_way(database: Database) -> None:
    with database.begin() as connection, Ahead(connection) as ahead:
        ahead.ask("SELECT int4send(%(n)s), NULL::bytea", {"n": 7})
        first = ahead.answer()
        ahead.ask("SELECT convert_to(repeat(%(text)s, 300000), 'UTF8')", {"text": "é%'"})

        assert first == [b"\0\0\0\7", None]
        assert ahead.answer() == [("é%'" * 300_000).encode()]


def test_what_nobody_waits_for_is_called_off(database: Database) -> None:
    with pytest.raises(KeyError), database.begin() as connection, Ahead(connection) as ahead:
        ahead.ask("SELECT pg_sleep(%(seconds)s)", {"seconds": 3600})
        raise KeyError

    with database.begin() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1


def test_an_answer_that_nobody_takes_leaves_the_connection_usable(database: Database) -> None:
    with database.engine.connect() as connection:
        with Ahead(connection) as ahead:
            ahead.ask("SELECT 1", {})
        connection.rollback()

        assert connection.scalar(sa.text("SELECT 2")) == 2


def test_a_statement_that_fails_raises_what_the_driver_raises(database: Database) -> None:
    with database.begin() as connection, Ahead(connection) as ahead:
        ahead.ask("SELECT 1 / %(n)s", {"n": 0})
        with pytest.raises(psycopg.errors.DivisionByZero):
            ahead.answer()


def test_a_connection_that_is_cut_raises_an_operational_error(database: Database) -> None:
    with (
        pytest.raises(psycopg.OperationalError),
        database.engine.connect() as connection,
        Ahead(connection) as ahead,
    ):
        ahead.ask("SELECT pg_terminate_backend(pg_backend_pid())", {})
        ahead.answer()
