"""Edits by the names of their verbs, for the shell and HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any, Final
from uuid import uuid4

from photoqueue.client.corrections import set_count
from photoqueue.client.identifiers import checked, checked_user
from photoqueue.client.review import Review
from photoqueue.errors import PayloadError
from photoqueue.installation import current
from photoqueue.queue import edit_log, projects
from photoqueue.records.edits import Edit


def edits(project_id: str, *, after: int = 0) -> list[Edit]:
    """Return the edits of a project with larger numbers than ``after``, oldest first.

    Numbers are in the order of the commits: whoever asks again with the last one misses none.

    Raises
    ------
    UnknownProjectError
        There is no such project.
    """
    database, project = current().database, checked("project_id", project_id)
    found = edit_log.of_project(database, project, after=after)
    if not found and not after:
        projects.require_project(database, project)
    return found


#: What can be said, by name.
VERBS: Final[Mapping[str, Callable[..., Edit]]] = {
    method.__name__.replace("_", "-"): method
    for method in (
        *(Review.rename, Review.remove, Review.add, Review.redraw, Review.same, Review.apart),
        *(Review.stays, Review.accept, Review.exclude, Review.move, Review.rename_room),
        *(Review.reviewed, Review.acknowledge, Review.undo, Review.redo, Review.place),
        Review.keep,
    )
} | {"count": set_count}


def edit(
    project_id: str,
    verb: str,
    /,
    *values: Any,
    user_id: str | None = None,
    ref: str | None = None,
    **named: Any,
) -> Edit:
    """Make an edit by the name of its verb in :data:`VERBS`.

    Parameters
    ----------
    project_id
        The project.
    verb, *values, **named
        The verb, and what it takes.
    user_id
        Who edits; default is the login name.
    ref
        A name of the edit that nobody else gives, such as a UUID. Sent again under it, after a
        server failed before it answered, the edit is not made twice: the first one is returned.

    Raises
    ------
    PayloadError
        There is no such verb, or its arguments are others.
    """
    return act(project_id, [(verb, values, named)], user_id=user_id, ref=ref)


#: A verb of :data:`VERBS`, and what it takes by position and by name.
Part = tuple[str, Sequence[Any], Mapping[str, Any]]


def act(
    project_id: str,
    parts: Sequence[Part],
    *,
    user_id: str | None = None,
    ref: str | None = None,
) -> Edit:
    """Make several edits as one action: all or none of them, and undone together.

    Parameters are as of :func:`edit`.

    Returns
    -------
    Edit
        The last of them.

    Raises
    ------
    PayloadError
        There is no such verb, or its arguments are others.
    """
    editor = _editor(project_id, user_id, ref)
    verbs = [_bound(editor, *part) for part in parts]
    if not verbs:
        raise PayloadError("Give at least one edit.")
    if len(verbs) == 1:
        return _once(verbs[0])
    # Only those that share a ref are known to belong together.
    editor.ref = editor.ref or str(uuid4())

    def all_of_them() -> Edit:
        with edit_log.editing(current().database, editor.project_id, ref=editor.ref):
            return [verb() for verb in verbs][-1]

    return _once(all_of_them)


def _bound(
    editor: Review, verb: str, values: Sequence[Any], named: Mapping[str, Any]
) -> Callable[[], Edit]:
    method = VERBS.get(verb)
    if method is None:
        raise PayloadError(
            "There is no edit {verb:.40}; choose one of {known}.",
            verb=repr(verb),
            known=", ".join(VERBS),
        )
    try:
        given = signature(method).bind(editor, *values, **named)
    except TypeError as exc:
        wanted = ", ".join(list(signature(method).parameters)[1:]) or "nothing"
        raise PayloadError(
            "{verb} takes {wanted}: {error}.", verb=verb, wanted=wanted, error=exc
        ) from None
    return lambda: method(*given.args, **given.kwargs)


def replace(
    project_id: str,
    photo_id: str,
    photo: bytes,
    *,
    file_name: str | None = None,
    user_id: str | None = None,
    ref: str | None = None,
) -> Edit:
    """Submit another photo in place of one, once for each ``ref``; see :meth:`Review.replace`."""
    editor = _editor(project_id, user_id, ref)
    return _once(lambda: editor.replace(photo_id, photo, file_name=file_name))


def _editor(project_id: str, user_id: str | None, ref: str | None) -> Review:
    project = checked("project_id", project_id)
    projects.require_project(current().database, project)
    named = None if ref is None else checked("ref", ref)
    return Review(project, checked_user(user_id), ref=named)


def _once(verb: Callable[[], Edit]) -> Edit:
    try:
        return verb()
    except edit_log.MadeBeforeError as before:
        return before.edit
