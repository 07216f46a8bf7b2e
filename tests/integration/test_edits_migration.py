"""Migrating corrections to edits and back: nothing is lost, renumbered or given out twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from alembic import command

from photoqueue import correct, corrections, review, undo_correction
from photoqueue.errors import StateError
from photoqueue.installation import Installation
from photoqueue.queue.database import migrate
from tests.conftest import submit
from tests.integration.test_schema import alembic_config

#: As revision 0009 stored them; ids have gaps where insertions failed or projects were erased.
CORRECTIONS = """
    INSERT INTO inventory_corrections (correction_id, project_id, room, key, name, category, count,
        volume, dismountable, user_id, created_at, undone_at, undone_by)
    OVERRIDING SYSTEM VALUE VALUES
    (3, 'm1', 'salon', 'chair', 'chair', 'furniture', 6, NULL, NULL, 'ana', '2026-01-01',
        NULL, NULL),
    (4, 'm2', 'attic', NULL, 'kiln', 'appliance', 1, 0.8, true, 'ben', '2026-01-02', NULL, NULL),
    (9, 'm1', 'salon', 'chair', 'chair', 'furniture', 7, 0.5, false, 'ben', '2026-01-03',
        '2026-01-04', 'ana'),
    (20, 'm1', 'hall', 'desk', 'desk', 'furniture', 0, NULL, NULL, 'ana', '2026-01-05', NULL, NULL);
    ALTER TABLE inventory_corrections ALTER correction_id RESTART WITH 41
"""
READ = "SELECT * FROM inventory_corrections ORDER BY correction_id"


@pytest.fixture
def old(installation: Installation) -> Iterator[psycopg.Connection]:
    """Have the tables of revision 0009 with corrections, and a connection to them."""
    for project in ("m1", "m2"):
        submit(project, project_id=project, room="salon")
    downgrade(installation)
    with closing(psycopg.connect(installation.database.libpq_url, autocommit=True)) as connection:
        connection.execute(CORRECTIONS)
        yield connection


def downgrade(installation: Installation, revision: str = "0009") -> None:
    config = alembic_config()
    with installation.database.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def test_corrections_become_edits_with_their_ids(
    old: psycopg.Connection, installation: Installation
) -> None:
    before = old.execute(READ).fetchall()
    assert migrate(installation.database) is True

    assert old.execute(READ).fetchall() == before
    log = review("m1").log()
    assert list(log["number"]) == [1, 2, 3]
    assert list(log["what"]) == ["6 × chair in salon", "7 × chair in salon", "0 × desk in hall"]
    listed = corrections("m1", undone=True)
    assert list(listed["correction_id"]) == [3, 9, 20]
    assert list(listed["undone_by"].fillna("")) == ["", "ana", ""]
    (kiln,) = corrections("m2").itertuples()
    assert (kiln.correction_id, kiln.key, kiln.volume, kiln.dismountable) == (4, None, 0.8, True)

    assert undo_correction(20, user_id="cleo").undone_by == "cleo"
    with pytest.raises(StateError, match="already undone by ana"):
        undo_correction(9)
    assert list(corrections("m1")["correction_id"]) == [3]
    # 40 was given out, too, to a correction that is no longer there.
    assert correct("m2", room="salon", item="chair", count=1).correction_id > 40


def test_table_of_corrections_comes_back_with_them(
    old: psycopg.Connection, installation: Installation
) -> None:
    migrate(installation.database)
    review("m1").move("m1", room="hall")  # no correction
    made = correct("m1", room="hall", item="desk", count=2)
    undo_correction(3, user_id="cleo")
    edited = old.execute(READ).fetchall()
    assert [row[0] for row in edited] == [3, 4, 9, 20, made.correction_id]

    downgrade(installation)

    assert old.execute(READ).fetchall() == edited
    new = old.execute(
        "INSERT INTO inventory_corrections (project_id, room, name, category, count, user_id)"
        " VALUES ('m1', 'hall', 'chair', 'furniture', 1, 'ana') RETURNING correction_id"
    ).fetchone()
    assert new is not None and new[0] > made.correction_id
