"""The tables: migrations and code agree, and a mismatch says what to run."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import pyfiles
from psycopg.conninfo import conninfo_to_dict

import photoqueue
from photoqueue.errors import ConfigurationError, DatabaseUnavailableError, SchemaMismatchError
from photoqueue.installation import Installation
from photoqueue.jobs import job_types
from photoqueue.queue import database as migrate_module
from photoqueue.queue.database import VERSION_TABLE, Database, current_revision, migrate
from photoqueue.queue.tables import RETIRED_TABLES, SCHEMA_REVISION, metadata
from photoqueue.services import Endpoints
from photoqueue.testing import with_database
from photoqueue.words import JobState, Outcome
from tests.databases import new_name
from tests.processes import at_once

MIGRATE = """
import sys
from photoqueue.queue.database import Database, migrate
print(migrate(Database(sys.argv[1])))
"""


@pytest.fixture
def empty_url(servers: Endpoints) -> Iterator[str]:
    """Make a database without tables."""
    name = new_name()
    admin = servers.database_url.get_secret_value()
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield with_database(admin, name)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    database = Database(empty_url)
    yield database
    database.close()


@pytest.fixture
def tables(database_url: str) -> Iterator[Database]:
    """Open a database that has the tables."""
    database = Database(database_url)
    yield database
    database.close()


def alembic_config() -> Config:
    config = Config()
    folder = str(Path(migrate_module.__file__).parent / "migrations")
    config.set_main_option("script_location", folder)
    return config


def set_revision(database: Database, revision: str) -> None:
    with database.begin() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = :r"), {"r": revision})


def test_migrations_make_exactly_the_tables_of_the_code(tables: Database) -> None:
    with tables.begin() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": VERSION_TABLE,
                "compare_type": True,
                "compare_server_default": True,
                "include_name": lambda name, kind, _: name not in RETIRED_TABLES,
            },
        )
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize(
    ("constraint", "words"),
    [
        ("jobs_state_check", JobState),
        ("job_attempts_outcome_check", Outcome),
    ],
)
def test_check_constraints_know_the_words_of_the_code(
    tables: Database, constraint: str, words: type[JobState]
) -> None:
    # Alembic does not compare check constraints.
    with tables.begin() as connection:
        text = connection.scalar(
            sa.text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name"),
            {"name": constraint},
        )
    assert {part.partition("'")[0] for part in text.split("'")[1::2]} == set(map(str, words))


def test_partial_indexes_are_those_of_the_code(tables: Database) -> None:
    # Nor does Alembic compare the conditions of partial indexes.
    wanted = {
        index.name: index.dialect_options["postgresql"]["where"] is not None
        for table in metadata.tables.values()
        for index in table.indexes
    }
    with tables.begin() as connection:
        found = dict(
            connection.execute(
                sa.text(
                    "SELECT relname, indpred IS NOT NULL FROM pg_index "
                    "JOIN pg_class ON oid = indexrelid WHERE relname = ANY(:names)"
                ),
                {"names": list(wanted)},
            ).fetchall()
        )
    assert found == wanted


def test_revision_of_the_code_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [SCHEMA_REVISION]


def test_migrating_makes_the_tables_and_a_second_time_nothing(empty: Database) -> None:
    assert migrate(empty) is True
    empty.check_schema()
    assert migrate(empty) is False
    empty.check_schema()


def test_migrating_reads_each_migration_once(
    empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    load = pyfiles.load_module_py

    def noting(module_id: str, path: str) -> ModuleType:
        read.append(Path(path).name)
        return load(module_id, path)

    monkeypatch.setattr(pyfiles, "load_module_py", noting)
    migrate(empty)
    migrations = sorted(name for name in read if name != "env.py")
    assert len(migrations) == int(SCHEMA_REVISION)
    assert migrations == sorted(set(migrations))


def test_migrating_keeps_the_rows_that_are_there(tables: Database) -> None:
    with tables.begin() as connection:
        before = connection.scalar(sa.text("SELECT installation_id FROM installation"))
    migrate(tables)
    with tables.begin() as connection:
        assert connection.scalar(sa.text("SELECT installation_id FROM installation")) == before


def test_fresh_installation_has_its_queues_and_one_identity(empty: Database) -> None:
    migrate(empty)
    with empty.begin() as connection:
        assert set(connection.scalars(sa.text("SELECT queue_name FROM queues"))) == set(job_types())
        assert connection.scalar(sa.text("SELECT count(*) FROM installation")) == 1


def test_ten_processes_may_migrate_at_once(empty_url: str, empty: Database) -> None:
    told = at_once(f"import alembic.command\n{MIGRATE}", 10, empty_url)
    assert "True" in {one.strip() for one in told}  # several, if they take turns
    empty.check_schema()


def test_tables_in_order_are_found_so_without_alembic(database_url: str) -> None:
    program = f"{MIGRATE}\nprint('alembic' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program, database_url], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]


def test_downgrade_leaves_no_table_and_upgrade_makes_them_again(tables: Database) -> None:
    config = alembic_config()
    with tables.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert set(sa.inspect(connection).get_table_names()) == {VERSION_TABLE}
    assert migrate(tables) is True
    tables.check_schema()


def test_tables_are_made_beside_those_of_another_application(empty: Database) -> None:
    with empty.begin() as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num varchar(32))"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('9f3c')"))
    assert migrate(empty) is True
    empty.check_schema()
    with empty.begin() as connection:
        versions = connection.execute(sa.text("SELECT version_num FROM alembic_version")).all()
    assert versions == [("9f3c",)]


def test_tables_of_the_version_before_go_on_and_keep_its_row(tables: Database) -> None:
    config = alembic_config()
    with tables.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0008")
        connection.execute(sa.text(f"ALTER TABLE {VERSION_TABLE} RENAME TO alembic_version"))
    assert tables.revision() == "0008"
    assert migrate(tables) is True
    tables.check_schema()
    with tables.begin() as connection:
        # by which a worker of that version finds its tables in order
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "0008"


def test_missing_tables_say_what_to_run(empty: Database) -> None:
    with pytest.raises(SchemaMismatchError, match=r"no tracking tables yet.*photoqueue migrate"):
        empty.check_schema()


def test_tables_behind_say_what_to_run(tables: Database) -> None:
    set_revision(tables, "0000")
    with pytest.raises(SchemaMismatchError, match=r"revision 0000.*photoqueue migrate"):
        tables.check_schema()


def test_emptied_version_table_counts_as_behind(tables: Database) -> None:
    with tables.begin() as connection:
        connection.execute(sa.text(f"DELETE FROM {VERSION_TABLE}"))
        assert current_revision(connection) is None
    with pytest.raises(SchemaMismatchError, match="photoqueue migrate"):
        tables.check_schema()


def test_tables_ahead_ask_for_an_upgrade_of_photoqueue(tables: Database) -> None:
    set_revision(tables, "9999")
    with pytest.raises(SchemaMismatchError, match=r"9999, which is newer.*Upgrade photoqueue"):
        tables.check_schema()


def test_tables_ahead_are_not_migrated(tables: Database) -> None:
    set_revision(tables, "9999")
    with pytest.raises(SchemaMismatchError, match="Upgrade photoqueue"):
        migrate(tables)
    with tables.begin() as connection:
        assert current_revision(connection) == "9999"


def test_missing_column_met_at_work_is_a_schema_mismatch(tables: Database) -> None:
    with (
        pytest.raises(SchemaMismatchError, match="photoqueue migrate"),
        tables.begin() as connection,
    ):
        connection.execute(sa.text("SELECT no_such_column FROM jobs"))


def test_configured_database_is_checked_and_not_migrated(empty_url: str, tmp_path: Path) -> None:
    settings = photoqueue.Settings(
        home=tmp_path, database_url=empty_url, redis_url="redis://127.0.0.1:1"
    )
    with pytest.raises(SchemaMismatchError):
        Installation.open(settings)
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT to_regclass('jobs')").fetchone() == (None,)
    gc.collect()  # the refused installation's connection


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nonsense", "not a database address"),
        ("postgresql://user:hunter2@host:port/db", "not a database address"),
        ("mysql://user:hunter2@host/db", "needs PostgreSQL"),
        ("sqlite:///jobs.db", "needs PostgreSQL"),
    ],
)
def test_wrong_address_names_its_variable_and_the_right_form(url: str, reason: str) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"DATABASE_URL.*{reason}.*postgresql://"
    ) as error:
        Database(url)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ana:hunter2@127.0.0.1:1/photos",
        "postgresql://ana:hun%40ter2@127.0.0.1:1/photos",
        "postgresql://127.0.0.1:1/photos?user=ana&password=hunter2",
    ],
)
def test_unreachable_server_says_which_and_hides_the_password(url: str) -> None:
    database = Database(url)
    with pytest.raises(
        DatabaseUnavailableError, match=r"127\.0\.0\.1:1/photos.*DATABASE_URL"
    ) as error:
        database.check_schema()
    for shown in (str(error.value), repr(database), database.address):
        assert "hunter2" not in shown
        assert "hun@ter2" not in shown
        assert "hun%40ter2" not in shown


def test_driver_may_be_named_in_the_address(database_url: str) -> None:
    for scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        database = Database(database_url.replace("postgresql", scheme, 1))
        database.check_schema()
        database.close()


def test_connection_that_is_in_use_at_the_close_is_closed_behind_it(database_url: str) -> None:
    database = Database(database_url)
    with database.begin() as connection:
        used = connection.connection.dbapi_connection
        database.close()
    assert used is not None
    assert used.closed  # type: ignore[attr-defined]  # psycopg's


@pytest.mark.parametrize(
    ("option", "advice"),
    [
        ("pgbouncer=true", "'pgbouncer'.*recognised by itself"),
        ("schema=public", "'schema'.*search_path"),
        ("ssl=no-verify", "'ssl'.*sslmode"),
        ("sslmode=require&connection_limit=5", "'connection_limit'.*Leave it out"),
    ],
)
def test_options_of_other_clients_are_named_with_what_to_write(option: str, advice: str) -> None:
    with pytest.raises(ConfigurationError, match=f"DATABASE_URL.*{advice}"):
        Database(f"postgresql://ana:hunter2@db.example/photos?{option}")


def test_tls_may_be_asked_for_as_other_clients_do() -> None:
    url = Database("postgresql://db.example/photos?ssl=true").libpq_url
    assert conninfo_to_dict(url)["sslmode"] == "require"


def test_several_servers_may_be_named(database_url: str) -> None:
    several = Database("postgresql://ana:pw@db1,db2:6543,[::1]:1,[fe80::1]/photos?sslmode=require")
    found = conninfo_to_dict(several.libpq_url)
    assert found["host"] == "db1,db2,::1,fe80::1"
    assert found["port"] == "5432,6543,1,5432"
    assert (found["user"], found["dbname"], found["sslmode"]) == ("ana", "photos", "require")
    assert several.address == f"postgresql://ana:***@{several.libpq_url.partition('@')[2]}"
    # The first is away, and the second takes writes.
    options = conninfo_to_dict(database_url)
    url = f"postgresql://{options['user']}@/{options['dbname']}?host=/nowhere,{options['host']}"
    with closing(Database(f"{url}&port=1,5432&target_session_attrs=read-write")) as database:
        database.check_schema()
