"""Edits of projects: added, read, undone, each in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import sqlalchemy as sa

from photoqueue.errors import NotFoundError
from photoqueue.queue.database import Database
from photoqueue.queue.projects import unknown_project
from photoqueue.queue.tables import edits as table
from photoqueue.queue.tables import photos
from photoqueue.records.edits import Edit, EditKind

_LOCK = sa.text(
    "SELECT pg_advisory_xact_lock(hashtextextended('photoqueue.edits ' || :project, 0))"
)


#: Name of the token with which edits of this context are made; stored with them.
made_with: ContextVar[str | None] = ContextVar("made_with", default=None)


class MadeBeforeError(Exception):
    """An edit is sent again; :attr:`edit` is the one that was stored then."""

    def __init__(self, edit: Edit) -> None:
        super().__init__(f"edit {edit.number} was stored before")
        self.edit = edit


class EditLog:
    """The edits of one project, while nobody else can add any."""

    def __init__(self, connection: sa.Connection, project_id: str, ref: str | None = None) -> None:
        self._connection = connection
        self.project_id = project_id
        self._ref = ref
        #: Oldest first, with those that were undone.
        self.edits = _read(connection, table.c.project_id == project_id)

    def add(self, kind: EditKind, user_id: str, **what: Any) -> Edit:
        """Store an edit; ``what`` are the fields of :class:`Edit` that belong to its kind."""
        also = {"ref": self._ref, "token": made_with.get()}
        what |= {name: value for name, value in also.items() if value}
        made = Edit.model_construct(**what)
        stored = made.model_dump(mode="json", by_alias=True, exclude_none=True, include=set(what))
        values = {"project_id": self.project_id, "kind": kind, "user_id": user_id, "what": stored}
        row = self._connection.execute(sa.insert(table).values(values).returning(table)).one()
        return _edit(row)

    def undo(self, edit: Edit, user_id: str) -> Edit:
        """Undo an edit; return the edit that says so."""
        self._set(edit, {"undone_at": sa.func.now(), "undone_by": user_id})
        return self.add("undo", user_id, of=edit.number)

    def redo(self, edit: Edit, user_id: str) -> Edit:
        """Let an undone edit hold again; return the edit that says so."""
        self._set(edit, {"undone_at": None, "undone_by": None})
        return self.add("redo", user_id, of=edit.number)

    def _set(self, edit: Edit, values: dict[str, Any]) -> None:
        where = table.c.edit_id == edit.edit_id
        self._connection.execute(sa.update(table).where(where).values(values))


def require_new(edits: Iterable[Edit], ref: str | None) -> None:
    """Make sure that nothing was stored under a ``ref`` before.

    Raises
    ------
    MadeBeforeError
        It was.
    """
    before = [edit for edit in edits if ref and edit.ref == ref]
    if before:  # of several that were stored together, the last says what was done
        raise MadeBeforeError(before[-1])


@contextmanager
def editing(database: Database, project_id: str, *, ref: str | None = None) -> Iterator[EditLog]:
    """Open the edits of a project for writing; they are committed together at the end.

    Parameters
    ----------
    database, project_id
        Where, and of what.
    ref
        Stored with the edits, so that sending them again does not make them twice. Within another
        ``editing`` of this thread, of which this one is a part, it is not looked for again.

    Raises
    ------
    MadeBeforeError
        There is an edit with this ``ref``.
    UnknownProjectError
        The project has no photos: none was submitted, or it was erased.
    """
    part = database.joined
    with database.begin_joined() as connection:
        # This lock on `photos` makes an erasure wait, or be seen.
        if not connection.scalar(sa.select(sa.exists().where(photos.c.project_id == project_id))):
            raise unknown_project(project_id)
        connection.execute(_LOCK, {"project": project_id})
        log = EditLog(connection, project_id, ref)
        if not part:
            require_new(log.edits, ref)
        yield log


def of_project(database: Database, project_id: str, *, after: int = 0) -> list[Edit]:
    """Read the edits of a project with larger numbers than ``after``, oldest first."""
    with database.begin() as connection:
        return _read(connection, table.c.project_id == project_id, table.c.number > after)


def newest_number(database: Database, project_id: str) -> int:
    """Return the number of the newest edit of a project, which each change raises; 0 without."""
    query = sa.select(sa.func.max(table.c.number)).where(table.c.project_id == project_id)
    with database.begin() as connection:
        return connection.scalar(query) or 0


def reviewed_projects(database: Database) -> list[str]:
    """Return the projects in which a person reviewed a room, in alphabetical order."""
    standing = (table.c.kind == "reviewed") & table.c.undone_at.is_(None)
    query = sa.select(table.c.project_id).distinct().where(standing).order_by(table.c.project_id)
    with database.begin() as connection:
        return list(connection.scalars(query))


def project_of(database: Database, edit_id: int) -> str:
    """Return the project of a correction.

    Raises
    ------
    NotFoundError
        There is no such correction.
    """
    query = sa.select(table.c.project_id).where(table.c.edit_id == edit_id, table.c.kind == "count")
    with database.begin() as connection:
        found: str | None = connection.scalar(query)
    if found is None:
        raise NotFoundError(
            f"There is no correction {edit_id} in {database.address}. corrections(project) lists "
            "those of a project."
        )
    return found


def _read(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> list[Edit]:
    query = sa.select(table).where(*where).order_by(table.c.number)
    return [_edit(row) for row in connection.execute(query)]


def _edit(row: sa.Row[Any]) -> Edit:
    values = dict(row._mapping)
    return Edit.model_validate(values.pop("what") | values)
