"""Corrections of inventories: added, read, undone."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from photoqueue.errors import NotFoundError, StateError
from photoqueue.queue.database import Database
from photoqueue.queue.tables import inventory_corrections as table
from photoqueue.records.results import Correction


def add(database: Database, **values: Any) -> Correction:
    """Store a correction, given by the columns of its row."""
    statement = sa.insert(table).values(values).returning(table)
    with database.begin() as connection:
        return _correction(connection.execute(statement).one())


def of_project(database: Database, project_id: str, *, undone: bool = False) -> list[Correction]:
    """Read the corrections of a project, oldest first; on request also those that were undone."""
    query = sa.select(table).where(table.c.project_id == project_id)
    if not undone:
        query = query.where(table.c.undone_at.is_(None))
    with database.begin() as connection:
        rows = connection.execute(query.order_by(table.c.correction_id)).all()
    return [_correction(row) for row in rows]


def undo(database: Database, correction_id: int, *, user_id: str) -> Correction:
    """Undo a correction; its row stays.

    Raises
    ------
    NotFoundError
        There is no such correction.
    StateError
        It was undone already.
    """
    standing = table.c.correction_id == correction_id
    statement = (
        sa.update(table)
        .where(standing, table.c.undone_at.is_(None))
        .values(undone_at=sa.func.now(), undone_by=user_id)
        .returning(table)
    )
    with database.begin() as connection:
        row = connection.execute(statement).first()
        before = None if row else connection.execute(sa.select(table).where(standing)).first()
    if row is not None:
        return _correction(row)
    if before is None:
        raise NotFoundError(
            f"There is no correction {correction_id} in {database.address}. corrections(project) "
            "lists those of a project."
        )
    raise StateError(
        f"Correction {correction_id} was already undone by {before.undone_by}; nothing was changed."
    )


def _correction(row: sa.Row[tuple[object, ...]]) -> Correction:
    return Correction.model_validate(dict(row._mapping))
